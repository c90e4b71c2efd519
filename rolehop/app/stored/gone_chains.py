"""Sessions of chains that the config no longer has: one was removed, an account left its fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.listing import matches, matching_chains
from rolehop.config.model import ChainConfig
from rolehop.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.context import App
    from rolehop.vault.index import Index


def named_chains(
    app: App, index: Index, patterns: Sequence[str]
) -> tuple[list[str], frozenset[str]]:
    """Return the chains that match, and those of stored sessions that are there no more.

    Raises:
        ConfigError: a pattern matches neither.
    """
    there = app.config.chains
    stored = {name for entry in index.sessions.values() for name in entry.chains}
    stored = {name for name in stored if name not in there}
    chains, gone = dict[str, None](), set[str]()
    for pattern in patterns:
        named = {each for each in stored if _is_named(each, pattern)}
        named = named and named - app.aws_config.profiles.keys()
        try:
            chains |= dict.fromkeys(matching_chains(app, (pattern,)))
        except ConfigError:
            if not named:
                raise
        gone |= named
    return list(chains), frozenset(gone)


def stored_chains(index: Index, patterns: Sequence[str]) -> set[str]:
    """Return the chains of stored sessions that match: all that is known while the config is broken.

    Raises:
        ConfigError: a pattern matches none of them, so that only the config says what it means.
    """
    stored = {name for entry in index.sessions.values() for name in entry.chains}
    found = set[str]()
    for pattern in patterns:
        named = {each for each in stored if _is_named(each, pattern)}
        if not named:
            raise ConfigError(
                f"no stored session is known to be one of '{pattern}'",
                cause="the config, which says what it means, is broken",
                fix="correct the config, and repeat the command",
            )
        found |= named
    return found


def keys_of_stored(index: Index, chains: set[str]) -> list[str]:
    """Return the hop keys of the last sessions that chains have, and of those made with them.

    Where no hop of a chain is stored any longer, a source's session that others use, too, stays.
    """
    last: list[str] = []
    for chain in chains:
        theirs = [entry for entry in index.sessions.values() if chain in entry.chains]
        deepest = max(entry.hop for entry in theirs)
        last += [
            entry.key
            for entry in theirs
            if entry.hop == deepest and (deepest or chains.issuperset(_users(index, entry.key)))
        ]
    return sorted({below for key in last for below in index.below(key)})


def _users(index: Index, key: str) -> set[str]:
    """Return the chains of a session and of those made with it."""
    return {chain for below in index.below(key) for chain in index.sessions[below].chains}


def _is_named(chain: str, pattern: str) -> bool:
    fleet, slash, _ = chain.partition("/")
    return matches(ChainConfig(chain), (pattern,)) or bool(slash and fleet == pattern)


def keys_of_gone(index: Index, gone: frozenset[str]) -> list[str]:
    """Return the hop keys of sessions that only these chains have, and of those made with them."""
    keys = [key for key, entry in index.sessions.items() if gone.issuperset(entry.chains)]
    return [below for key in keys for below in index.below(key)] if gone else []
