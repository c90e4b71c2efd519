"""Checks of single values: each describes what is allowed, and returns the value ready for use.

A check raises ``ValueError`` with one sentence, or ``InvalidParts`` if a table or list has several
problems, each at its own place. The limits of STS are in ``sts_limits.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from rolehop.base.arn import ACCOUNT_ID, is_misspelt_region, is_principal, region_meant
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import format_duration, parse_duration
from rolehop.base.startup import Pattern
from rolehop.base.text import pluralize, quoted

Place = tuple[str | int, ...]
"""The path to a value: keys of tables and indexes of arrays."""

NAME_PATTERN = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
NOT_IN_NAMES = Pattern(r"[^A-Za-z0-9_.@+-]+")
_CONTROL = Pattern(r"[\x00-\x08\x0b-\x1f\x7f]")
_ANY_ARN = Pattern(r"arn:aws(?:-[a-z]+)*:[a-z0-9-]+:[a-z0-9-]*:(?:[0-9]{12}|aws)?:[\x21-\x7e]+")
_REGION = Pattern(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}")

# Every program must read the same host: no user name, no backslash, no percent sign in it.
_HTTPS = Pattern(r"https://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:[/?#][^\s\\]*)?")

# Plain http is allowed for emulators on this machine.
_LOOPBACK = Pattern(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?(?:[/?#][^\s\\]*)?")
_CLASS = Pattern(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_SHELL_WORDS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "<<", "2>", "2>&1"})
_COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be, for the loader (``run``) and for people (``kind``, ``limit``)."""

    kind: str
    """The type in a word or two, e.g. ``text`` or ``list of texts``."""

    limit: str
    """The other conditions in a few words; empty if any value of the type is allowed."""

    run: Callable[[object], object]
    """Returns the value ready for use; raises ``ValueError`` or ``InvalidParts``."""

    prose: bool = False
    """Braces are ordinary text here, so ``{user}`` is not a forgotten template."""


class InvalidParts(ValueError):
    """A table or list with problems inside. ``parts``: the place of each and its text."""

    def __init__(self, parts: tuple[tuple[Place, str], ...]) -> None:
        super().__init__("; ".join(text for _, text in parts))
        self.parts = parts


def as_text(value: object) -> str:
    """Return a non-empty string without control characters, except line ends and tabs."""
    if not isinstance(value, str):
        hint = "; write it in quotes" if isinstance(value, int | float) else ""
        raise ValueError(f"must be a string, not {kind_of(value)}{hint}")
    if not value.strip():
        raise ValueError("must not be empty")
    if _CONTROL.search(value):
        raise ValueError(f"has control characters: {quoted(value)}")
    return value


def as_list(value: object) -> list[object]:
    """Return an array as it is."""
    if not isinstance(value, list):
        raise ValueError(f"must be an array, not {kind_of(value)}")
    return value


def each_of(items: list[object], run: Callable[[object], str]) -> tuple[str, ...]:
    """Check every item of a list; all problems are raised at once, each at its index."""
    good: list[str] = []
    problems: list[tuple[Place, str]] = []
    for index, item in enumerate(items):
        try:
            good.append(run(item))
        except ValueError as error:
            problems.append(((index,), str(error)))
    if problems:
        raise InvalidParts(tuple(problems))
    return tuple(good)


def as_table(value: object) -> dict[str, object]:
    """Return a table as it is."""
    if not isinstance(value, dict):
        raise ValueError(f"must be a table, not {kind_of(value)}")
    return value


def matching(pattern: Pattern, what: str) -> Callable[[object], str]:
    """Return a check for texts that ``pattern`` fully matches; ``what`` completes "not …"."""

    def run(value: object) -> str:
        text = as_text(value)
        if pattern.fullmatch(text) is None:
            raise ValueError(f"not {what}: {quoted(text)}")
        return text

    return run


def text(limit: str = "", pattern: Pattern | None = None, *, kind: str = "text") -> Check:
    """Return a check for a string; ``limit`` describes ``pattern`` in words."""
    return Check(kind, limit, as_text if pattern is None else matching(pattern, limit or "valid"))


def choice(*words: str) -> Check:
    """Return a check for one word of a closed list."""
    listed = ", ".join(f'"{word}"' for word in words)

    def run(value: object) -> str:
        given = as_text(value)
        if given not in words:
            from rolehop.base.text import did_you_mean

            hint = did_you_mean(given, words) or f"; it may be {listed}"
            raise ValueError(f"not one of the allowed values: {quoted(given)}{hint}")
        return given

    return Check("choice", f"one of {listed}", run)


def duration(least: int, most: int) -> Check:
    """Return a check for a duration between two bounds in seconds; it returns whole seconds."""
    bounds = f"{format_duration(least)} to {format_duration(most)}"

    def run(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(
                f'must be a duration like "30m" or whole seconds, not {kind_of(value)}'
            )
        seconds = value if isinstance(value, int) else parse_duration(value)
        if not least <= seconds <= most:
            side = "shorter" if seconds < least else "longer"
            shown = quoted(value) if isinstance(value, str) else value
            raise ValueError(f"{side} than allowed: {shown}; it may be {bounds}")
        return seconds

    return Check("duration", bounds, run)


def size(least: int, most: int) -> Check:
    """Return a check for a size between two bounds in megabytes; it returns bytes."""
    bounds = f"{least} MB to {most} MB"

    def run(value: object) -> int:
        found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f'must be a size like "50 MB", not {kind_of(value)}')
        megabytes = int(found["number"]) * (1000 if found["unit"].upper() == "G" else 1)
        if not least <= megabytes <= most:
            raise ValueError(f"a size that is not allowed: {value}; it may be {bounds}")
        return megabytes * 1_000_000

    return Check("size", bounds, run)


_SIZE = Pattern(r"(?P<number>[0-9]{1,6}) ?(?P<unit>[MGmg])[Bb]")


def _region(value: object) -> str:
    given = as_text(value)
    if _REGION.fullmatch(given) is None or is_misspelt_region(given):
        meant = region_meant(given)
        raise ValueError(
            f"not a region: {quoted(given)}" + (f'; did you mean "{meant}"?' if meant else "")
        )
    return given


EVERY_REGION = "enabled"
"""Stands for every region that an account has enabled."""

_REGION_PATTERN = Pattern(r"[a-z0-9?*-]*[?*][a-z0-9?*-]*")


def region_choice(value: object) -> str:
    """Return a region, `EVERY_REGION`, or a pattern of regions that an account has enabled.

    Raises:
        ValueError: it is none of these.
    """
    given = as_text(value)
    is_pattern = _REGION_PATTERN.fullmatch(given) is not None
    return given if is_pattern or given == EVERY_REGION else _region(given)


def _regions(value: object) -> tuple[str, ...]:
    items: list[object] = [value] if isinstance(value, str) else as_list(value)
    found = each_of(items, region_choice)
    if not found:
        raise ValueError("must not be empty; leave it out instead")
    return tuple(dict.fromkeys(found))


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        quotes = "; write it without quotes" if value in ("true", "false") else ""
        raise ValueError(f"must be true or false, not {kind_of(value)}{quotes}")
    return value


def _principal(value: object) -> str:
    arn = as_text(value)
    if not is_principal(arn):
        raise ValueError(f"not the ARN of a user, role, session or root: {quoted(arn)}")
    return arn


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        arguments = each_of(value, _argument)
    elif isinstance(value, str):
        arguments = _split(value)
    else:
        raise ValueError(f"must be a string or an array of strings, not {kind_of(value)}")
    if not arguments or not arguments[0]:
        raise ValueError("names no program")
    return arguments


def _argument(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {kind_of(value)}; write it in quotes")
    if "\0" in value:
        raise ValueError("has a NUL character")
    return value


def _split(line: str) -> tuple[str, ...]:
    import shlex

    try:
        arguments = tuple(shlex.split(_argument(line)))
    except ValueError as error:
        # The words of shlex ("No closing quotation"), in lower case like the others.
        raise ValueError(f"not a command: {str(error).lower()}") from None
    for word in arguments:
        if word in _SHELL_WORDS:
            raise ValueError(f"no shell runs this, so {word} has no effect; put it in a script")
    return arguments


def _texts(value: object) -> tuple[str, ...]:
    return each_of(as_list(value), as_text)


def _labels(value: object) -> tuple[tuple[str, str], ...]:
    problems: list[tuple[Place, str]] = []
    for name, label in as_table(value).items():
        try:
            _name(name)
            as_text(label)
        except ValueError as error:
            problems.append(((name,), f"{error}{_meant(name, label)}"))
    if problems:
        raise InvalidParts(tuple(problems))
    return tuple((name, str(label)) for name, label in as_table(value).items())


BACKENDS = ("secret-service", "kwallet", "kernel", "pass", "keychain", "wincred")
"""The keyrings that are called by a plain name."""


def _backend(value: object) -> str | None:
    given = as_text(value)
    if given == "auto":
        return None
    if given not in BACKENDS and _CLASS.fullmatch(given) is None:
        from rolehop.base.text import did_you_mean

        known = ", ".join(map(quoted, ("auto", *BACKENDS)))
        hint = did_you_mean(given, BACKENDS) or f'; it may be {known}, or a class "module.Class"'
        raise ValueError(f"not a keyring: {quoted(given)}{hint}")
    return given


def _url(value: object) -> str:
    given = as_text(value)
    if not (_HTTPS.fullmatch(given) or _LOOPBACK.fullmatch(given)) or not _is_address(given):
        raise ValueError(f"not an https address: {quoted(_without_secrets(given))}")
    return given


def _is_address(url: str) -> bool:
    """True unless what is in brackets in ``url`` is no IPv6 address."""
    if "[" not in url:
        return True
    from ipaddress import IPv6Address

    try:
        IPv6Address(url.partition("[")[2].partition("]")[0])
    except ValueError:
        return False
    return True


def _without_secrets(url: str) -> str:
    """Return ``url`` for messages, without user name, password and query."""
    before, mark, rest = url.partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{before}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _account(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError("must be a string, not an integer; write the account ID in quotes")
    given = as_text(value)
    if ACCOUNT_ID.fullmatch(given) is None:
        raise ValueError(not_an_account(given))
    return given


def not_an_account(text: str, example: str = '"012345678901"') -> str:
    """Return what is wrong with an account ID, and how one looks."""
    digits = text.replace("-", "").replace(" ", "")
    if not (digits.isascii() and digits.isdecimal()):
        hint = f"it needs 12 digits, as in {example}"
    elif len(digits) == 12:
        hint = f'write it without - and blanks: "{digits}"'
    else:
        hint = f"it has {pluralize(len(digits), 'digit')} and needs 12, as in {example}"
    return f"not an account ID: {quoted(text)}; {hint}"


NamedAccounts = tuple[tuple[str, str], ...]
"""Account IDs, each with its name or an empty text."""


def account_name(text: str) -> str:
    """Return the name of an account.

    Raises:
        ValueError: it is no name, or it could be taken for an ID.
    """
    if ACCOUNT_ID.fullmatch(text):
        raise ValueError(f"an account ID is not the name of an account: {quoted(text)}")
    return _name(text)


def _meant(name: str, value: object) -> str:
    """Return the line that may have been meant, for the end of a message; empty: the name is one."""
    if ACCOUNT_ID.fullmatch(name) and isinstance(value, str) and NAME_PATTERN.fullmatch(value):
        return f"; write {value} = {quoted(name)}"
    meant = name_meant(name)
    if NAME_PATTERN.fullmatch(name) or not meant or not isinstance(value, str):
        return ""
    return f"; write {meant} = {quoted(value)}"


def _accounts(value: object) -> NamedAccounts:
    if isinstance(value, dict):
        return _named_accounts(value)
    found = each_of(as_list(value), _account)
    first: dict[str, int] = {}
    problems = tuple(
        ((index,), f"account {account} is listed twice")
        for index, account in enumerate(found)
        if first.setdefault(account, index) != index
    )
    if problems:
        raise InvalidParts(problems)
    return tuple((account, "") for account in found)


def _named_accounts(table: dict[str, object]) -> NamedAccounts:
    """Return the accounts of ``{ billing = "444444444444", … }``."""
    named: dict[str, str] = {}
    problems = []
    for name, value in table.items():
        try:
            account_name(name)
            account = _account(value)
            if account in named:
                raise ValueError(f"account {account} has a name already: {named[account]}")
            named[account] = name
        except ValueError as error:
            problems.append(((name,), f"{error}{_meant(name, value)}"))
    if problems:
        raise InvalidParts(tuple(problems))
    return tuple(named.items())


_NAME_LIMIT = "letters, digits, _ . @ + -; first a letter, a digit or _"


def name_meant(text: str) -> str:
    """Return a name that is like ``text``; empty if nothing of it can stand in one."""
    return NOT_IN_NAMES.compiled.sub("-", text.strip()).lstrip(".@+-").rstrip("-")


def slug(name: str) -> str:
    """Return ``name`` in the letters that a config's names have, with hyphens for all others."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return name_meant(plain) or "profile"


_name = matching(NAME_PATTERN, f"a name ({_NAME_LIMIT})")


def _container(value: object) -> str | None:
    """Return ``true`` or ``granted``, ``None`` for false."""
    if isinstance(value, bool):
        return "true" if value else None
    if value != "granted":
        raise ValueError('must be true, false or "granted"')
    return "granted"


TEXT = text()
PROSE = Check("text", "", as_text, prose=True)
NAME = Check("name", _NAME_LIMIT, _name)
BOOLEAN = Check("boolean", "", _boolean)
TEXTS = Check("list of texts", "", _texts)
LABELS = Check("table of texts", "", _labels)
ACCOUNT = Check("account ID", "12 digits, in quotes", _account)

ACCOUNTS = Check(
    "list of account IDs, or table of names and IDs", "12 digits each, none twice", _accounts
)

ARN = text("an ARN", _ANY_ARN, kind="ARN")
PRINCIPAL = Check("ARN", "of a user, role, session or root", _principal)
REGION = Check("region", "a region", _region)
REGIONS = Check("list of regions", 'or patterns such as "eu-*", or "enabled"', _regions)
URL = Check("URL", "https", _url)
PATH = Check("path", "relative to this file", as_text)
COMMAND = Check(
    "command",
    "a list, or one text split into words; no shell; ./ is beside this file",
    _command,
    prose=True,
)
CONTAINER = Check("boolean, or text", 'or "granted"', _container)
COLOR = choice(*_COLORS, *(f"bright_{color}" for color in _COLORS))
BACKEND = Check(
    "text",
    f'"auto", {", ".join(map(quoted, BACKENDS))}, or a class "module.Class"',
    _backend,
)
MIN_TTL = duration(0, 43_200)

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),  # before int: a bool is one
    (int, "an integer"),
    (float, "a float"),
    (str, "a string"),
    (list, "an array"),
    (dict, "a table"),
)


def kind_of(value: object) -> str:
    """Return what TOML calls the type of ``value``, with its article."""
    for python_type, name in _KINDS:
        if isinstance(value, python_type):
            return name
    return "a date or time"


SECRET_WORDS = ("secret", "token", "password", "passphrase", "access_key")
"""A key whose name has one of these holds a secret: its value is not repeated in a message."""
