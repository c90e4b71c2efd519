"""A PKCS#11 token with a key on it: SoftHSM's, where that is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

MODULE = next((str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")), None)
IS_THERE = MODULE is not None and shutil.which("softhsm2-util") is not None

PIN = "PlantedPinOfTheToken+of?2026"
URI = f"pkcs11:token=work;object=me?module-path={MODULE}"


def make_token(folder: Path, key: bytes) -> dict[str, str]:
    """Put ``key`` (PEM) on a new token that is kept in ``folder``; return SoftHSM's variable."""
    (folder / "tokens").mkdir(parents=True)
    conf, file = folder / "conf", folder / "key"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    file.write_bytes(key)
    for words in (
        ["--init-token", "--free", "--label", "work", "--pin", PIN, "--so-pin", "5" * 24],
        [
            *("--import", str(file), "--token", "work"),
            *("--label", "me", "--id", "01", "--pin", PIN),
        ],
    ):
        subprocess.run(
            ["softhsm2-util", *words],
            env={"SOFTHSM2_CONF": str(conf), "PATH": "/usr/bin"},
            check=True,
            capture_output=True,
        )
    file.unlink()
    return {"SOFTHSM2_CONF": str(conf)}
