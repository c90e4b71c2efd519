"""What the tests of all real shells share: where they are, and what a child of one sees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

PATH = os.environ.get("PATH", os.defpath)
# What shells keep for themselves.
OWN = {
    *("_", "PWD", "OLDPWD", "SHLVL", "A__z", "_AST_FEATURES"),
    *("LAST_RETURN_CODE", "__ALIAS_STACK", "__ALIAS_NAME"),
}
PRINTABLE = "".join(map(chr, range(32, 127)))


def need(name: str) -> None:
    """Skip the test if the shell is not installed."""
    if shutil.which(name, path=PATH) is None:
        pytest.skip(f"{name} is not installed")


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))


def variables_in(folder: Path, name: str) -> dict[str, str]:
    """Return the variables of a file that ``env -0`` wrote, without those of shells."""
    raw = (folder / name).read_bytes().decode("utf-8", "surrogateescape")
    pairs = (line.split("=", 1) for line in raw.split("\0") if line)
    return {key: value for key, value in pairs if key not in OWN}


def values_with(often: str) -> st.SearchStrategy[str]:
    """Return texts of any character but NUL and lone surrogates; those of ``often`` come often."""
    others = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    return st.text(st.sampled_from(often) | others, max_size=30)
