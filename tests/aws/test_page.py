"""The page after the sign-in, in a real browser without a window."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rolehop.aws.net.loopback_pages import PATH, Callback

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)")
@pytest.mark.parametrize(
    ("query", "title", "words"),
    [
        ("code=c", "Signed in · rolehop", "You can close this page"),
        ("error=access_denied", "Not signed in · rolehop", "refused"),
    ],
)
def test_chromium_shows_the_page_and_complains_of_nothing(
    tmp_path: Path, query: str, title: str, words: str
) -> None:
    assert CHROMIUM is not None
    with Callback("s") as callback:
        done = subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-proxy-server",
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--screenshot={tmp_path / 'page.png'}",
                "--dump-dom",
                f"http://127.0.0.1:{callback.port}{PATH}?{query}&state=s",
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert f"<title>{title}</title>" in done.stdout
    assert words in done.stdout
    # Its console reports what the page's own policy blocked.
    assert "CONSOLE" not in done.stderr
