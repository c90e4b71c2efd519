"""Which chains a person means by a name, a pattern or a selector such as ``tag:env=prod``; pure.

Every command that takes several chains reads them here. What a selector asks of a chain's end is
told by whoever calls, and only if it must be known: to resolve thousands of chains takes a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from rolehop.config.model import SAMPLE, ChainConfig
from rolehop.plan.identity import principal_of

if TYPE_CHECKING:
    from rolehop.config.model import ListedFleet

KEYS = ("label", "tag", "ou", "account", "role")
"""What may stand before a colon."""

_WILDCARDS = frozenset("*?[")


class Selector(NamedTuple):
    """What was typed, taken apart."""

    key: str
    """One of `KEYS`; empty: a name, or a pattern of names."""

    wanted: str
    """What stands behind the colon; of a name all of it."""

    @property
    def is_one_name(self) -> bool:
        """True for a name without wildcards, which is that of one chain, fleet or account."""
        return not self.key and not _WILDCARDS & set(self.wanted) and self.wanted[-1:] != "/"


class ChainEnd(NamedTuple):
    """Where a chain ends, as far as that is known; empty: it is not."""

    account: str = ""
    """12 digits."""

    role: str = ""
    """The role's name without its path."""

    account_names: tuple[str, ...] = ()
    """What the account is called: by AWS, by the config, in the names of chains."""


def selector(typed: str) -> Selector:
    """Return what was typed, taken apart; any text is one."""
    key, colon, wanted = typed.partition(":")
    return Selector(key, wanted) if colon and key in KEYS else Selector("", typed)


def is_pattern(typed: str) -> bool:
    """True if it selects chains by a key or by wildcards, where a pattern is taken."""
    key, wanted = selector(typed)
    return bool(key) or bool(_WILDCARDS & set(wanted))


def selects(wanted: Selector, chain: ChainConfig, end: Callable[[], ChainEnd]) -> bool:
    """True if the selector means the chain; ``end`` is called only if where it ends decides.

    Names are those of the chain itself. One that ends in a slash means what is below it: ``spokes/``
    the chains of that fleet. In all of them * and ? are as in a shell, and * means / as well.
    """
    match wanted.key:
        case "label":
            return has_pair(chain.labels, wanted.wanted)
        case "tag":
            return has_pair(chain.account_tags or {}, wanted.wanted)
        case "ou":
            return chain.unit is not None and is_in_unit(chain.unit, wanted.wanted)
        case "account":
            return is_account(wanted.wanted, end())
        case "role":
            role = end().role
            return bool(role) and fnmatchcase(role, wanted.wanted)
        case _:
            return any(fnmatchcase(name, _name_pattern(wanted.wanted)) for name in chain.names)


def _name_pattern(typed: str) -> str:
    return f"{typed}*" if typed[-1:] == "/" else typed


def has_pair(pairs: Mapping[str, str], wanted: str) -> bool:
    """True if a pair is ``wanted``: ``NAME=VALUE``, or ``NAME`` with any value; both are patterns."""
    name, equals, value = wanted.partition("=")
    return any(
        fnmatchcase(each, name) and (not equals or fnmatchcase(pairs[each], value))
        for each in pairs
    )


def is_in_unit(path: str, pattern: str) -> bool:
    """True if a pattern means the OU at ``path``: ``Prod/*`` means Prod, too; empty is the root."""
    return fnmatchcase(path, pattern) or pattern == f"{path}/*"


def is_account(pattern: str, end: ChainEnd) -> bool:
    """True if a pattern is the number or a name of the account, in whatever letters."""
    called = (end.account, *end.account_names)
    return any(each and fnmatchcase(each.casefold(), pattern.casefold()) for each in called)


def may_select(wanted: Selector, fleet: ListedFleet) -> bool:
    """True if the selector could mean some chain of a fleet, whatever accounts AWS lists for it."""
    match wanted.key:
        case "label":
            return has_pair(fleet.template.labels, wanted.wanted)
        case "tag" | "ou":
            return fleet.query.knows_tags_and_units
        case "account":
            return True
        case "role":
            role = _role_of_template(fleet.template)
            return role is None or fnmatchcase(role, wanted.wanted)
        case _:
            return _may_name(wanted.wanted, fleet.name)


def _may_name(typed: str, fleet: str) -> bool:
    begins = (typed[:end] for end in range(1, len(typed) + 1))
    return typed == fleet or any(fnmatchcase(f"{fleet}/", each) for each in begins)


def _role_of_template(chain: ChainConfig) -> str | None:
    """Return the role that all chains of a fleet end with; ``None``: each may have one of its own."""
    if not chain.hops:
        return None
    return principal_of(chain.hops[-1].role.replace("{account}", SAMPLE)).role or None


def untold(wanted: Iterable[Selector], chain: ChainConfig) -> Selector | None:
    """Return the first selector of which nobody knows whether it means the chain, or ``None``.

    It asks for a tag or an OU, and AWS did not list those of the chain's account.
    """
    known = {"tag": chain.account_tags, "ou": chain.unit}
    return next((each for each in wanted if each.key in known and known[each.key] is None), None)
