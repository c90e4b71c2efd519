"""Explain an access-denied text of any AWS service, and decode the message that some add to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.access_denied import AccessDenied, encoded_message, read_access_denied
from rolehop.advice import Advice, Argument
from rolehop.app.caller import shell_credentials
from rolehop.app.judging.explaining import explain_refused_hop
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.planning import plan_chain, resolve_chain, sts_of_shell
from rolehop.arn import is_same_principal
from rolehop.errors import HopRefused, RolehopError, ServiceError, SourceError, UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import HopVerdict, StsAnswer
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import dataclass
from rolehop.sts_errors import explain_refusal

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.credentials import Credentials


@dataclass(frozen=True, slots=True)
class DeniedCall:
    """What an access-denied text says, and what is known here of the call."""

    denied: AccessDenied
    fix: str
    encoded: str | None = None
    """The encoded authorization message in it."""

    chain: str | None = None
    """The chain whose session, or whose hop, the call was."""

    hop: HopVerdict | None = None
    """Set if the call is a hop of ``chain``."""


def explain_error(app: App, text: str, policies: PolicyOptions, *, offline: bool) -> DeniedCall:
    """Explain an access-denied text; a hop of a configured chain is judged as well.

    Raises:
        UsageError: it is no access-denied text of AWS.
        ConfigError: see `plan_chain` and `read_documents`.
    """
    denied = read_access_denied(text)
    if denied is None:
        raise UsageError(
            "this is not an access-denied message of AWS",
            cause="it does not say: User: ARN is not authorized to perform: ACTION",
            fix="give the whole text in quotes, or pipe it: rolehop explain --error -",
        )
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    chain, number = _hop_called(app, denied)
    hop = None
    if chain is not None and number is not None:
        refused = (number, StsAnswer("AccessDenied", None, text, fix))
        verdict = explain_refused_hop(app, chain, refused, policies, WalkOptions(), offline=offline)
        hop = verdict.hops[0]
    return DeniedCall(denied, fix, encoded_message(text), chain, hop)


def _hop_called(app: App, denied: AccessDenied) -> tuple[str | None, int | None]:
    """Return the chain and the hop that made the call; no hop: a chain's last session did."""
    chains = list(_chains(app))
    for name, roles in chains:
        for number, role in enumerate(roles, start=1):
            caller = roles[number - 2] if number > 1 else None
            if denied.action.startswith("sts:") and denied.resource == role:
                first = number == 1 and ":user/" in denied.caller
                if first or (caller is not None and is_same_principal(caller, denied.caller)):
                    return name, number
    last = (name for name, roles in chains if roles and is_same_principal(roles[-1], denied.caller))
    return next(last, None), None


def _chains(app: App) -> Iterator[tuple[str, list[str]]]:
    for name in app.config.chains:
        try:
            yield name, [str(role) for role, _ in resolve_chain(app, name).hops]
        except RolehopError:
            continue  # other chains may still be the one


def decode_message(app: App, chain: str | None, message: str) -> dict[str, object]:
    """Decode an encoded authorization message with the session of ``chain``, or of this shell.

    Raises:
        UsageError: it is no such message.
        SourceError: there are no credentials in this shell.
        HopRefused: AWS does not decode it: the caller may not, or it is of another account.
        ServiceError: AWS did not answer, or with something else.
    """
    message = "".join(message.split())  # a terminal may have broken it into lines
    if not (message and message.isascii() and message.isprintable()):
        raise UsageError(
            "this is no encoded message of AWS",
            cause="it is empty, or holds a character that is not printable ASCII",
            fix="copy what follows 'Encoded authorization failure message: '",
        )
    signer = shell_credentials(app) if chain is None else _stored_session(app, chain)
    try:
        decoded = sts_of_shell(app).decode_message(signer, message)
    except StsRefusal as refusal:
        raise HopRefused(
            "AWS does not decode this message",
            code=refusal.code,
            message=refusal.message,
            cause=f"{refusal.code}: {refusal.message}",
            fix="allow sts:DecodeAuthorizationMessage to a session of the account it came from",
        ) from None
    try:
        found = json.loads(decoded)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError(
            "AWS decoded the message to something unexpected", cause="it is not JSON"
        )
    return found


def _stored_session(app: App, chain: str) -> Credentials:
    plan = plan_chain(app, chain)
    session = app.vault.get(plan.steps[-1], chain) if plan.hops else None
    if session is None:
        raise SourceError(
            f"no session of chain '{chain}' is stored",
            fix=Advice("rolehop assume ", Argument(chain)),
        )
    return session.credentials
