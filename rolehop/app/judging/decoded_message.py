"""Decode the message that EC2 and others add to their access-denied texts, and judge its call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rolehop.access_denied.model import AccessDenied
from rolehop.access_denied.reader import encoded_message
from rolehop.app.caller import shell_credentials
from rolehop.app.judging.credentials_at_hand import session_or_keys
from rolehop.app.judging.denied_call import DeniedCall, judge_call
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.planning import plan_chain, sts_of_shell
from rolehop.errors import HopRefused, ServiceError, UsageError
from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import replace
from rolehop.sts_errors import denial_fix

if TYPE_CHECKING:
    from rolehop.app.context import App


def judge_decoded(
    app: App, message: Mapping[str, object], policies: PolicyOptions, *, offline: bool
) -> DeniedCall | None:
    """Judge the call of a decoded message as that of an access-denied text; ``None``: it has none.

    The values that the service gave its own condition keys count, unless ``policies`` has others.
    """
    context = _object(message.get("context"))
    caller = _object(context.get("principal")).get("arn")
    action, resource = context.get("action"), context.get("resource")
    if not (isinstance(caller, str) and isinstance(action, str)) or message.get("allowed") is True:
        return None
    denied = AccessDenied(
        caller,
        action,
        resource if isinstance(resource, str) else None,
        explicit=message.get("explicitDeny") is True,
    )
    policies = replace(policies, context={**dict(_own_keys(context)), **policies.context})
    fix = denial_fix(denied)
    answer = AwsRefusal("", None, "", fix, denied)
    found = DeniedCall(denied, fix)
    return judge_call(app, found, answer, policies, offline=offline, exact=True)


def _own_keys(context: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the service's condition keys; those of AWS are known from the session."""
    for each in _items(context.get("conditions")):
        key = each.get("key")
        values = [value.get("value") for value in _items(each.get("values"))]
        if isinstance(key, str) and ":" in key and not key.lower().startswith("aws:"):
            yield key, tuple(str(value) for value in values)


def _items(value: object) -> Iterator[Mapping[str, object]]:
    found = _object(value).get("items")
    yield from map(_object, found if isinstance(found, list) else ())


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


# STS API reference, DecodeAuthorizationMessage, InvalidAuthorizationMessageException.
_INVALID = (
    "copy the whole message, which is one word of several hundred characters, or pipe AWS's text to"
    " --decode -; an old message has expired: make the call again"
)
_MAY_NOT = "allow sts:DecodeAuthorizationMessage to a session of the account it came from"


def decode_message(app: App, chain: str | None, message: str) -> dict[str, object]:
    """Decode an encoded authorization message with the session of ``chain``, or of this shell.

    ``message``: it alone, or a text that has it.

    Raises:
        UsageError: it is no such message.
        SourceError: there are no credentials in this shell, or the chain has no stored session.
        HopRefused: AWS does not decode it: the caller may not, or it is of another account.
        ServiceError: AWS did not answer, or with something else.
    """
    encoded = _encoded_in(message)
    plan = None if chain is None else plan_chain(app, chain)
    of_chain = "rolehop explain CHAIN --decode MESSAGE"
    signer = shell_credentials(app, of_chain) if plan is None else session_or_keys(app, plan)
    try:
        with nullcontext() if plan is None else app.history.signing(plan):
            decoded = sts_of_shell(app).decode_message(signer, encoded)
    except StsRefusal as refusal:
        raise HopRefused(
            "AWS does not decode this message",
            code=refusal.code,
            message=refusal.message,
            cause=f"{refusal.code}: {refusal.message}",
            fix=_INVALID if refusal.code == "InvalidAuthorizationMessageException" else _MAY_NOT,
        ) from None
    return _parsed(decoded)


def _encoded_in(text: str) -> str:
    """Return the encoded message in ``text``, which may be nothing else.

    Raises:
        UsageError: it cannot be one.
    """
    # A terminal may have broken it into lines.
    encoded = encoded_message(text) or "".join(text.split())
    if not (encoded and encoded.isascii() and encoded.isprintable()):
        raise UsageError(
            "this is no encoded message of AWS",
            cause="it is empty, or holds a character that is not printable ASCII",
            fix="copy what follows 'Encoded authorization failure message: '",
        )
    return encoded


def _parsed(decoded: str) -> dict[str, object]:
    """Return the JSON object that AWS decodes a message to.

    Raises:
        ServiceError: it is none.
    """
    try:
        found = json.loads(decoded)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError(
            "AWS decoded the message to something unexpected", cause="it is not JSON"
        )
    return found
