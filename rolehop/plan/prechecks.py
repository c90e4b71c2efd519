"""What STS is certain to refuse, or may refuse, as the chain alone shows it: before any call.

Sources: IAM user guide, "Service-linked roles", "Passing session tags" and "Monitor and control actions taken with
assumed roles"; STS API reference, AssumeRole (sizes).
"""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.config.inheritance import Inheritance, changes_identity, repeated_tags, tag_key
from rolehop.config.sts_limits import MAX_POLICIES
from rolehop.plan.model import Hop
from rolehop.startup.dataclass import dataclass

_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Prediction:
    """What can be said of one hop in advance."""

    notes: tuple[str, ...] = ()
    will_fail: str | None = None


def predict(hops: Sequence[Hop], own: Hop | None = None) -> tuple[Prediction, ...]:
    """Return what can be said of each hop in advance, in order.

    ``own`` is the call that gets the source its own role, if it sends session policies.
    """
    if own is None and all(map(_sends_role_only, hops)):
        return (_NOTHING,) * len(hops)
    found = []
    inherited = Inheritance()
    for number, hop in enumerate(hops, start=1):
        before = hops[number - 2] if number > 1 else own
        under = _under_session_policy(before, hop, number)
        failures = (
            _service_linked(hop),
            _tag_again(hop, inherited),
            _identity_changed(hop, inherited),
            _policies_too_long(hop),
            _of_other_partition(hop),
            under.will_fail,
        )
        size = _near_limit(
            hop, sum(len(tag.key) + len(tag.value) for tag in inherited.tags.values())
        )
        notes = (*under.notes, *_doubts(hop), size, _travels(number, hop, len(hops)))
        found.append(
            Prediction(
                tuple(note for note in notes if note),
                next((each for each in failures if each), None),
            )
        )
        inherited = inherited.after(hop, f"hop {number}")
    return tuple(found)


_NOTHING = Prediction()


def _sends_role_only(hop: Hop) -> bool:
    """True for a hop of which there is nothing to say, as most are."""
    sends = hop.policy or hop.policy_arns or hop.tags or hop.transitive_tags
    return not sends and hop.source_identity is None and hop.role.path == "/"


def _service_linked(hop: Hop) -> str | None:
    if not hop.role.path.startswith("/aws-service-role/"):
        return None
    return "role: it is a service-linked role, which only its own AWS service can assume"


def _tag_again(hop: Hop, inherited: Inheritance) -> str | None:
    for key in repeated_tags(hop.tags, inherited.tags):
        return (
            f"tags: '{key}' travels on from {inherited.tags[tag_key(key)].hop}, where it is"
            " transitive; AWS refuses it a second time"
        )
    return None


def _identity_changed(hop: Hop, inherited: Inheritance) -> str | None:
    if not changes_identity(hop.source_identity, inherited.identity):
        return None
    return (
        f"source_identity: {inherited.identity_hop} sets '{inherited.identity}', and no later hop"
        " can change it"
    )


def _policies_too_long(hop: Hop) -> str | None:
    length = _length_of_policies(hop)
    if length <= MAX_POLICIES:
        return None
    return f"session policies: {length} characters with their ARNs; AWS takes {MAX_POLICIES}"


def _of_other_partition(hop: Hop) -> str | None:
    if hop.policy is None or "arn:aws" not in hop.policy:
        return None
    from rolehop.config.session_policy import other_partition

    found = other_partition(hop.policy, hop.role.partition)
    if found is None:
        return None
    return (
        f"policy: the resource '{found}' is of another partition than the role"
        f" ({hop.role.partition}); AWS refuses such a policy"
    )


def _doubts(hop: Hop) -> tuple[str, ...]:
    if hop.policy is None:
        return ()
    from rolehop.policy.chains.session_policy import doubts_about

    return tuple(f"session policy: {each}; AWS may refuse it" for each in doubts_about(hop.policy))


def _length_of_policies(hop: Hop) -> int:
    return len(hop.policy or "") + sum(map(len, hop.policy_arns))


def _near_limit(hop: Hop, inherited: int) -> str | None:
    """Warn if policies and tags may be too large together: AWS packs both into one small space.

    How it packs them is not documented, so this counts characters and warns early.
    """
    tags = inherited + sum(len(key) + len(value) for key, value in hop.tags)
    length = _length_of_policies(hop) + tags
    if length < MAX_POLICIES * _NEAR or _length_of_policies(hop) > MAX_POLICIES:
        return None
    return (
        f"session policies and tags are {length} characters: AWS may refuse them as too large"
        " (PackedPolicyTooLarge)"
    )


def _travels(number: int, hop: Hop, hops: int) -> str | None:
    if number == hops:
        return None
    if hop.source_identity is not None:
        return "its source identity travels on: every later role must allow sts:SetSourceIdentity"
    if hop.transitive_tags:
        return "its transitive tags travel on: every later role must allow sts:TagSession"
    return None


def _under_session_policy(before: Hop | None, hop: Hop, number: int) -> Prediction:
    """Predict whether the session policies of the hop before allow this one."""
    if before is None or (before.policy is None and not before.policy_arns):
        return Prediction()
    # Imported here: few chains have a session policy before their last hop.
    from rolehop.policy.chains.session_policy import next_hop_under
    from rolehop.policy.evaluation.model import Outcome

    outcome = next_hop_under(
        before.policy, before.policy_arns, before.role, before.session_name, hop.role
    )
    named = [arn.rpartition("/")[2] for arn in before.policy_arns]
    which = f" ({', '.join(named)})" if named else ""
    whose = f"hop {number - 1}" if number > 1 else "the source"
    limits = f"the session policy of {whose}{which}"
    if outcome is Outcome.REFUSED:
        return Prediction(
            will_fail=f"{limits} does not allow sts:AssumeRole on this role, and it limits what"
            " that session can do"
        )
    if outcome is Outcome.UNKNOWN:
        return Prediction((f"may be refused: {limits} may not allow sts:AssumeRole on this role",))
    return Prediction()
