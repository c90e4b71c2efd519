"""AWS files of the test's own, and a botocore that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import botocore.session
import pytest

Boto = Callable[..., botocore.session.Session]


@pytest.fixture(autouse=True)
def aws_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let botocore read the AWS files of the test."""
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
        # Its handlers are for calls, and making them takes ten times what reading does.
        return botocore.session.Session(profile=profile, include_builtin_handlers=False)

    return session
