"""What a program can see decides under which key its sessions are kept, but for what the guide lists."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore import credentials
from hypothesis import given
from hypothesis import strategies as st

import rolehop
from rolehop.app.ports import Nobody
from rolehop.awsconfig import aws_config_paths, parse_aws_config
from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.plan.hop_keys import source_key
from rolehop.sources import SOURCE_TABLES, expand, stamp_of
from rolehop.sources.context import SourceContext
from rolehop.sources.program_state import AWS_FILES, CONTAINER_TOKEN, NAMES, PATHS
from tests.sources.machines import MemoryTokens, _NoKeys

SECTION = (Path(rolehop.__file__).parent / "guide" / "security.md").read_text()
SECTION = SECTION.partition("## Programs that sign in\n")[2]
VARIABLES = (*NAMES, *AWS_FILES, *PATHS)

KINDS = {
    "process": 'type = "process"\ncommand',
    "token": 'type = "web-identity"\nrole = "111111111111:role/A"\ntoken_command',
    "assertion": 'type = "saml"\nassertion_command',
    "profile": "",
}

# What botocore reads beside the variables in the key: what their values belong to is in it.
WITH_THE_KEY_ID = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
}

# The environment's credentials and profile, which a profile's process does not inherit.
NOT_FOR_PROFILES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
}


@dataclass(frozen=True)
class Seen:
    """All that a program is given, or could look at."""

    kind: str
    program: str = "tool"
    argument: str = "word"
    folder: str = "a"
    """Where rolehop is started."""

    config: str = "c"
    """Where its config is."""

    path: tuple[str, ...] = ("x", "y")
    home: str = "h"
    content: str = "1"
    variables: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with a program in some, and a file ``data`` in some."""
    root = tmp_path_factory.mktemp("worlds")
    for name in ("a", "b", "c", "d", "x", "y", "h", "i", "a/web"):
        (root / name).mkdir()
    for name in ("a", "b", "c", "d", "y"):
        (root / name / "tool").touch(0o700)
    (root / "x" / "tool").touch(0o600)  # nobody can start that
    for name in ("a", "b"):
        (root / name / "data").touch()
    return root


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def key_of(seen: Seen, root: Path) -> str:
    """Return the key of the session of ``seen``'s program."""
    (root / "y" / "tool").write_text(seen.content)
    (root / seen.home / "settings").write_text(seen.content)
    aws = parse_aws_config(
        f"[profile p]\ncredential_process = {shlex.join([seen.program, seen.argument])}", None
    )
    if seen.kind == "profile":
        settings = 'type = "profile"\nprofile = "p"'
    else:
        settings = f'{KINDS[seen.kind]} = ["{seen.program}", "{seen.argument}"]'
    file = root / seen.config / "config.toml"
    file.write_text(f"version = 1\n[sources.s]\n{settings}\n")
    config = load_config([file], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
    home = root / seen.home
    folders = os.pathsep.join(each and str(root / each) for each in seen.path)
    environ = {"PATH": folders, "HOME": str(home), **seen.variables}
    context = SourceContext(
        environ=environ,
        aws=aws,
        aws_files=aws_config_paths(environ, home),
        keys=_NoKeys(),
        now=lambda: datetime.now(UTC),
        person=Nobody("this is a test"),
        home=home,
        tokens=MemoryTokens(),
    )
    with _inside(root / seen.folder):
        base, _, _ = expand(config.sources["s"], aws)
        return source_key(base, stamp_of(base, context), None)


def decides(seen: Seen) -> tuple[object, ...]:
    """Return what of ``seen`` must be in the key: all but what the guide lists."""
    beside = seen.folder if seen.kind == "profile" else seen.config
    program: object = (beside, "tool")
    if seen.program == "tool":
        # Its own folder has an empty name on PATH. Nothing in x can be started.
        found = [each or seen.folder for each in seen.path if each != "x"]
        program = found[0] if found else None
    leads_here = {"./data": seen.kind == "profile"}.get(
        seen.argument, seen.argument.endswith("data") and seen.folder in ("a", "b")
    )
    gone = NOT_FOR_PROFILES if seen.kind == "profile" else ()
    values = {
        name: value
        for name, value in seen.variables.items()
        if name in VARIABLES and name not in gone
    }
    in_folder = leads_here or any(values.get(name) == "relative" for name in (*PATHS, *AWS_FILES))
    return (
        seen.kind,
        program,
        seen.argument,
        seen.argument == "./data" and beside,
        in_folder and seen.folder,
        seen.home,
        values,
    )


CHOICES: dict[str, st.SearchStrategy[object]] = {
    "program": st.sampled_from(["tool", "./tool"]),
    "argument": st.sampled_from(["word", "web", "data", "./data", "--in=data"]),
    "folder": st.sampled_from(["a", "b", "c"]),
    "config": st.sampled_from(["c", "d"]),
    "path": st.sampled_from([("x", "y"), ("y",), ("", "y"), ("y", ""), ("x",)]),
    "home": st.sampled_from(["h", "i"]),
    "content": st.sampled_from(["1", "22"]),
    "variables": st.dictionaries(
        st.sampled_from([*VARIABLES, "AWS_REGION", "EDITOR"]),
        st.sampled_from(["/one", "/two", "relative"]),
        max_size=2,
    ),
}


@given(st.sampled_from(list(KINDS)), st.data())
def test_worlds_share_a_session_only_if_they_differ_in_nothing_but_what_the_guide_lists(
    root: Path, kind: str, data: st.DataObject
) -> None:
    one = Seen(kind, **{name: data.draw(choice) for name, choice in CHOICES.items()})  # type: ignore[arg-type]
    changed = data.draw(st.lists(st.sampled_from(list(CHOICES)), min_size=1, max_size=2))
    other = replace(one, **{name: data.draw(CHOICES[name]) for name in changed})  # type: ignore[arg-type]
    same = decides(one) == decides(other)
    assert (key_of(one, root) == key_of(other, root)) == same


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_that_chooses_credentials_is_in_the_key(
    name: str, kind: str, root: Path
) -> None:
    keys = {
        key_of(Seen(kind, variables={name: value} if value else {}), root)
        for value in ("", "/one", "/two")
    }
    inherited = not (kind == "profile" and name in NOT_FOR_PROFILES)
    assert len(keys) == (3 if inherited else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_counts_where_there_is_an_address_to_send_it_to(kind: str, root: Path) -> None:
    def keys(**variables: str) -> set[str]:
        tokens = ("one", "two")
        return {
            key_of(Seen(kind, variables={CONTAINER_TOKEN: token, **variables}), root)
            for token in tokens
        }

    assert len(keys()) == 1
    assert len(keys(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:1/")) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO"])
def test_another_place_to_sign_in_at_is_another_key(name: str, kind: str, root: Path) -> None:
    plain = key_of(Seen(kind), root)
    assert key_of(Seen(kind, variables={name: "http://127.0.0.1:1"}), root) != plain


@pytest.mark.parametrize("kind", ["process", "token", "assertion"])
def test_a_session_of_rolehops_own_is_not_inherited(kind: str, root: Path) -> None:
    own = {"ROLEHOP_CHAIN": "c", "AWS_SESSION_TOKEN": "t"}
    keys = {key_of(Seen(kind, variables={**own, "AWS_ACCESS_KEY_ID": each}), root) for each in "ab"}
    assert keys == {key_of(Seen(kind), root)}


LEFT_OUT: dict[str, dict[str, object]] = {
    "what is in the program's file, and in all that it reads": {"content": "22"},
    "the folder that you are in, if no argument leads there": {"folder": "b"},
    "what an argument leads to there, if it is the bare name of a folder (`data`), glued (`-fdata`,"
    " `file://data`, `@data`), or in a script (`sh -c`)": {"folder": "c"},
    "the rest of `PATH`": {"path": ("y", "b")},
    "all other variables": {"variables": {"EDITOR": "vi", "AWS_REGION": "eu-west-1"}},
    "the config file that has the command, unless a word is relative to it": {"config": "d"},
    "the machine or container, where several share a keyring": {},
    "what is on the program's stdin": {},
    "who is at the terminal, at the browser or behind a token": {},
}
"""The rows of the guide, and how a world differs in what each names."""


def test_the_guide_lists_what_is_left_out() -> None:
    rows = re.findall(r"^\| (?!left out|---)(.*?) \| .+ \|$", SECTION, re.MULTILINE)
    assert rows == list(LEFT_OUT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", LEFT_OUT)
def test_what_the_guide_says_is_left_out_is_left_out(row: str, kind: str, root: Path) -> None:
    one = Seen(kind)
    assert key_of(replace(one, **LEFT_OUT[row]), root) == key_of(one, root)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("argument", ["web", "-fdata", "file://data", "@data", "cat data"])
def test_a_folder_and_what_is_glued_or_in_a_script_is_left_out(
    argument: str, kind: str, root: Path
) -> None:
    one = Seen(kind, argument=argument)
    assert key_of(one, root) == key_of(replace(one, folder="c"), root)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("argument", ["socket", "pipe"])
def test_what_is_neither_a_file_nor_a_folder_is_something_that_an_argument_leads_to(
    argument: str, kind: str, root: Path
) -> None:
    with _inside(root / "a"), socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        os.mkfifo("pipe")
    one = Seen(kind, argument=argument)
    try:
        assert key_of(one, root) != key_of(replace(one, folder="c"), root)
    finally:
        (root / "a" / "socket").unlink()
        (root / "a" / "pipe").unlink()


def test_the_guide_names_every_variable_in_the_key() -> None:
    listed = SECTION.partition("A program that inherits")[0]
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", listed))
    assert named == {*VARIABLES, CONTAINER_TOKEN, "PATH"}


def test_the_variables_of_single_sdks_are_in_the_key() -> None:
    """The SDKs for Go, Java (version 1) and Ruby; no secret: its ID stands for it."""
    ids = {"AWS_ACCESS_KEY", "AMAZON_ACCESS_KEY_ID"}
    secrets = {"AWS_SECRET_KEY", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN"}
    assert {*ids, "AWS_SDK_LOAD_CONFIG", "AWS_CREDENTIAL_PROFILES_FILE"} <= {*VARIABLES}
    assert not secrets & {*VARIABLES}


def test_no_variable_by_which_botocore_chooses_credentials_is_missing() -> None:
    found = set(re.findall(r"['\"](AWS_[A-Z0-9_]+)['\"]", inspect.getsource(credentials)))
    assert found <= {*VARIABLES, CONTAINER_TOKEN, *WITH_THE_KEY_ID}
