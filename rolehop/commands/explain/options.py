"""The flags of the commands that judge policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from rolehop.app.judging.documents import PolicyOptions
from rolehop.base.arn import ACCOUNT_ID, is_principal
from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.cli.completers import chain_names, files
from rolehop.policy.chain_model import SOURCE_SESSION
from rolehop.policy.context_keys import problem_with
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.requests import PROFILE

F = TypeVar("F", bound=Callable[..., Any])

REFUSED = 5
"""The exit code if something is refused."""


def exit_code(outcomes: set[Outcome], *, strict: bool) -> int:
    """Return 5 if something is refused, with ``strict`` also if it can't be told; else 0."""
    bad = {Outcome.REFUSED, Outcome.UNKNOWN} if strict else {Outcome.REFUSED}
    return REFUSED if outcomes & bad else 0


def policy_flags(command: F) -> F:
    """Add the flags about documents and requests; the command gets ``policies: PolicyOptions``."""

    @wraps(command)
    def with_policies(
        *args: Any,
        policies: tuple[str, ...],
        scp: tuple[str, ...],
        rcp: tuple[str, ...],
        caller: str | None,
        context: tuple[str, ...],
        assume: tuple[str, ...],
        management_account: str | None,
        organization: str | None,
        **others: Any,
    ) -> Any:
        of_call, of_hops = _context(context)
        options = PolicyOptions(
            policies,
            scp,
            rcp,
            _principal(caller),
            of_call,
            of_hops,
            frozenset(assume),
            _account(management_account),
            organization,
        )
        return command(*args, policies=options, **others)

    made = cast("F", with_policies)
    for option in reversed(_FLAGS):
        made = option(made)
    return made


_FLAGS = (
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
        "--management-account",
        metavar="ACCOUNT",
        help="The organization's management account, exempt from SCPs and RCPs.",
    ),
    click.option(
        "--organization",
        metavar="CHAIN",
        shell_complete=chain_names,
        help="Read SCPs and RCPs through this chain.  [default: organization.from]",
    ),
    click.option(
        "--as",
        "caller",
        metavar="ARN",
        help="Who the source is, if the config does not say.",
    ),
    click.option(
        "--context",
        multiple=True,
        metavar="KEY=VALUE",
        help="A condition key of the call, e.g. aws:SourceIp=203.0.113.9; 2:KEY=VALUE: of hop 2 only;"
        " repeat it.",
    ),
    click.option(
        "--assume",
        multiple=True,
        type=click.Choice([SOURCE_SESSION, PROFILE]),
        help="Treat what cannot be seen of the source's session as absent.",
    ),
)


def _account(text: str | None) -> str | None:
    """Return the account ID that ``--management-account`` gives.

    Raises:
        UsageError: it is not an account ID.
    """
    if text is not None and ACCOUNT_ID.fullmatch(text) is None:
        raise UsageError(
            f"--management-account needs an account ID of 12 digits, not {quoted(text)}",
            fix="aws organizations describe-organization prints it",
        )
    return text


def _principal(caller: str | None) -> str | None:
    """Return the ARN that ``--as`` gives.

    Raises:
        UsageError: it is not the ARN of a user, role or session.
    """
    if caller is None or is_principal(caller):
        return caller
    if ":oidc-provider/" in caller or ":saml-provider/" in caller:
        raise UsageError(
            f"--as names the caller, but {quoted(caller)} is an identity provider",
            cause="a federated source itself has its provider and its role",
            fix="give what its token holds instead: --context ISSUER:sub=VALUE, saml:aud=VALUE",
        )
    raise UsageError(
        f"--as needs the ARN of a user, role or session, not {quoted(caller)}",
        fix="aws sts get-caller-identity prints it",
    )


_OF_HOP = Pattern(r"([1-9][0-9]{0,3}):(.*:.*)", re.DOTALL)


def _context(context: Iterable[str]) -> tuple[_Keys, dict[int, _Keys]]:
    """Return the keys of the call, or of hop 1's caller, and those of later hops' callers.

    Raises:
        UsageError: a key or a value is not possible.
    """
    by_hop: dict[int, list[str]] = {}
    for each in context:
        match = _OF_HOP.fullmatch(each)
        hop, text = (int(match[1]), match[2]) if match else (1, each)
        by_hop.setdefault(hop, []).append(text)
    found = {hop: _context_keys(texts) for hop, texts in by_hop.items()}
    return found.pop(1, {}), found


_Keys = dict[str, tuple[str, ...]]


def _context_keys(context: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return condition keys, spelled as typed first, with all their values; none: absent.

    Raises:
        UsageError: a key or a value is not possible.
    """
    values: dict[str, tuple[str, ...]] = {}
    spelled: dict[str, str] = {}
    for each in context:
        key, equals, value = each.partition("=")
        key = key.strip()
        problem = problem_with(key, value) if equals else "there is no = in it"
        key = spelled.setdefault(key.lower(), key)
        known = values.get(key)
        if problem is None and known is not None and not (value and all(known)):
            problem = "the key is declared absent and given a value, too"
        if problem is not None:
            raise UsageError(
                f"--context needs KEY=VALUE, not {quoted(each)}",
                cause=problem,
                fix="for example --context aws:SourceIp=203.0.113.9; KEY= says it is absent",
            )
        values[key] = (*(known or ()), value)
    return {key: tuple(filter(None, each)) for key, each in values.items()}
