from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.config.init.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path)
    monkeypatch.setenv("ROLEHOP_TEST_KEYRING", home.environ["ROLEHOP_TEST_KEYRING"])
    return home
