"""A chain as policies see it: its start and hops, turned into requests one after the other.

What a hop's session carries into the next hop (session tags that are transitive, the source
identity, no MFA) follows the IAM user guide, "Passing session tags", "Monitor and control
actions taken with assumed roles" and "Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.config.sts_limits import changes_identity, repeated_tags, tag_key
from rolehop.policy.call_context import (
    ABSENT_WITH_TOKEN,
    OF_SIGNER,
    caller_context,
    context_of,
    context_without_signer,
    of_every_call,
)
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
    InheritedAttributes,
    ScopeRequest,
    StartingCredentials,
    SuppliedKeys,
)
from rolehop.policy.context_keys import OF_MFA, is_of_caller
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE, SCOPE_CALL
from rolehop.policy.evaluation.evaluator import evaluate, source_unseen
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import NO_POLICY, PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, session_of
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import Context, Unknown


def build_requests(
    start: StartingCredentials, hops: Sequence[AssumeRoleRequest], context: EvaluationContext
) -> tuple[Request, ...]:
    """Return the request of each hop, in order."""
    held = initial_state(start, context)
    made = []
    for number, hop in enumerate(hops, start=1):
        made.append(build_request(held, hop, context))
        held = next_state(held, hop, number, context.inventory)
    return tuple(made)


def initial_state(start: StartingCredentials, context: EvaluationContext) -> CallerState:
    """Return the credentials before hop 1."""
    supplied = {key.lower(): values for key, values in context.supplied.items()}
    caller = _first_caller(start, context.inventory)
    identity = supplied.get("aws:sourceidentity", ())
    of_caller = {key: each for key, each in context.supplied.items() if is_of_caller(key)}
    is_user = start.long_lived or ":user/" in (start.principal or "")
    carried = start.carried or (
        InheritedAttributes({}) if is_user else InheritedAttributes(unseen=SOURCE_SESSION)
    )
    assumed = carried.unseen in context.assumptions
    session = context.inventory.session(start.policy, start.policy_arns, "the source")
    if start.policy_unseen and not is_user and not assumed:
        missing = "the session policy that the source's session may have"
        session = PolicySet(session.documents, (*session.missing, missing))
    return CallerState(
        caller=caller,
        session=session,
        assumed=(carried.unseen,) if assumed and carried.unseen else (),
        unseen=None if assumed else carried.unseen,
        tags={} if assumed and carried.unseen == SOURCE_SESSION else carried.tags,
        transitive=frozenset(tag_key(key) for key in carried.transitive),
        source_identity=identity[0] if identity else carried.source_identity,
        mfa=start.mfa,
        long_lived=start.long_lived and start.token_seconds is None,
        token_seconds=start.token_seconds,
        mfa_by_call=start.mfa_by_call,
        role_pattern=_role_pattern(caller, start),
        known=carried.known,
        supplied=of_caller,
        unread=carried.unread,
        from_user=is_user,
    )


def _first_caller(start: StartingCredentials, inventory: IamInventory) -> Caller:
    if start.principal is None:
        return Caller(None, start.account)
    entity = inventory.find(start.role or start.principal)
    role = start.principal if ":role/" in start.principal else start.role
    if role is None and entity is not None and ":role/" in entity.arn:
        role = entity.arn
    arn = session_of(start.principal) if ":role/" in start.principal else start.principal
    return caller_from_arn(
        arn, role=role, unique_id=entity.unique_id if entity is not None else None
    )


def _role_pattern(caller: Caller, start: StartingCredentials) -> str | None:
    """Return what the ARN of the caller's role is like; ``None``: it is known, or nothing is.

    The role of a permission set has a path: ``aws-reserved/sso.amazonaws.com/``, at times with a
    region (IAM Identity Center user guide, "Referencing permission sets in resource policies").
    """
    if caller.arn is None:
        return start.role_pattern
    name = caller.arn.split("/")[1] if caller.is_session and caller.role is None else ""
    if not name.startswith("AWSReservedSSO_"):
        return None
    return (
        f"arn:{caller.partition}:iam::{caller.account}:role/aws-reserved/sso.amazonaws.com/*{name}"
    )


def next_state(
    held: CallerState, hop: AssumeRoleRequest, number: int, inventory: IamInventory
) -> CallerState:
    """Return the session of ``hop``: who it is and what it carries."""
    inherited = {
        key: value for key, value in (held.tags or {}).items() if tag_key(key) in held.transitive
    }
    return CallerState(
        caller=session_caller(hop, inventory),
        session=inventory.session(hop.policy, hop.policy_arns, f"hop {number}"),
        tags={**dict(hop.tags), **inherited},
        transitive=held.transitive | {tag_key(key) for key in hop.transitive_tags},
        source_identity=hop.source_identity or held.source_identity,
        mfa=False,
        long_lived=False,
        # Its session policy ends with the first hop; tags and source identity would travel on.
        assumed=held.assumed,
        unseen=held.unseen,
        unread=held.unread,
        walked=True,
        from_user=held.from_user,
        next_hop=number + 1,
    )


def session_caller(hop: AssumeRoleRequest, inventory: IamInventory) -> Caller:
    """Return who the session of ``hop`` is."""
    role = hop.role
    arn = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{hop.session_name}"
    entity = inventory.find(str(role))
    return caller_from_arn(arn, role=str(role), unique_id=entity.unique_id if entity else None)


def build_request(held: CallerState, hop: AssumeRoleRequest, context: EvaluationContext) -> Request:
    """Return the request that ``held`` makes for ``hop``."""
    inventory, named = context.inventory, held.caller.named
    identity = hop.source_identity or held.source_identity
    extra = {
        "sts:TagSession": bool(hop.tags or held.transitive),
        "sts:SetSourceIdentity": identity is not None,
    }
    return Request(
        role=str(hop.role),
        caller=held.caller,
        context=context_of(held, hop, context),
        actions=("sts:AssumeRole", *(action for action, wanted in extra.items() if wanted)),
        policies={
            PolicyType.TRUST: inventory.trust(str(hop.role)),
            PolicyType.PERMISSIONS: inventory.permissions(named),
            PolicyType.BOUNDARY: inventory.boundary(named),
            PolicyType.SESSION: held.session,
            PolicyType.SCP: inventory.scp(held.caller.account),
            PolicyType.RCP: inventory.rcp(hop.role.account),
            **of_scope(held),
        },
        assumed=held.assumed,
        unseen=held.unseen,
        possible_actions=possible_actions(held.unseen, extra),
        impossible=_impossible(held, hop) or inventory.role_missing(hop.role),
        hop=held.next_hop,
    )


def of_scope(held: CallerState) -> dict[PolicyType, PolicySet]:
    """Return the policy of the scope that narrowed a session, if one did."""
    return {} if held.scope is None else {PolicyType.SCOPE: held.scope}


def narrowed(held: CallerState, scope: ScopeRequest | None, inventory: IamInventory) -> CallerState:
    """Return the session as ``scope`` narrows it."""
    if scope is None or scope.policy is None:
        return held
    return replace(held, scope=inventory.scope(scope.policy, read_only=scope.read_only))


def scope_request(held: CallerState, context: EvaluationContext) -> Request:
    """Return the request that ``held`` makes to be narrowed; no resource of it is documented."""
    inventory, caller = context.inventory, held.caller
    owner = caller.account or ""
    return Request(
        role=ANY_RESOURCE,
        caller=caller,
        context=caller_context(held, owner, context, SCOPE_CALL, ANY_RESOURCE),
        actions=(SCOPE_CALL,),
        policies={
            PolicyType.TRUST: NO_POLICY,
            PolicyType.PERMISSIONS: inventory.permissions(caller.named),
            PolicyType.BOUNDARY: inventory.boundary(caller.named),
            PolicyType.SESSION: held.session,
            PolicyType.SCP: inventory.scp(caller.account),
            PolicyType.RCP: NO_POLICY,
        },
        assumed=held.assumed,
        unseen=held.unseen,
        owner=owner,
        hop=held.next_hop,
    )


def possible_actions(unseen: str | None, extra: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the actions that are also requested if what is ``unseen`` exists.

    ``extra``: optional actions, and whether they are requested anyway.
    """
    return () if unseen is None else tuple(each for each, asked in extra.items() if not asked)


def _impossible(held: CallerState, hop: AssumeRoleRequest) -> Finding | None:
    """Return what STS itself refuses: a changed source identity, a tag that is already inherited."""
    before, sent = held.source_identity, hop.source_identity
    if isinstance(sent, Unknown):  # {caller}, the same at every hop
        if isinstance(before, str):
            element, wanted = "Request SourceIdentity", "the one that is set already"
            return Finding(element, Truth.UNKNOWN, Reason.IDENTITY_CHANGED, wanted, before)
    elif before is not None and changes_identity(sent, before):
        element, reason = "Request SourceIdentity", Reason.IDENTITY_CHANGED
        if isinstance(before, Unknown):
            return Finding(element, Truth.UNKNOWN, reason, "the one that the source set", sent)
        return Finding(element, Truth.FALSE, reason, before, sent)
    again = repeated_tags(hop.tags, held.transitive)
    if again:
        wanted = "tags that no hop before sent as transitive"
        found = ", ".join(again)
        return Finding("Request Tags", Truth.FALSE, Reason.TAG_REPEATED, wanted, found)
    # What is sent may be sent already: refused then, or another source identity than the one set.
    if held.unseen and (hop.tags or (sent is not None and before is None)):
        return source_unseen(held.unseen)
    return claim_unread(held.unread)


def claim_unread(claim: str | None) -> Finding | None:
    """Return why it is not known what a token's session carries; ``None``: every claim was read."""
    if claim is None:
        return None
    wanted = "session tags and a source identity in a form that AWS describes"
    return Finding("Request Token", Truth.UNKNOWN, Reason.CLAIM_UNREAD, wanted, claim)


@dataclass(frozen=True, slots=True)
class FederatedCall:
    """The call by which a federated source gets its own role: hop 0."""

    role: str
    """Whole ARN."""

    action: str
    """``sts:AssumeRoleWithWebIdentity``, ``sts:AssumeRoleWithSAML``; ``sts:AssumeRole`` where a
    service calls."""

    provider: str | None = None
    """Of a token: ARN or host of the identity provider; ``None``: not known."""

    service: str | None = None
    """The AWS service that calls, such as IAM Roles Anywhere for a certificate."""

    session_name: str | None = None
    known: SuppliedKeys = field(default_factory=dict)
    """Condition keys whose values the config, the token or the certificate gives."""

    carried: InheritedAttributes = InheritedAttributes(unseen=SOURCE_SESSION)


PROFILE = "roles-anywhere-profile"
"""The settings of a Roles Anywhere profile, which only its account can see. The assumption: it lists
the role, maps the certificate's attributes to tags as by default, and has no session policy."""


def federated_request(asked: FederatedCall, context: EvaluationContext) -> Request:
    """Return the request of a federated source's own role.

    For Roles Anywhere the service asks for all three actions, always (Roles Anywhere user guide,
    "The trust model").
    """
    carried, service = asked.carried, asked.service
    extra = {
        "sts:TagSession": bool(service or carried.tags or carried.transitive),
        "sts:SetSourceIdentity": carried.source_identity is not None,
    }
    inventory = context.inventory
    unseen, assumed = carried.unseen, carried.unseen in context.assumptions
    return Request(
        role=asked.role,
        caller=Caller(
            None, None, provider=asked.provider, federated=service is None, service=service
        ),
        context=_context_of_own(asked, context),
        actions=(asked.action, *(action for action, wanted in extra.items() if wanted)),
        policies={
            PolicyType.TRUST: inventory.trust(asked.role),
            PolicyType.RCP: inventory.rcp(RoleArn.parse(asked.role).account),
        },
        assumed=(unseen,) if assumed and unseen else (),
        unseen=None if assumed else unseen,
        possible_actions=() if assumed else possible_actions(unseen, extra),
        impossible=inventory.role_missing(RoleArn.parse(asked.role))
        or (source_unseen(PROFILE) if unseen == PROFILE and not assumed else None)
        or claim_unread(carried.unread),
    )


def session_after(asked: FederatedCall, context: EvaluationContext) -> FederatedCall:
    """Return the call with what its session cannot carry: tags and a source identity.

    STS makes no session with either unless the role's trust policy allows ``sts:TagSession`` or
    ``sts:SetSourceIdentity``, and no RCP denies it (IAM user guide, "Pass session tags in AWS STS"
    and "Monitor and control actions taken with assumed roles"). So policies that refuse both say
    what no token shows.
    """
    carried = asked.carried
    if asked.service is not None or not (carried.unread or carried.unseen == SOURCE_SESSION):
        return asked
    call = federated_request(asked, context)
    for action in ("sts:TagSession", "sts:SetSourceIdentity"):
        if not evaluate(replace(call, actions=(action,))).refused:
            return asked
    return replace(asked, carried=replace(carried, tags={}, unseen=None, unread=None))


def _context_of_own(asked: FederatedCall, context: EvaluationContext) -> Context:
    carried = asked.carried
    values: dict[str, Sequence[str]] = {
        **of_every_call(context, RoleArn.parse(asked.role).account),
        **asked.known,
        **carried.known,
        **({"sts:RoleSessionName": [asked.session_name]} if asked.session_name else {}),
    }
    # The holder of a token is not a principal of any organization; a service may be.
    absent = list(ABSENT_WITH_TOKEN if asked.service is None else OF_SIGNER)
    if isinstance(carried.source_identity, str):
        values["sts:SourceIdentity"] = [carried.source_identity]
    if asked.service is not None:
        values["aws:PrincipalIsAWSService"] = ["true"]
        values["aws:PrincipalServiceName"] = [asked.service]
        # Which endpoint the service calls, and on whose behalf, is not known.
        for key in ("aws:ViaAWSService", "aws:ViaAWSMCPService", "aws:RequestedRegion"):
            values.pop(key, None)
    if carried.tags is not None:
        values |= {f"aws:RequestTag/{key}": [value] for key, value in carried.tags.items()}
        values["aws:TagKeys"] = list(carried.tags)
        values["sts:TransitiveTagKeys"] = list(carried.transitive)
        absent.append("aws:RequestTag/")
        if carried.source_identity is None:
            absent.append("sts:SourceIdentity")
    return context_without_signer(values, absent, context.supplied)


_KEYS = (
    "external_id",
    "mfa_serial",
    "role",
    "session_name",
    "source_identity",
    "tags",
    "transitive_tags",
)

EVERY_KEY = {key: key for key in _KEYS}
AWS_CONFIG = "AWS config"


@dataclass(frozen=True, slots=True)
class ConfigLocation:
    """Where in the user's config a source or a hop is defined."""

    name: str
    """For people: ``hop 2 of chain 'prod-admin'``."""

    keys: Mapping[str, str] = field(default_factory=EVERY_KEY.copy)
    """The keys that can be set there, each with its name there."""

    file: str = "config of rolehop"

    @property
    def is_of_aws(self) -> bool:
        """True if it is in the AWS config, which rolehop only reads."""
        return self.file == AWS_CONFIG


def default_location(number: int) -> ConfigLocation:
    """Return the location of hop ``number`` (0: the source) if the config does not define it."""
    return ConfigLocation(f"hop {number}" if number else "the source")


@dataclass(frozen=True, slots=True)
class ChainScenario:
    """Everything that determines the requests of a chain."""

    start: StartingCredentials
    hops: tuple[AssumeRoleRequest, ...]
    context: EvaluationContext
    source_requests: tuple[Request, ...] = ()
    """Hop 0, if the source is federated."""

    region_location: ConfigLocation | None = None
    """Where the region can be set; ``None``: a flag sets it, or no config does."""

    locations: Sequence[ConfigLocation] = ()
    """The source's, then each hop's; if empty, they are named by number."""

    scope: ScopeRequest | None = None
    """The call after the last hop that narrows its session."""

    def requests(self) -> dict[int, Request]:
        """Return the request of every hop, and of the scope after them, by its number."""
        asked = build_requests(self.start, self.hops, self.context)
        if self.scope is not None:
            asked = (*asked, scope_request(self.session(), self.context))
        return dict(enumerate((*self.source_requests, *asked), start=1 - len(self.source_requests)))

    def session(self) -> CallerState:
        """Return the session of the last hop, which the scope narrows; the source's without hops."""
        held = initial_state(self.start, self.context)
        for number, hop in enumerate(self.hops, start=1):
            held = next_state(held, hop, number, self.context.inventory)
        return held

    def location(self, number: int) -> ConfigLocation:
        """Return where hop ``number`` is defined; 0: the source."""
        return self.locations[number] if self.locations else default_location(number)

    def hop(self, number: int) -> AssumeRoleRequest:
        """Return the call of hop ``number``, from 1."""
        return self.hops[number - 1]

    def inherited_tag_keys(self, number: int) -> tuple[str, ...]:
        """Return the keys of the transitive tags that the caller of hop ``number`` carries."""
        carried = self.start.carried
        before = [carried.transitive if carried is not None else ()]
        before += [hop.transitive_tags for hop in self.hops[: max(number - 1, 0)]]
        return tuple(key for keys in before for key in keys)

    def with_hop(self, number: int, asked: AssumeRoleRequest) -> ChainScenario:
        """Return the scenario in which hop ``number``, from 1, makes the call ``asked``."""
        return replace(self, hops=(*self.hops[: number - 1], asked, *self.hops[number:]))

    def with_source(self, key: str, value: str) -> ChainScenario:
        """Return the scenario in which a federated source's own call has ``value`` for ``key``."""
        own, start = self.source_requests[0], self.start
        own = replace(own, context=own.context.with_supplied({key: (value,)}))
        if key.lower() == "sts:rolesessionname" and start.principal is not None:
            role, _, _ = start.principal.rpartition("/")
            start = replace(start, principal=f"{role}/{value}")
        return replace(self, start=start, source_requests=(own, *self.source_requests[1:]))

    def with_region(self, region: str) -> ChainScenario:
        """Return the scenario in which STS is called in ``region``."""
        return replace(self, context=replace(self.context, region=region))

    def with_mfa(self) -> ChainScenario:
        """Return the scenario in which hop 1 carries MFA, whatever the user says of it as it is."""
        said = self.context.supplied
        still = {key: each for key, each in said.items() if key.lower() not in OF_MFA}
        context = replace(self.context, supplied=still)
        return replace(self, start=replace(self.start, mfa=True), context=context)
