"""Changes to the user's config after which a call meets the conditions of a policy.

Only what the config can express and STS accepts is proposed, with the value that the statement
itself names. If any value will do, an example is shown and marked as one. If the statement gives
only the form of an external ID, its account has to provide the value. Every candidate is evaluated
before it is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.arn import RoleArn, account_of, known_regions
from rolehop.policy.chains.scenario import ChainScenario, ConfigLocation
from rolehop.policy.evaluation.conditions import judge_condition
from rolehop.policy.evaluation.findings import Reason, Truth
from rolehop.policy.evaluation.model import PolicyVerdict
from rolehop.policy.inventory.context_keys import OF_MFA
from rolehop.policy.language.operators import Quantifier
from rolehop.policy.language.parser import Condition, Effect
from rolehop.policy.language.request_context import Context
from rolehop.policy.language.variables import Unfilled, Variable, fill, parse_template
from rolehop.policy.remedies.config_change import (
    Candidate,
    ConfigChange,
    change_hop,
    change_source,
    remove_tags,
)
from rolehop.policy.remedies.policy_change import ChangeKind
from rolehop.policy.remedies.values_asked import (
    ANY,
    AskedValue,
    text_of_pattern,
    values_asked,
)
from rolehop.startup.dataclass import replace
from rolehop.startup.lazy_regex import Pattern

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
    for each in condition.templates:
        part = each.parts[0] if len(each.parts) == 1 else None
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
    location, now = scenario.region_location, scenario.setting.region
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
    named = [fill(each, context) for each in condition.templates]
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
    for each in judged.statement.principals or ():
        role, _, name = each.text.rpartition("/")
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
