"""Explain an access-denied text or an encoded message: which chain called, and what refused it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rolehop.app.caller import shell_credentials
from rolehop.app.guard import ask_to_read
from rolehop.app.judging.callers import federated_call, session_or_keys
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import explain_refused_hop
from rolehop.app.planning import Planning, sts_of_shell
from rolehop.base.arn import is_same_principal
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import HopRefused, RolehopError, ServiceError, UsageError
from rolehop.commands.explain.actions import ActionOptions, judge_actions
from rolehop.plan.identity import is_caller_known, wrong_caller
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.action_request import is_one_resource
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, HopVerdict
from rolehop.policy.denied_text import encoded_message, read_excerpt
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.inventory import IamInventory
from rolehop.sources import SOURCE_TYPES, is_federated
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import denial_fix

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.resolve import Resolved


@dataclass(frozen=True, slots=True)
class RefusedSession:
    """Credentials of a chain that AWS refused a call."""

    chain: str
    number: int
    """Number of the hop whose session it is; 0: the source itself."""

    is_hop: bool
    """The call was the chain's next hop."""


def refused_session(
    app: App,
    denied: AccessDenied,
    policies: PolicyOptions,
    *,
    offline: bool,
    chain: str | None = None,
) -> RefusedSession | None:
    """Return the chain that made the call of ``denied``; ``None``: none that is known here did.

    ``chain``: the only one that is looked at.

    A hop comes before another call of the same session, a stored session of just this ARN before
    others of its role, the end of a chain before its middle, and a source whose owner is known
    before one of which nothing speaks against it. Without ``offline`` AWS is asked whose the keys
    at hand are.
    """
    if denied.caller is None:
        return None if chain is None else _end_of(app, chain, denied)
    search = _Search(app, denied.caller, policies, offline, chain)
    role = denied.resource if denied.action.startswith("sts:") else None
    for known in (True, None):
        for name, resolved in search.chains:
            roles = [str(each) for each, _ in resolved.hops]
            for number in (at for at, each in enumerate(roles) if each == role):
                if search.is_session(name, resolved, number) is known:
                    return RefusedSession(name, number, is_hop=True)
    return search.stored() or next(search.sessions(), None)


def _end_of(app: App, chain: str, denied: AccessDenied) -> RefusedSession:
    """Return the session of ``chain`` that called, if AWS does not say who: before a hop, or the last."""
    roles = [str(role) for role, _ in Planning(app).resolve(chain).hops]
    is_hop = denied.action.startswith("sts:") and denied.resource in roles
    return RefusedSession(
        chain, roles.index(denied.resource or "") if is_hop else len(roles), is_hop=is_hop
    )


class _Search:
    """The configured chains, and whose their sessions are."""

    def __init__(
        self, app: App, caller: str, policies: PolicyOptions, offline: bool, chain: str | None
    ) -> None:
        self._app, self._caller, self._policies = app, caller, policies
        self._offline = offline
        self._known: dict[str, bool | None] = {}
        named = None if chain is None else [(chain, Planning(app).resolve(chain))]
        self.chains = named or list(_resolved(app))

    def is_session(self, chain: str, resolved: Resolved, number: int) -> bool | None:
        """True if the caller is the session of a hop, or the source (0); ``None``: not known."""
        if number:
            return is_same_principal(str(resolved.hops[number - 1][0]), self._caller)
        key = repr(resolved.source)
        if key not in self._known:
            self._known[key] = self._is_source(chain, resolved)
        return self._known[key]

    def stored(self) -> RefusedSession | None:
        """Return the stored session of the caller's very ARN."""
        names = {name for name, _ in self.chains}
        return next(
            (
                RefusedSession(chain, entry.hop, is_hop=False)
                for entry in self._app.index.sessions.values()
                if entry.arn == self._caller
                for chain in entry.chains
                if chain in names
            ),
            None,
        )

    def sessions(self) -> Iterator[RefusedSession]:
        """Yield the sessions of hops that the caller may be, ends of chains first; then sources."""
        for at_end in (True, False):
            for name, resolved in self.chains:
                last = len(resolved.hops)
                for number in (last,) if at_end else range(1, last):
                    if self.is_session(name, resolved, number) is True:
                        yield RefusedSession(name, number, is_hop=False)
        for name, resolved in self.chains:
            if self.is_session(name, resolved, 0) is True:
                yield RefusedSession(name, 0, is_hop=False)

    def _is_source(self, chain: str, resolved: Resolved) -> bool | None:
        source, caller = resolved.source, self._caller
        if wrong_caller(source, caller) is not None:
            return False
        named = self._policies.caller or source.principal
        own = federated_call(self._app, source, resolved.region, IamInventory(), named)
        named = named if own is None else own.role
        if named is None and is_federated(source):
            return None if ":assumed-role/" in caller else False
        if is_caller_known(source) and isinstance(source.settings.get("role"), str):
            return True
        named = named or self._owner(chain)
        if named is not None:
            return _is_same(named, caller)
        return False if SOURCE_TYPES[source.type].keeps_keys and ":user/" not in caller else None

    def _owner(self, chain: str) -> str | None:
        """Return the ARN that AWS has named for a chain's source, or names now."""
        try:
            plan = Planning(self._app).plan(chain)
            entry = self._app.index.sessions.get(plan.steps[0].key)
            if entry is not None or self._offline:
                return None if entry is None else entry.arn
            from rolehop.app.judging.live_iam import LiveIam

            return LiveIam(self._app).source_caller(plan)
        except RolehopError:
            return None  # it may still be the one


def _is_same(named: str, caller: str) -> bool:
    """True if both are one user, or the same role's session under whatever name."""
    return is_same_principal(named, caller) or (
        caller_from_arn(named).named == caller_from_arn(caller).named
    )


def _resolved(app: App) -> Iterator[tuple[str, Resolved]]:
    planning = Planning(app)
    for name in app.config.chains:
        try:
            yield name, planning.resolve(name)
        except RolehopError:
            continue  # other chains may still be the one


@dataclass(frozen=True, slots=True)
class DeniedCall:
    """What an access-denied text says, and what is known here of the call."""

    denied: AccessDenied | None
    """Of its first error; ``None``: only its encoded message says who was refused what."""

    fix: str
    others: int = 0
    """The number of other errors in it."""

    encoded: str | None = None
    """The encoded authorization message in it."""

    chain: str | None = None
    """The chain whose session called; ``None``: none that is known here."""

    hop: HopVerdict | None = None
    """Set if the call was a hop of ``chain``."""

    action: ActionVerdict | None = None
    """Set if it was another call, of a session of ``chain``."""


def explain_error(
    app: App,
    text: str,
    policies: PolicyOptions,
    own_policy: str | None = None,
    *,
    chain: str | None = None,
    offline: bool,
) -> DeniedCall:
    """Explain an access-denied text; if a session of a chain called, the call is judged as well.

    Args:
        app: the config, and what is stored.
        text: as it was printed.
        policies: the documents at hand.
        own_policy: a file with the policy of the resource.
        chain: the one that called; ``None``: any.
        offline: AWS is not asked.

    Raises:
        UsageError: it is no access-denied text of AWS, or no session of ``chain`` is its caller.
        ConfigError: see `Planning.plan` and `read_documents`.
    """
    excerpt, encoded = read_excerpt(text), encoded_message(text)
    if excerpt is None and encoded is None:
        from rolehop.commands.explain.other_refusals import other_refusal

        raise other_refusal(text)
    if excerpt is None:
        return DeniedCall(None, "decode the message", encoded=encoded, chain=chain)
    denied, fix = excerpt.denied, denial_fix(excerpt.denied)
    found = DeniedCall(denied, fix, excerpt.others, encoded)
    answer = AwsRefusal(excerpt.code or "", None, excerpt.words, fix, denied)
    # A text may have a resource that AWS shortened.
    exact = denied.resource is None or is_one_resource(denied.resource)
    judged = judge_call(
        app, found, answer, policies, own_policy, offline=offline, exact=exact, chain=chain
    )
    if chain is not None and judged.chain is None:
        raise UsageError(
            f"no session of {chain} made this call",
            cause=f"AWS says who called: {denied.who()}",
            fix="leave the chain out: rolehop explain --error TEXT",
        )
    return judged


def judge_call(
    app: App,
    found: DeniedCall,
    answer: AwsRefusal,
    policies: PolicyOptions,
    own_policy: str | None = None,
    *,
    offline: bool,
    exact: bool,
    chain: str | None = None,
) -> DeniedCall:
    """Judge a refused call if a session of a chain made it; ``exact``: its resource is whole.

    ``chain``: see `refused_session`.
    """
    denied, session = found.denied, None
    if denied is not None:
        session = refused_session(app, denied, policies, offline=offline, chain=chain)
    if denied is None or session is None:
        return found
    found, options = replace(found, chain=session.chain), WalkOptions()
    if session.is_hop:
        refused = (session.number + 1, answer)
        verdict = explain_refused_hop(
            app, session.chain, refused, policies, options, offline=offline
        )
        return replace(found, hop=verdict.hops[0])
    if not exact:
        return found
    if session.number == 0:
        policies = replace(policies, caller=policies.caller or denied.caller)
    resource = denied.resource or ANY_RESOURCE
    asked = ActionOptions((denied.action,), resource, own_policy, hop=session.number)
    verdicts = judge_actions(
        app, session.chain, asked, policies, options, offline=offline, answer=answer
    )
    return replace(found, action=verdicts[0])


def judge_decoded(
    app: App,
    message: Mapping[str, object],
    policies: PolicyOptions,
    own_policy: str | None = None,
    *,
    offline: bool,
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
    return judge_call(app, found, answer, policies, own_policy, offline=offline, exact=True)


def _own_keys(context: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the service's condition keys; those of AWS are known from the session."""
    for item in _items(context.get("conditions")):
        key = item.get("key")
        values = [value.get("value") for value in _items(item.get("values"))]
        if isinstance(key, str) and ":" in key and not key.lower().startswith("aws:"):
            yield key, tuple(str(value) for value in values)


def _items(value: object) -> Iterator[Mapping[str, object]]:
    found = _object(value).get("items")
    yield from map(_object, found if isinstance(found, list) else ())


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


# STS API reference, DecodeAuthorizationMessage, InvalidAuthorizationMessageException.
_INVALID = (
    "copy all of it, one word of hundreds of characters, or pipe AWS's text to --decode -; if it is"
    " old, make the call again"
)

_MAY_NOT = "allow sts:DecodeAuthorizationMessage to a session of the account it came from"


def decoded_in(text: str) -> dict[str, object] | None:
    """Return the message that ``aws sts decode-authorization-message`` printed; ``None``: it is none.

    Either its whole output, ``{"DecodedMessage": "{…}"}``, or what ``--query DecodedMessage`` leaves.
    """
    found = _object_in(text)
    inner = None if found is None else found.get("DecodedMessage")
    found = _object_in(inner) if isinstance(inner, str) else found
    return found if found is not None and "allowed" in found else None


def _object_in(text: str) -> dict[str, object] | None:
    """Return the JSON object that a text is; ``None``: it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def decode_message(app: App, chain: str | None, message: str) -> dict[str, object]:
    """Decode an encoded authorization message with the session of ``chain``, or of this shell.

    ``message``: it alone, or a text that has it.

    Raises:
        Declined, NoTerminal: ``chain`` asks for something that was not given.
        UsageError: it is no such message.
        SourceError: there are no credentials in this shell, or the chain has no stored session.
        HopRefused: AWS does not decode it: the caller may not, or it is of another account.
        ServiceError: AWS did not answer, or with something else.
    """
    encoded = _encoded_in(message)
    plan = None if chain is None else Planning(app).plan(chain)
    of_chain = "rolehop explain CHAIN --decode MESSAGE"
    signer = shell_credentials(app, of_chain) if plan is None else session_or_keys(app, plan)
    if plan is not None:
        ask_to_read(app, plan.chain)
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
    found = _object_in(decoded)
    if found is None:
        raise ServiceError(
            "AWS decoded the message to something unexpected", cause="it is not JSON"
        )
    return found
