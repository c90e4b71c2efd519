"""What the commands that judge policies share: documents, flags, and a plan's hops as requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from rolehop.app.policy_documents import PolicyOptions
from rolehop.arn import is_principal
from rolehop.cli.completers import files
from rolehop.errors import UsageError
from rolehop.policy.chains.federated_hop import PROFILE
from rolehop.policy.chains.model import SOURCE_SESSION
from rolehop.policy.inventory.context_keys import problem_with
from rolehop.text import quoted

F = TypeVar("F", bound=Callable[..., Any])


def policy_options(command: F) -> F:
    """Add the options that bring documents and say what is known; gives ``told: Given``."""

    @wraps(command)
    def gathered(
        *args: Any,
        policies: tuple[str, ...],
        scp: tuple[str, ...],
        rcp: tuple[str, ...],
        caller: str | None,
        context: tuple[str, ...],
        assume: tuple[str, ...],
        **others: Any,
    ) -> Any:
        told = _given(policies, scp, rcp, caller, context)
        told.assumptions = frozenset(assume)
        return command(*args, told=told, **others)

    made = cast("F", gathered)
    for option in reversed(
        [
            click.option(
                "--policies",
                multiple=True,
                metavar="FILE",
                shell_complete=files,
                help="Output of aws iam get-account-authorization-details or get-role; repeat it.",
            ),
            click.option(
                "--scp",
                multiple=True,
                metavar="[ACCOUNT=]FILE",
                help="A service control policy, of that account or of all.",
            ),
            click.option(
                "--rcp",
                multiple=True,
                metavar="[ACCOUNT=]FILE",
                help="A resource control policy, likewise.",
            ),
            click.option(
                "--as",
                "caller",
                metavar="ARN",
                help="Who the source is, where the config does not say.",
            ),
            click.option(
                "--context",
                multiple=True,
                metavar="KEY=VALUE",
                help="What the call will carry, e.g. aws:SourceIp=203.0.113.9; repeat it.",
            ),
            click.option(
                "--assume",
                multiple=True,
                type=click.Choice([SOURCE_SESSION, PROFILE]),
                help="Take for granted that what nobody can see of the source's session is not there.",
            ),
        ]
    ):
        made = option(made)
    return made


def _given(
    policies: tuple[str, ...],
    scp: tuple[str, ...],
    rcp: tuple[str, ...],
    caller: str | None,
    context: tuple[str, ...],
) -> PolicyOptions:
    """Check what the flags say.

    Raises:
        UsageError: a context that can't be meant so, or a caller that is no principal.
    """
    if caller is not None and not is_principal(caller):
        raise _no_caller(caller)
    return PolicyOptions(policies, scp, rcp, caller, _told(context))


def _no_caller(text: str) -> UsageError:
    if ":oidc-provider/" in text or ":saml-provider/" in text:
        return UsageError(
            f"--as wants who calls, and {quoted(text)} is an identity provider",
            cause="a federated source says itself which provider and role it has",
            fix="say what its token holds instead: --context ISSUER:sub=VALUE, saml:aud=VALUE",
        )
    return UsageError(
        f"--as wants the ARN of a user, role or session, not {quoted(text)}",
        fix="aws sts get-caller-identity prints it",
    )


def _told(context: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return condition keys, as typed first, with all values given; none: surely absent."""
    told: dict[str, tuple[str, ...]] = {}
    spelled: dict[str, str] = {}
    for each in context:
        key, equals, value = each.partition("=")
        key = key.strip()
        problem = None if equals else "there is no = in it"
        problem = problem or problem_with(key, value)
        key = spelled.setdefault(key.lower(), key)
        known = told.get(key)
        if problem is None and known is not None and not (value and all(known)):
            problem = "the key is said to be absent, and given a value, too"
        if problem is not None:
            raise UsageError(
                f"--context wants KEY=VALUE, not {quoted(each)}",
                cause=problem,
                fix="for example --context aws:SourceIp=203.0.113.9; KEY= says it is absent",
            )
        told[key] = (*(known or ()), value)
    return {key: tuple(filter(None, values)) for key, values in told.items()}


# ---- from a plan to a verdict
