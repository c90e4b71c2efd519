"""Sign in to an Identity Center and list what it assigns to the person: accounts and roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rolehop.app.first_config.drafts import PickedRole
from rolehop.config.model import SourceConfig
from rolehop.errors import SourceWithdrawn
from rolehop.show.picker import Choice
from rolehop.sources.identity_center.assignments import Assignments
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.starter import Setting


def assigned_roles(
    app: App, settings: Mapping[str, Setting], on_roles: Callable[[int], object]
) -> list[PickedRole]:
    """Return every role that is assigned, by account; a person signs in first if nobody is.

    Args:
        app: the application.
        settings: of a source of type ``identity-center``.
        on_roles: told of how many accounts the roles are known, from any thread.

    Raises:
        SourceError: nobody signed in.
        HopRefused: the portal refused.
        ServiceError: Identity Center cannot be reached, or throttles for too long.
    """
    own = {key: value for key, value in settings.items() if key != "type"}
    source = SourceConfig("sso", "identity-center", own)
    listed = Assignments(source, app.walk_context(app.person), on_roles)
    found = listed.read(lambda account, name: True)
    roles = [PickedRole(each.account, each.name, role) for each in found for role in each.roles]
    return sorted(roles, key=lambda each: (each.account_name.casefold(), each.account))


def choice_of(role: PickedRole) -> Choice:
    """Return a role as one line of the picker."""
    name = clean(role.account_name) or role.account
    return Choice(name, "", clean(f"{role.role} {role.account}"), "")


def none_assigned(start_url: str) -> SourceWithdrawn:
    """Return the error if nothing is assigned to the person."""
    return SourceWithdrawn(
        f"no role is assigned to you at {start_url}",
        cause="Identity Center lists no account with a role of yours",
        fix="ask whoever runs this Identity Center for an assignment",
    )
