"""Changes to keys of a hop or of the source in the user's config, by which a refused hop may pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rolehop.base.arn import RoleArn, account_of, known_regions
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.startup import Pattern
from rolehop.config.sts_limits import (
    EXTERNAL_ID,
    ROLE,
    SESSION_NAME,
    SOURCE_IDENTITY,
    TAGS,
    TRANSITIVE_TAGS,
)
from rolehop.config.value_types import TEXT, Check
from rolehop.policy.chain_model import AssumeRoleRequest
from rolehop.policy.context_keys import OF_MFA
from rolehop.policy.evaluation.findings import Reason, Truth
from rolehop.policy.evaluation.model import PolicyVerdict
from rolehop.policy.evaluation.statements import judge_condition
from rolehop.policy.language.operators import Quantifier, Wild
from rolehop.policy.language.parser import Condition, Effect
from rolehop.policy.language.request_context import (
    Context,
    Unfilled,
    Variable,
    fill,
    parse_template,
)
from rolehop.policy.remedies.policy_change import ChangeKind
from rolehop.policy.requests import ChainScenario, ConfigLocation

Value = str | Mapping[str, str] | Sequence[str]

_LIMITS: Mapping[str, Check] = {
    "audience": TEXT,
    "external_id": EXTERNAL_ID,
    "role": ROLE,
    "session_name": SESSION_NAME,
    "source_identity": SOURCE_IDENTITY,
    "tags": TAGS,
    "transitive_tags": TRANSITIVE_TAGS,
}


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One change to the config of one hop, or of the source."""

    hop: int
    """0: the source."""

    location: ConfigLocation
    kind: ChangeKind
    keys: Mapping[str, Value]
    """The keys to write there, under their names there, or to remove."""

    example: bool = False
    """Any value will do; those in ``keys`` are examples."""

    form: Mapping[str, str] = field(default_factory=dict)
    """By key, the form of a value that the account of the hop's role must provide; the value in
    ``keys`` only has that form."""

    provided_by: str | None = None
    """That account, if there is a form."""

    @property
    def hop_keys(self) -> set[str]:
        """The keys, under the names that rolehop has for them."""
        return {key for key, name in self.location.keys.items() if name in self.keys}

    @property
    def shown(self) -> Mapping[str, Value]:
        """The keys with their values; a form has an ellipsis in it."""
        return {**self.keys, **self.form}


Candidate = tuple[ConfigChange, ChainScenario]
"""A change, and the scenario after it."""


def remove_tags(scenario: ChainScenario, hop: int, gone: Sequence[str]) -> Iterator[Candidate]:
    """Yield the change of hop ``hop`` that removes the tags with the keys ``gone``."""
    asked = scenario.hop(hop)
    yield from change_hop(
        scenario,
        hop,
        tags=tuple((key, value) for key, value in asked.tags if key not in gone),
        transitive_tags=tuple(key for key in asked.transitive_tags if key not in gone),
    )


def change_hop(
    scenario: ChainScenario, hop: int, *, example: bool = False, **values: object
) -> Iterator[Candidate]:
    """Yield the change of hop ``hop`` to ``values``, if it is one that config and STS accept."""
    before = scenario.hop(hop)
    after: AssumeRoleRequest = replace(before, **values)  # type: ignore[arg-type]
    location = scenario.location(hop)
    names = [name for name in values if getattr(before, name) != getattr(after, name)]
    if not names or not set(names) <= set(location.keys):
        return
    set_names = [name for name in names if getattr(after, name)]
    if not all(_is_accepted(name, getattr(after, name)) for name in set_names):
        return
    kind = ChangeKind.REPLACE
    if not set_names:
        kind = ChangeKind.REMOVE
    elif not any(getattr(before, name) for name in names):
        kind = ChangeKind.ADD
    shown = before if kind is ChangeKind.REMOVE else after
    keys = {location.keys[name]: _value(getattr(shown, name)) for name in names}
    yield ConfigChange(hop, location, kind, keys, example=example), scenario.with_hop(hop, after)


def change_source(scenario: ChainScenario, name: str, key: str, value: str) -> Iterator[Candidate]:
    """Yield the change of a federated source's config key ``name``, which its call sends as ``key``."""
    location = scenario.location(0)
    if scenario.source_requests and name in location.keys and _is_accepted(name, value):
        keys = {location.keys[name]: value}
        change = ConfigChange(0, location, ChangeKind.REPLACE, keys)
        yield change, scenario.with_source(key, value)


def _is_accepted(name: str, value: object) -> bool:
    """True if the config accepts the value; it enforces the limits of STS."""
    try:
        _LIMITS[name].run(_value(value))
    except ValueError:
        return False
    return True


def _value(value: object) -> Value:
    """Return a value of a hop as the config writes it."""
    if isinstance(value, str | RoleArn):
        return str(value)
    members = list(value) if isinstance(value, tuple) else []
    if all(isinstance(member, tuple) for member in members) and members:
        return dict(members)
    return members


ANY = "any-value"
"""An example, if any value will do."""


@dataclass(frozen=True, slots=True)
class AskedValue:
    """One value to send, or none."""

    text: str | None
    """``None``: without the key."""

    form: str | None = None
    """Of a pattern: with an ellipsis for each wildcard."""

    example: bool = False
    """Any other text would do as well."""


NONE = AskedValue(None)
"""Without the key."""


def values_asked(
    condition: Condition, scenario: ChainScenario, hop: int, now: str | None
) -> Iterator[AskedValue]:
    """Yield the values that a condition names, then ``NONE``: without the key.

    Where it names a pattern, what is sent ``now`` takes the place of the first star.
    """
    context = scenario.requests()[hop].context
    if condition.operator.is_null:
        yield AskedValue(ANY, example=True)
    for template in () if condition.operator.is_null else condition.templates:
        filled = fill(template, context)
        if not isinstance(filled, Unfilled):
            yield _value_of(filled, now)
    yield NONE


def _value_of(tokens: Sequence[str | Wild], now: str | None) -> AskedValue:
    wild = [token for token in tokens if isinstance(token, Wild)]
    if len(wild) == len(tokens) > 0:
        return AskedValue(now or ANY, example=True)
    form = "".join("…" if isinstance(token, Wild) else token for token in tokens)
    return AskedValue(text_of_pattern(tokens, now or ""), form if wild else None)


def text_of_pattern(tokens: Sequence[str | Wild], now: str) -> str:
    """Return a text that a pattern matches: ``now`` takes the place of the first star.

    Of ``bob@laptop`` and ``*@corp.example``, that is ``bob@corp.example``.
    """
    text = ""
    for at, token in enumerate(tokens):
        match token:
            case Wild.RUN:
                after = next((each for each in tokens[at + 1 :] if isinstance(each, str)), "")
                if after and not after[0].isalnum():
                    now = now.partition(after[0])[0] or now
                text, now = text + now, ""
            case Wild.ONE:
                text += "0"
            case _:
                text += token
    return text


_REGION = Pattern(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_ANY_KEY = "any-key"

OPTIONAL_ACTIONS = ("sts:TagSession", "sts:SetSourceIdentity")
"""Actions that a call can omit."""


def satisfy_conditions(
    policy: PolicyVerdict, scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    """Yield changes by which the call meets one more of the conditions that ``policy_type`` asks for.

    Each alone is judged to help; the best first.
    """
    judged = policy.deciding
    if judged is None:
        yield from _possible(policy, scenario, hop)
        return
    denies = judged.statement.effect is Effect.DENY
    wrong = Truth.TRUE if denies else Truth.FALSE
    context = scenario.requests()[hop].context
    for condition in judged.statement.conditions:
        if judge_condition(condition, context).truth is not wrong:
            continue
        for edit, changed in (
            *_candidates(condition, judged.statement.conditions, scenario, hop),
            *_by_variable(condition, scenario, hop),
        ):
            request = changed.requests()[hop]
            better = judge_condition(condition, request.context).truth is not wrong
            if better and request.impossible is None:
                yield edit, changed
    if policy.findings[0].reason is Reason.OTHER_SESSION:
        yield from _as_session(policy, scenario, hop)


def drop_optional_action(
    policy: PolicyVerdict, scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    """Yield the change that spares the action that ``policy_type`` refuses: no tags, no source identity."""
    if hop < 1:
        return
    if policy.action == "sts:TagSession":
        yield from _without_tags(scenario, hop)
    elif policy.action == "sts:SetSourceIdentity":
        setter = _identity_setter(scenario, hop)
        if setter:
            yield from change_hop(scenario, setter, source_identity=None)


# ---- candidates, by what the condition is about


def _candidates(
    condition: Condition, beside: Sequence[Condition], scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    key = condition.key.lower()
    family, slash, name = condition.key.partition("/")
    if hop < 1:
        yield from _of_source(condition, scenario, hop)
    elif key in OF_MFA:
        yield from _with_mfa(beside, scenario, hop)
    elif key in ("aws:tagkeys", "sts:transitivetagkeys"):
        yield from _more_tags(condition, beside, scenario, hop)
        yield from _fewer_tags(condition, scenario, hop)
    elif slash:
        yield from _tagged(condition, family.lower(), name, scenario, hop)
    elif key == "sts:externalid":
        for choice in values_asked(condition, scenario, hop, scenario.hop(hop).external_id):
            yield from _identifying(scenario, hop, choice)
    elif key == "sts:rolesessionname":
        for choice in values_asked(condition, scenario, hop, scenario.hop(hop).session_name):
            name = ANY if choice.text is None else choice.text
            example = choice.example or choice.text is None
            yield from change_hop(scenario, hop, session_name=name, example=example)
    elif key == "aws:userid" and scenario.requests()[hop].caller.is_session:
        # A session's is the ID of its role, then its name.
        now = (scenario.requests()[hop].caller.arn or "").rpartition("/")[2]
        for choice in values_asked(condition, scenario, hop, now):
            _, _, name = (choice.text or "").partition(":")
            yield from _renamed(scenario, hop - 1, name) if name else ()
    elif key == "aws:requestedregion":
        yield from _in_region(condition, scenario, hop)
    elif key in ("sts:sourceidentity", "aws:sourceidentity"):
        yield from _identified(condition, scenario, hop)


def _of_source(condition: Condition, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the session name, or the audience of the token, that a federated source's role wants."""
    key = condition.key.lower()
    name = "session_name" if key == "sts:rolesessionname" else "audience"
    if name == "audience" and not key.endswith(":aud"):
        return
    now = scenario.requests()[hop].context.lookup(key)
    for choice in values_asked(
        condition, scenario, hop, now[0] if isinstance(now, tuple) else None
    ):
        if choice.text is not None:
            yield from change_source(scenario, name, condition.key, choice.text)


def _renamed(scenario: ChainScenario, hop: int, name: str) -> Iterator[Candidate]:
    """Yield another name of the session that hop ``hop`` makes; 0: the source."""
    if hop > 0:
        yield from change_hop(scenario, hop, session_name=name)
    elif hop == 0:
        yield from change_source(scenario, "session_name", "sts:RoleSessionName", name)


def _by_variable(condition: Condition, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the tag of the caller that is compared with another key, with the value of that key."""
    found = scenario.requests()[hop].context.lookup(condition.key)
    if not isinstance(found, tuple) or len(found) != 1:
        return
    wanted = (parse_template(found[0], variables=False, wild=False),)
    for template in condition.templates:
        part = template.parts[0] if len(template.parts) == 1 else None
        if isinstance(part, Variable) and part.key.lower().startswith("aws:principaltag/"):
            other = replace(condition, key=part.key, values=found, templates=wanted)
            yield from _candidates(other, (), scenario, hop)


def _identifying(scenario: ChainScenario, hop: int, choice: AskedValue) -> Iterator[Candidate]:
    """Yield the hop with another external ID; if only its account knows it, the form."""
    known = choice.form is not None and not choice.example
    for edit, changed in change_hop(scenario, hop, external_id=choice.text, example=choice.example):
        if known:
            form = dict.fromkeys(edit.keys, choice.form or "")
            edit = replace(edit, form=form, provided_by=scenario.hop(hop).role.account)
        yield edit, changed


def _in_region(condition: Condition, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the chain with a region that the condition names."""
    location, now = scenario.region_location, scenario.context.region
    if location is None:
        return
    named = [
        e.text for e in values_asked(condition, scenario, hop, now) if e.text and e.form is None
    ]
    written = [each for each in named if _REGION.fullmatch(each)]
    kind = ChangeKind.ADD if now is None else ChangeKind.REPLACE
    # A pattern names none: then one of those that it matches.
    for region in (*written, *known_regions(scenario.hop(hop).role.partition)):
        change = ConfigChange(hop, location, kind, {location.keys["region"]: region})
        yield change, scenario.with_region(region)


def _identified(condition: Condition, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield another source identity, set where the chain sets it, otherwise as late as possible."""
    before = condition.key.lower() == "aws:sourceidentity"
    setter = _identity_setter(scenario, hop - 1 if before else hop)
    at = setter or (hop - 1 if before else hop)
    if at < 1:
        return
    asked = scenario.hop(at)
    sent = asked.source_identity
    now = sent if isinstance(sent, str) else asked.session_name
    found = values_asked(condition, scenario, hop, now)
    names = [each.text for each in found if not each.example]
    for text in (*names, asked.session_name):
        if text is not None or setter:
            yield from change_hop(scenario, at, source_identity=text)


def _identity_setter(scenario: ChainScenario, hop: int) -> int:
    """Return the hop that sets the source identity that ``hop`` has; 0: none of this chain."""
    return next((n for n in range(1, hop + 1) if scenario.hop(n).source_identity is not None), 0)


def _tagged(
    condition: Condition, family: str, name: str, scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    """Yield another value of one tag, sent with this hop or carried by its caller."""
    if family == "aws:requesttag":
        at = hop
    elif family == "aws:principaltag":
        at = _tag_sender(scenario, hop, name) or hop - 1
    else:
        return
    if at < 1:
        return
    asked = scenario.hop(at)
    # Tag keys are case-insensitive; the spelling in the config stays.
    written = next((key for key, _ in asked.tags if key.lower() == name.lower()), name)
    for choice in values_asked(condition, scenario, hop, dict(asked.tags).get(written)):
        if choice.text is None:
            yield from remove_tags(scenario, at, [written])
        else:
            tags = tuple({**dict(asked.tags), written: choice.text}.items())
            yield from change_hop(scenario, at, tags=tags, example=choice.example)


def _tag_sender(scenario: ChainScenario, hop: int, name: str) -> int:
    """Return the hop whose tag ``name`` the caller of ``hop`` carries; 0: none of this chain."""
    for number in range(hop - 1, 0, -1):
        asked = scenario.hop(number)
        travels = number == hop - 1 or name.lower() in map(str.lower, asked.transitive_tags)
        if travels and any(key.lower() == name.lower() for key, _ in asked.tags):
            return number
    return 0


def _more_tags(
    condition: Condition, beside: Sequence[Condition], scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    """Yield the hop with one more tag, of any value, if the condition requires its key."""
    asked = scenario.hop(hop)
    of_travel = condition.key.lower() == "sts:transitivetagkeys"
    context = scenario.requests()[hop].context
    named = [fill(template, context) for template in condition.templates]
    keys = [text_of_pattern(each, "") for each in named if not isinstance(each, Unfilled)]
    if condition.operator.is_null:
        # One that the same statement lists, if it lists any.
        lists = [each for each in beside if each.key.lower() == condition.key.lower()]
        listed = [e.fixed for each in lists if each is not condition for e in each.templates]
        keys = [*(key for key in listed if key), _ANY_KEY]
    sent = {key.lower() for key, _ in asked.tags}
    for key in keys:
        if key.lower() in sent:
            continue
        inherited_tag_keys = (*asked.transitive_tags, *((key,) if of_travel else ()))
        tags = (*asked.tags, (key, ANY))
        yield from change_hop(
            scenario, hop, tags=tags, transitive_tags=inherited_tag_keys, example=True
        )


def _fewer_tags(condition: Condition, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the hop without the tags that the condition rejects, then without any."""
    asked = scenario.hop(hop)
    of_travel = condition.key.lower() == "sts:transitivetagkeys"
    keys = list(asked.transitive_tags) if of_travel else [key for key, _ in asked.tags]
    if of_travel and condition.operator.quantifier is Quantifier.ANY:
        for key in (key for key, _ in asked.tags if key in condition.values):
            yield from change_hop(scenario, hop, transitive_tags=(*keys, key))
    fit = [
        key
        for key in keys
        if judge_condition(condition, Context({condition.key: [key]}, closed=True)).truth
        is Truth.TRUE
    ]
    for gone in (
        [key for key in keys if key not in fit],
        [key for key in keys if key in fit],
        keys,
    ):
        if of_travel and gone:
            left = tuple(key for key in keys if key not in gone)
            yield from change_hop(scenario, hop, transitive_tags=left)
        elif gone:
            yield from remove_tags(scenario, hop, gone)


def _with_mfa(
    beside: Sequence[Condition], scenario: ChainScenario, hop: int
) -> Iterator[Candidate]:
    """Yield MFA, which only hop 1 can carry, and only from IAM user keys (STS API reference).

    If the time since MFA matters, the code is sent with the hop itself: the source's session that
    was made with MFA may be hours old.
    """
    start = scenario.start
    is_user = ":user/" in (start.principal or "")
    # A user's credentials may still turn out to be keys; if not, no location has the key.
    if hop != 1 or start.mfa or not (start.long_lived or (is_user and start.mfa is None)):
        return
    by_age = any(each.key.lower() == "aws:multifactorauthage" for each in beside)
    for at in (1, 0) if by_age else (0, 1):
        location = scenario.location(at)
        if "mfa_serial" in location.keys:
            change = _mfa_change(at, location, start.principal if is_user else None)
            if change is not None:
                yield change, scenario.with_mfa()
                return


def _mfa_change(at: int, location: ConfigLocation, user: str | None) -> ConfigChange | None:
    """Return ``mfa_serial`` for a location; the AWS config takes no "auto", only a device's ARN."""
    name = location.keys["mfa_serial"]
    if not location.is_of_aws:
        return ConfigChange(at, location, ChangeKind.ADD, {name: "auto"})
    if user is None:
        return None
    devices = user.partition(":user/")[0] + ":mfa/"
    keys, form = {name: devices + user.rpartition("/")[2]}, {name: f"{devices}…"}
    return ConfigChange(at, location, ChangeKind.ADD, keys, form=form, provided_by=account_of(user))


def _as_session(policy: PolicyVerdict, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the session name that the statement names, for the hop before."""
    judged, caller = policy.deciding, scenario.requests()[hop].caller
    if judged is None or caller.arn is None:
        return
    own = caller.arn.rpartition("/")[0]
    for principal in judged.statement.principals or ():
        role, _, name = principal.text.rpartition("/")
        if role == own:
            yield from _renamed(scenario, hop - 1, name)


def _possible(policy: PolicyVerdict, scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the hop without what STS itself refuses, or with the path of its role."""
    if hop < 1:
        return
    finding = policy.findings[0]
    if finding.reason is Reason.OTHER_PATH:
        yield from change_hop(scenario, hop, role=RoleArn.parse(finding.wanted))
    elif finding.reason is Reason.IDENTITY_CHANGED:
        yield from change_hop(scenario, hop, source_identity=None)
    elif finding.reason is Reason.TAG_REPEATED:
        inherited_tag_keys = {
            key.lower() for number in range(1, hop) for key in scenario.hop(number).transitive_tags
        }
        again = [key for key, _ in scenario.hop(hop).tags if key.lower() in inherited_tag_keys]
        if again:
            yield from remove_tags(scenario, hop, again)


def _without_tags(scenario: ChainScenario, hop: int) -> Iterator[Candidate]:
    """Yield the hop without its tags, or an earlier hop without its transitive tags."""
    if scenario.hop(hop).tags:
        yield from remove_tags(scenario, hop, [key for key, _ in scenario.hop(hop).tags])
        return
    for number in range(1, hop):
        if scenario.hop(number).transitive_tags:
            yield from change_hop(scenario, number, transitive_tags=())
