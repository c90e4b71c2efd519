"""The map of the house: which room may open whose door, and by which doors secrets leave.

A new room, or a new arrow between rooms, is a line here, so that it is seen in review.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rolehop

ROOT = Path(rolehop.__file__).parent

# As good as the standard library: classes of values, and lines for --debug.
GROUND = {"__version__", "debug", "values"}

# Words: everybody may use them, they use nobody.
WORDS = {"errors", "arn", "credentials", "durations", "patterns", "words"}

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "debug": set(),
    "values": set(),
    "errors": set(),
    "arn": {"patterns"},
    "credentials": set(),
    "durations": {"patterns", "words"},
    "patterns": set(),
    "words": set(),
    # the hot path: three small rooms that import next to nothing
    "record": set(),
    "keyctl": set(),
    # completion: the same for the names of chains
    "commands": set(),
    "names": {"record"},
    "complete": {"commands", "names"},
    "bus": set(),
    "fast": {"record", "keyctl", "bus"},
    # thought: no file, no clock, no network, no keyring
    "config": WORDS | {"files"},  # FileText, the shape in which text comes in
    "awsconfig": WORDS | {"config"},
    "plan": WORDS | {"config", "trust"},  # whether a session policy leaves the next hop possible
    "ports": WORDS | {"plan"},
    "refusals": WORDS | {"plan", "ports"},
    "walk": WORDS | {"plan", "ports", "refusals"},
    "rotate": WORDS | {"ports"},
    "handover": WORDS | {"record"},
    "integration": {"handover"},
    # usable as a library; config: the limits that a value in it has to keep
    "trust": {"errors", "arn", "words", "patterns", "durations", "config"},
    # config: how a key is written as TOML; credentials: never
    "show": {"arn", "config", "durations", "words", "plan", "trust"},
    # hands: each touches one thing outside
    "files": set(),
    "pool": set(),
    "recent": {"files"},
    "told": {"files", "patterns", "plan"},
    # trust: what IAM says, as its records; files: the token cache of the AWS CLI
    "aws": WORDS | {"awsconfig", "files", "plan", "ports", "trust"},
    # files: tokens, assertions and keys, whose pipes must hold nobody up
    "sources": WORDS | {"awsconfig", "aws", "config", "files", "plan", "ports", "signin"},
    "signin": WORDS,
    "vault": WORDS | {"files", "keyctl", "plan", "ports", "record"},
}
DOORS_TO_THE_STREET = {"cli", "demo", "__main__"}  # they may use every room

# Who may use which library: all AWS traffic passes one room, all keyring calls another.
LIBRARIES = {
    "boto3": {"aws", "demo"},
    "botocore": {"aws"},
    "click": {"cli"},
    "cryptography": {"aws"},
    "dataclasses": {"values"},  # half a millisecond a class
    "keyring": {"vault", "demo"},
    "moto": {"demo"},
    "pkcs11": {"aws"},
    "platformdirs": {"cli"},
    "prompt_toolkit": {"cli"},
    "rich": {"cli", "demo", "show"},
}

# Where a secret's plain text may be asked for: to sign, to rest, to be handed over.
DOORS = {
    "aws": "signs calls",
    "vault": "writes keyring items",
    "handover": "gives sessions to programs",
    "awsconfig": "hashes the sections a profile is made of",
}

# Where the environment and the process itself are read.
ENVIRONMENT = {"__main__.py", "cli/wiring.py", "demo"}


def rooms() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                [f"rolehop.{alias.name}" for alias in node.names]
                if node.module == "rolehop"
                else [node.module]
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_file = pytest.mark.parametrize("path", rooms(), ids=name_of)


@every_file
def test_doors_open_one_way(path: Path) -> None:
    here = room(path)
    if here in DOORS_TO_THE_STREET:
        return
    opened = {name.split(".")[1] for name in imports(path) if name.startswith("rolehop.")}
    assert opened - GROUND <= MAY_IMPORT[here] | {here}


@every_file
def test_each_library_has_its_room(path: Path) -> None:
    for name in imports(path):
        allowed = LIBRARIES.get(name.split(".")[0])
        assert allowed is None or room(path) in allowed, f"{name} is imported here"


@every_file
def test_secrets_leave_by_known_doors_only(path: Path) -> None:
    asked = any(
        isinstance(node, ast.Attribute) and node.attr == "reveal"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    assert not asked or room(path) in DOORS, "a secret is revealed here"


@every_file
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    if name_of(path) in ENVIRONMENT or room(path) in ENVIRONMENT:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (
            isinstance(node, ast.Attribute)
            and node.attr in ("environ", "getenv")
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        )


@every_file
def test_a_module_opens_with_one_sentence(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, "no docstring"
    first = said.split("\n\n")[0]
    assert first.rstrip().endswith((".", ":", "…")) or path.name == "errors.py", first


@every_file
def test_a_file_fits_in_a_head(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 450, f"{lines} lines: two purposes live here"
