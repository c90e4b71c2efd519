"""Texts that stand for files, and the loader over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

from rolehop.base.errors import ConfigError, ConfigProblem
from rolehop.base.files import FileText
from rolehop.config import sts_limits, value_types
from rolehop.config.loader import load_config
from rolehop.config.model import Config
from rolehop.config.schema import Key, Table

HERE = Path("/home/alice/.config/rolehop")
MAIN = HERE / "config.toml"

KEYS = Table(
    "sources.NAME (keys)",
    "keys of an IAM user",
    (
        Key("mfa_serial", sts_limits.MFA_SERIAL, "the device"),
        Key("mfa_command", value_types.COMMAND, "prints the code"),
        Key("mfa_duration", sts_limits.MFA_DURATION, "how long"),
    ),
)


def _one_of_them(values: Mapping[str, object]) -> None:
    if "token_file" in values and "token_command" in values:
        raise ValueError("one of token_file and token_command, not both")


# A type with what the three of today lack: a template, a required key, a rule, a role's session.
SIGN_IN = Table(
    "sources.NAME (sign-in)",
    "a role's session from somewhere",
    (
        Key("account", value_types.ACCOUNT, "which", required=True, template=True),
        Key("start_url", value_types.URL, "where"),
        Key("flow", value_types.choice("auto", "pkce"), "how"),
        Key("trust_anchor", value_types.ARN, "what"),
        Key("scopes", value_types.TEXTS, "for what"),
        Key("token_file", value_types.PATH, "a file"),
        Key("token_command", value_types.COMMAND, "a command"),
        Key("policy", sts_limits.POLICY, "less"),
    ),
    rule=_one_of_them,
)
TYPES: Mapping[str, Table] = {"keys": KEYS, "sign-in": SIGN_IN}

Files = Mapping[str, str | FileText | Exception]


def reader(files: Files) -> Callable[[Path], FileText | None]:
    """Return a ``read`` that knows ``files`` by their path below ``HERE`` and no others."""
    known = {HERE / name: content for name, content in files.items()}

    def read(path: Path) -> FileText | None:
        content = known.get(path)
        if isinstance(content, Exception):
            raise content
        return FileText(str(path), dedent(content)) if isinstance(content, str) else content

    return read


def load(files: str | Files, *roots: str, explicit: bool = True) -> Config:
    """Load ``roots`` (``config.toml`` where none is named); one text is that file's."""
    named = {MAIN.name: files} if isinstance(files, str) else files
    return load_config(
        [HERE / root for root in roots or (MAIN.name,)],
        explicit=explicit,
        read=reader(named),
        source_types=TYPES,
    )


def error_of(files: str | Files, *roots: str, explicit: bool = True) -> ConfigError:
    """Return what loading raises."""
    try:
        config = load(files, *roots, explicit=explicit)
    except ConfigError as error:
        return error
    raise AssertionError(f"nothing was complained of: {config}")


def complaints_of(files: str | Files, *roots: str) -> list[tuple[str, int | None, str, str]]:
    """Return every complaint as file name, line, key, text."""
    return [_short(each) for each in error_of(files, *roots).complaints]


def _short(complaint: ConfigProblem) -> tuple[str, int | None, str, str]:
    name = str(Path(complaint.file).relative_to(HERE))
    return name, complaint.line, complaint.key, complaint.text


HUB = """\
[sources.alice]
type = "keys"
[chains.hub]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""
# Lines 1 to 5 are HUB; a case's own text begins at line 6.


def hop(keys: str) -> str:
    """A chain whose second hop has ``keys`` in lines 10 and on."""
    return f"""\
[chains.x]
source = "alice"
[[chains.x.hops]]
role = "333333333333:role/A"
{keys}"""


ROLE_HINT = '("arn:aws:iam::111111111111:role/NAME" or "111111111111:role/NAME")'
NAME_HINT = "(letters, digits, _ . @ + -; first a letter, a digit or _)"
SERIAL_HINT = '(e.g. "arn:aws:iam::111111111111:mfa/NAME", "GAHT12345678", or "auto")'
SET = "2 to 64 of letters, digits, _ + = , . @ -"


def check_one_problem(text: str, line: int, key: str, said: str) -> None:
    """Load ``text`` behind ``HUB``: exactly this is wrong with it."""
    whole = HUB + text
    if not text.startswith("["):
        # Top-level keys come before the first table; the empty lines keep the numbers.
        whole, line = f"{text}\n{HUB}", 1
    assert complaints_of(whole) == [("config.toml", line, key, said)]
