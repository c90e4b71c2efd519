"""A fleet's ``accounts``: what AWS is asked for, or what a file of them lists, each checked."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.base.arn import ACCOUNT_ID
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.startup import Pattern
from rolehop.base.text import did_you_mean, quoted
from rolehop.config.value_types import (
    NAME_PATTERN,
    InvalidParts,
    NamedAccounts,
    account_name,
    as_list,
    as_table,
    as_text,
    each_of,
    name_meant,
    not_an_account,
)

ORGANIZATION, IDENTITY_CENTER = "organization", "identity_center"
EVERY_ROLE = "*"


@dataclass(frozen=True, slots=True)
class OrganizationAccounts:
    """The active accounts of an organization, or some of them."""

    chain: str
    """The chain that reads Organizations: the management account's, or a delegated administrator's."""

    units: tuple[str, ...] = ()
    """Patterns of OU paths from the root (``Prod``, ``Prod/*``), or IDs of OUs; none: every account."""

    tags: tuple[tuple[str, str], ...] = ()
    """Tags that the account must have, all of them; the values are patterns."""

    exclude: tuple[str, ...] = ()
    """IDs, or patterns of names, of accounts to leave out."""

    reads_tags: bool = False
    """Tags are asked for though none leaves an account out: ``tags = true``."""

    kind = ORGANIZATION
    knows_tags_and_units = True

    @property
    def through(self) -> str:
        """The chain or source that it is asked through."""
        return self.chain

    @property
    def definition(self) -> str:
        """A digest that another query never has."""
        asked = (self.units, sorted(self.tags), self.reads_tags, self.exclude)
        return digest_of(self.kind, self.chain, *asked)


@dataclass(frozen=True, slots=True)
class IdentityCenterAccounts:
    """The accounts and roles that a person has through Identity Center."""

    source: str
    """The source of type ``identity-center`` that signs in."""

    roles: tuple[str, ...] = (EVERY_ROLE,)
    """Names of roles (permission sets), or `EVERY_ROLE`."""

    exclude: tuple[str, ...] = ()
    """As of an organization."""

    kind = IDENTITY_CENTER
    knows_tags_and_units = False

    @property
    def through(self) -> str:
        """The chain or source that it is asked through."""
        return self.source

    @property
    def names_roles(self) -> bool:
        """True if its chains are called FLEET/ACCOUNT/ROLE: an account may have several."""
        return self.roles == (EVERY_ROLE,) or len(self.roles) > 1

    @property
    def definition(self) -> str:
        """A digest that another query never has."""
        return digest_of(self.kind, self.source, self.roles, self.exclude)


AccountQuery = OrganizationAccounts | IdentityCenterAccounts

_KEYS = {
    ORGANIZATION: (ORGANIZATION, "ou", "tags", "exclude"),
    IDENTITY_CENTER: (IDENTITY_CENTER, "role", "exclude"),
}


def is_query(value: object) -> bool:
    """True if ``value`` asks AWS; a table of names and IDs may call an account ``organization``."""
    if not isinstance(value, dict):
        return False
    asked = [value[key] for keys in _KEYS.values() for key in keys if key in value]
    plain = all(isinstance(each, str) and _like_an_id(each) for each in asked)
    return bool(asked) and not plain


def _like_an_id(text: str) -> bool:
    """True for an account ID, also one with a digit too few, or with dashes and blanks."""
    return not text.strip("0123456789- ") and any(each.isdecimal() for each in text)


def read_query(value: object) -> AccountQuery:
    """Return what a table asks for.

    Raises:
        ValueError: it has other keys, or wrong values; `InvalidParts` has each with its place.
    """
    table = as_table(value)
    if table.keys().isdisjoint(_KEYS):
        raise ValueError(f'needs {ORGANIZATION} = "CHAIN" or {IDENTITY_CENTER} = "SOURCE"')
    kind = ORGANIZATION if ORGANIZATION in table else IDENTITY_CENTER
    problems: list[tuple[tuple[str | int, ...], str]] = []
    found: dict[str, object] = {}
    for key, each in table.items():
        try:
            found[key] = _checked(kind, key, each)
        except InvalidParts as error:
            problems += [((key, *place), text) for place, text in error.parts]
        except ValueError as error:
            problems.append(((key,), str(error)))
    if problems:
        raise InvalidParts(tuple(problems))
    return _query(kind, found)


def _query(kind: str, found: Mapping[str, object]) -> AccountQuery:
    exclude = _tuple(found, "exclude")
    through = str(found[kind])
    if kind == IDENTITY_CENTER:
        return IdentityCenterAccounts(through, _tuple(found, "role") or (EVERY_ROLE,), exclude)
    tags = found.get("tags")
    pairs = tags if isinstance(tags, tuple) else ()
    return OrganizationAccounts(through, _tuple(found, "ou"), pairs, exclude, tags == ())


def _tuple(found: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = found.get(key, ())
    return value if isinstance(value, tuple) else ()


def _checked(kind: str, key: str, value: object) -> object:
    known = _KEYS[kind]
    if key not in known:
        other = ORGANIZATION if kind == IDENTITY_CENTER else IDENTITY_CENTER
        if key == other:
            raise ValueError(f"a fleet has {ORGANIZATION} or {IDENTITY_CENTER}, not both")
        hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
        raise ValueError(f"unknown key{hint}")
    if key == kind:
        return as_text(value)
    if key == "tags":
        return _tags(value)
    if key == "role":
        return _roles(value)
    return _patterns(value)


def _patterns(value: object) -> tuple[str, ...]:
    """Return a list of texts, or one text as such a list."""
    items: list[object] = [value] if isinstance(value, str) else as_list(value)
    found = each_of(items, as_text)
    if not found:
        raise ValueError("must not be empty; leave it out instead")
    return found


def _roles(value: object) -> tuple[str, ...]:
    found = _patterns(value)
    wrong = [each for each in found if "/" in each or (EVERY_ROLE in each and len(found) > 1)]
    wrong += [each for each in found if EVERY_ROLE in each and each != EVERY_ROLE]
    if wrong:
        raise ValueError(f'write names of roles, or "*" alone for all of them: {quoted(wrong[0])}')
    return found


def _tags(value: object) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a table; none for ``true``: tags are read, and leave no account out."""
    if value is True:
        return ()
    table = as_table(value)
    wrong = [key for key, each in table.items() if not isinstance(each, str)]
    if wrong:
        raise InvalidParts(tuple(((key,), "must be a string") for key in wrong))
    if not table:
        raise ValueError("must not be empty; leave it out instead")
    return tuple((key, str(each)) for key, each in table.items())


def is_account_id(text: str) -> bool:
    """True for twelve digits."""
    return ACCOUNT_ID.fullmatch(text) is not None


_BLANKS = Pattern(r"[ \t]+")
_ID = Pattern(r"(?<![0-9])[0-9]{12}(?![0-9])")


def read_accounts(text: str) -> tuple[NamedAccounts, list[tuple[int, str]]]:
    """Return the accounts, and what is wrong: lines (from 1) and words. ``#`` begins a comment."""
    lines: dict[str, int] = {}
    accounts: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        account, name = (*_BLANKS.compiled.split(written, maxsplit=1), "")[:2]
        try:
            _check_listed(account, name, written, lines)
        except ValueError as error:
            problems.append((number, str(error)))
            continue
        accounts[account] = name
        lines[account] = lines[name] = number
    return tuple(accounts.items()), problems


def _check_listed(account: str, name: str, written: str, lines: Mapping[str, int]) -> None:
    """Check a line; ``lines``: where the IDs and names before it are.

    Raises:
        ValueError: it is not an ID and perhaps a name, or one of them is listed already.
    """
    is_account = ACCOUNT_ID.fullmatch(account) is not None
    is_name = not name or NAME_PATTERN.fullmatch(name) is not None
    if not is_account or not is_name:
        raise ValueError(_wrong_line(account, name, written))
    if account in lines:
        raise ValueError(f"account {account} is listed twice, first in line {lines[account]}")
    if name:
        account_name(name)
        if name in lines:
            raise ValueError(f"the name {name} is listed twice, first in line {lines[name]}")


def _wrong_line(account: str, name: str, written: str) -> str:
    """Return what is wrong with a line, and the right one."""
    found = _ID.compiled.findall(written)
    if len(found) != 1:
        example = f"012345678901 {name_meant(name) or 'billing'}"
        return not_an_account(account if account[:1].isdecimal() else written, example)
    before, _, after = written.partition(found[0])
    right = f"{found[0]} {name_meant(f'{before} {after}')}".strip()
    if ACCOUNT_ID.fullmatch(account):
        said = f"{quoted(name)} is not a name"
    elif account == name_meant(before) and name == found[0]:
        said = "the ID stands before the name"
    else:
        said = f"not an ID, a blank and a name: {quoted(written)}"
    return f"{said}; write {right}"
