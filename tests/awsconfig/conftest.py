"""An environment without any AWS variable, and a botocore that reads the texts of a test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import botocore.session
import pytest

Boto = Callable[..., botocore.session.Session]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith(("AWS_", "ROLEHOP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def boto(tmp_path: Path) -> Boto:
    """A botocore session over two texts; ``None`` is a file that is not there."""

    def session(
        config: str | None, credentials: str | None = None, profile: str | None = None
    ) -> botocore.session.Session:
        for name, text in (("config", config), ("credentials", credentials)):
            path = tmp_path / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8", newline="")
        return botocore.session.Session(profile=profile)

    return session
