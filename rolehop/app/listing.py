"""List chains and stored sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rolehop.app.context import App
from rolehop.app.held_sessions import held
from rolehop.app.planning import Stamps, plan_chain, resolve_chain
from rolehop.errors import ConfigError, RolehopError
from rolehop.show.rows import SessionRow
from rolehop.vault.index import Index

if TYPE_CHECKING:
    from rolehop.show.rows import ChainRow


def chain_rows(app: App) -> Iterator[ChainRow]:
    """Give a row per configured chain, in the order of the config."""
    from rolehop.plan.resolve import path_of
    from rolehop.show.rows import ChainRow

    stamps = Stamps()
    for chain in app.config.chains.values():
        path = path_of(app.config, chain)
        roles, cached_until = _plan_of(app, chain.name, stamps)
        yield ChainRow(
            name=chain.name,
            description=chain.description,
            source=path[0].source,
            continues=chain.continues,
            fleet=chain.fleet,
            labels=chain.labels,
            roles=roles,
            cached_until=cached_until,
            account=_account(roles),
            color=chain.color,
        )


def _account(roles: tuple[str, ...]) -> str:
    """Return the account of the last role; a role that is still a template has none."""
    from rolehop.arn import account_of

    return (account_of(roles[-1]) or "") if roles else ""


def _plan_of(app: App, name: str, stamps: Stamps) -> tuple[tuple[str, ...], datetime | None]:
    """Return the roles and what is cached; a chain that cannot be planned now is still listed."""
    try:
        plan = plan_chain(app, name, stamps=stamps)
    except RolehopError:
        chain = app.config.chains[name]
        return tuple(hop.role for hop in chain.hops), None
    life = app.index.known().sessions.get(plan.key)
    held = life.expires_at if life and life.expires_at > app.now() else None
    return tuple(str(step.hop.role) for step in plan.hops), held


def session_rows(app: App) -> list[SessionRow]:
    """Return a row per session that has not ended."""
    now = app.now()
    return [row for row in rows_of(held(app)) if row.expires_at > now]


def rows_of(index: Index) -> list[SessionRow]:
    """Return a row per session of the index, in the order they were got."""
    return [
        SessionRow(
            key=entry.key,
            chains=entry.chains,
            hop=entry.hop,
            role=entry.role or None,
            arn=entry.arn,
            expires_at=entry.expires_at,
            parent=entry.parent if entry.parent in index.sessions else None,
            backend=entry.backend,
            kind=entry.step,
            source=entry.source,
        )
        for entry in index.sessions.values()
    ]


def matching(app: App, patterns: tuple[str, ...]) -> list[str]:
    """Return the chains that the patterns mean, in the order of the config.

    Raises:
        ConfigError: a pattern means nothing.
    """
    names = list(app.config.chains)
    wanted: list[str] = []
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found and not set(pattern) & set("*?["):
            # An AWS profile, or an error that names the nearest.
            resolve_chain(app, pattern)
            found = [pattern]
        if not found:
            raise ConfigError(f"no chain matches '{pattern}'", fix="rolehop list")
        wanted += [name for name in found if name not in wanted]
    return wanted
