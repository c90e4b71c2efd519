"""Remedies as text: who changes what, with which warnings, ready to copy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rolehop.base.text import pluralize
from rolehop.config.toml import toml_line
from rolehop.policy.access_denied import QUARANTINE, QUARANTINED
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.findings import Finding, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.finding_text import asked_for, condition_of, key_in_words
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import (
    NEW,
    ChangeKind,
    Owner,
    PolicyChange,
    apply_changes,
)
from rolehop.policy.remedies.search import Remedy, Step, refused_by_read_only_scope
from rolehop.policy.remedies.statement_conditions import subject_of
from rolehop.terminal.json_text import json_lines
from rolehop.terminal.layout import WIDTH, Line, to_copy, wrapped


def remedy_lines(
    verdict: Verdict,
    remedies: Sequence[Remedy],
    room: int | None = None,
    *,
    most: int | None = None,
    by_words: str | None = None,
) -> Iterator[Line]:
    """Show each remedy, step by step; TOML and JSON lines are never wrapped.

    The first is shown whole, if it has at most ``most`` lines; others only if they fit into ``room``
    lines. Without a remedy, what AWS's words alone advise is said, ``by_words``, if they do.
    """
    short = _SHORT if most is None else most
    steps = [
        (step, "and" if at else "or else," if number else "to fix it,")
        for number, remedy in enumerate(remedies)
        for at, step in enumerate(remedy.steps)
    ]
    named = [list(_named(step, lead)) for step, lead in steps]
    for number, (step, lead) in enumerate(steps):
        lines, later = (
            list(_step(step, lead, few=room is not None)),
            sum(map(len, named[number + 1 :])),
        )
        if room is not None and len(lines) > (room - min(later, 1) if number == 0 else short):
            lines = list(_difference(step, lead)) or lines
        if room is not None and not number and len(lines) > max(room, short):
            lines = named[0]
        if room is not None and number:
            if room < len(named[number]) + later:
                yield from wrapped(_more(remedies, number), "  ", "    ")
                return
            forms = (lines, list(_difference(step, lead)), named[number])
            lines = next((e for e in forms if e and len(e) + later <= room), named[number])
        room = None if room is None else room - len(lines)
        yield from lines
    if verdict.outcome is Outcome.REFUSED and not remedies:
        text = f"to fix it, {by_words}" if by_words else _no_remedy_text(verdict)
        yield from wrapped(text, "  ", "    " if by_words else "  ")


_SHORT = 11  # lines of a fix that is shown whole, whatever else there is


def _difference(step: Step, lead: str) -> Iterator[Line]:
    """Show what changes in a long list of a statement; nothing, if the change is another one."""
    if not isinstance(step, PolicyChange) or step.listed is None:
        return
    verb, place, values = step.listed
    where = "to" if verb == "add" else "from"
    change = f"{in_short(step)}: {verb} {where} {place} (-v shows it all)"
    yield from wrapped(f"{lead} {change}:", "  ", "    ")
    for text in _warnings(step, few=True):
        yield from wrapped(text, "    ", "    ")
    for value in values:
        yield to_copy("".join(c if c.isprintable() else " " for c in f"      {json.dumps(value)}"))


def _named(step: Step, lead: str) -> Iterator[Line]:
    """Name a step, with its warnings: few people ask for the rest."""
    yield from wrapped(f"{lead} {in_short(step)} (-v shows it)", "  ", "    ")
    for text in _warnings(step, few=True):
        yield from wrapped(text, "    ", "    ")


def _more(remedies: Sequence[Remedy], shown: int) -> str:
    left = len(remedies[0].steps) - shown
    texts = [f"and {pluralize(left, 'more change')}"] if left > 0 else []
    texts += ["or another fix"] if len(remedies) > 1 else []
    return f"{', '.join(texts)} (-v shows it all)"


def settled_keys(remedies: Sequence[Remedy]) -> set[str]:
    """Return the condition keys that a remedy no longer asks for as they were, in lower case."""
    steps = [step for remedy in remedies for step in remedy.steps if isinstance(step, PolicyChange)]
    return {key.lower() for e in steps for key in (*e.sent, *e.without, *e.waived)}


def keys_in(remedies: Sequence[Remedy]) -> set[str]:
    """Return the keys of the config that the remedies change; they need no further hint."""
    edits = [step for remedy in remedies for step in remedy.steps if isinstance(step, ConfigChange)]
    return {key for edit in edits for key in edit.hop_keys}


def _no_remedy_text(verdict: Verdict) -> str:
    if refused_by_read_only_scope(verdict):
        return "to fix it, take read_only off the chain's scope, or --read-only off the command"
    aws_managed = next(
        (policy.deciding for policy in verdict.refused if _is_of_aws(policy, verdict)), None
    )
    if aws_managed is not None and QUARANTINE in aws_managed.document:
        return f"{aws_managed.document}: {QUARANTINED}"
    if aws_managed is not None:
        return f"to fix it, detach {aws_managed.document}: it is an AWS managed policy, which only AWS can edit"
    if verdict.request.role == ANY_RESOURCE:
        return "name the resource, and rolehop can write the fix: --resource ARN"
    request = verdict.request
    elsewhere = request.owner is not None and not request.within_account
    if elsewhere and not request.policy_set(PolicyType.TRUST).there:
        return f"no policy can open it to another account: call with a session of account {request.owner}"
    tag = next(_resource_tags(verdict), None) if verdict.request.owner is None else None
    if tag is not None:
        account, name = verdict.request.role.split(":")[4], verdict.request.role.rpartition("/")[2]
        key = key_in_words(condition_of(tag)[1]).removesuffix(" of the role")
        return f"to fix it, account {account} gives role {name} {key}: {asked_for(tag)}"
    subject = subject_of(verdict.request.caller)
    if subject is None and any(each.deciding for each in verdict.refused):
        return "no policy can be changed for this call alone: change the chain"
    if subject is None:
        return "no policy can fix this: change the chain"
    return (
        "to fix it, the statement must name the token's subject, or it admits the whole provider:"
        f" --context {subject}=VALUE"
    )


def _resource_tags(verdict: Verdict) -> Iterator[Finding]:
    """Yield what an Allow asks of the tags of the role, which are not as it asks."""
    for finding in (each for policy in verdict.refused for each in policy.findings):
        is_condition = finding.element.startswith("Condition ")
        of_tag = is_condition and "resourcetag/" in condition_of(finding)[1].lower()
        if of_tag and finding.truth is Truth.FALSE:
            yield finding


def _is_of_aws(policy: PolicyVerdict, verdict: Verdict) -> bool:
    documents = verdict.request.policy_set(policy.name).documents
    names = [document.name for document in documents if document.aws_managed]
    return policy.deciding is not None and policy.deciding.document in names


def document_of(step: Step) -> str:
    """Return which document a step changes."""
    if isinstance(step, ConfigChange):
        return f"{step.location.file}: {step.location.name}"
    if step.location is not None:
        return f"{step.location.file}: session policy of {step.location.name}"
    if step.owner is Owner.ORGANIZATION:
        return f"{step.document} of the organization of account {step.member}"
    return step.document


def in_short(step: Step) -> str:
    """Return a step in one line; for a statement, only its document."""
    if isinstance(step, ConfigChange):
        return f"{_edit(step)}: {', '.join(_written(step))}"
    return _policy_change(step).removesuffix(" to").removesuffix(", with")


def _step(step: Step, lead: str, *, few: bool) -> Iterator[Line]:
    change = _edit(step) if isinstance(step, ConfigChange) else _policy_change(step)
    yield from wrapped(f"{lead} {change}:", "  ", "    ")
    # Before what is copied: few people read on after it.
    for text in _warnings(step, few=few):
        yield from wrapped(text, "    ", "    ")
    for each in _written(step):
        # Wrapping would break what is meant to be copied.
        yield to_copy("".join(c if c.isprintable() else " " for c in f"    {each}"))
    if isinstance(step, ConfigChange):
        yield from _to_choose(step)


def _to_choose(edit: ConfigChange) -> Iterator[Line]:
    """Say which values the user has to choose or ask for."""
    if edit.form:
        text = f"that is only its form: the owner of account {edit.provided_by} has the value"
        yield from wrapped(text, "    ", "    ")
    if edit.example:
        yield from wrapped("any value will do: choose your own", "    ", "    ")


def _edit(edit: ConfigChange) -> str:
    if edit.kind is ChangeKind.REMOVE:
        return f"remove from the {edit.location.file}, at {edit.location.name}"
    return f"write in the {edit.location.file}, at {edit.location.name}"


def _policy_change(change: PolicyChange) -> str:
    """Return who does what to which document."""
    if change.document.startswith("a new "):
        return f"account {change.member} creates {change.document}, with"
    document = change.document
    if change.is_new and change.location is not None:
        return f"write in the {change.location.file}, at {change.location.name}, beside policy_arns"
    if change.location is not None:
        at = f"in the {change.location.file}, at {change.location.name}"
        document = f"session policy ({at}: policy, or its policy_file)"
    who = {
        Owner.ACCOUNT: f"account {change.member} ",
        Owner.ORGANIZATION: (
            f"the management account of the organization of {change.member} (or a delegated"
            " administrator) "
        ),
        Owner.CONFIG: "",
    }[change.owner]
    others, you = _DOES[change.kind]
    does = you if change.owner is Owner.CONFIG else others
    return f"{who}{does.format(document=document, index=change.index)}"


_DOES = {
    ChangeKind.ADD: ("adds to the {document}", "add to the {document}"),
    ChangeKind.REPLACE: (
        "changes statement {index} of the {document} to",
        "change statement {index} of the {document} to",
    ),
    ChangeKind.REMOVE: (
        "removes statement {index} of the {document}",
        "remove statement {index} of the {document}",
    ),
}


def _written(step: Step) -> Iterator[str]:
    if isinstance(step, PolicyChange) and step.is_new and step.location is not None:
        policy = json.dumps(apply_changes(NEW, [step]), ensure_ascii=False)
        yield toml_line("policy", policy) if "'" in policy else f"policy = '{policy}'"
        return
    if isinstance(step, PolicyChange):
        yield from json_lines(step.statement, WIDTH - 4)
        return
    for key, value in step.shown.items():
        if step.location.is_of_aws:
            yield f"{key} = {value}"
        else:
            yield toml_line(key, value)


def warnings(step: Step) -> tuple[str, ...]:
    """Return which conditions no longer apply to this caller as they do to others."""
    return tuple(_warnings(step, few=False))


_FEW = 3  # keys in one warning, if not all are asked for


def _warnings(step: Step, *, few: bool) -> Iterator[str]:
    if isinstance(step, PolicyChange):
        yield from _warnings_of(step, few=few)


def _warnings_of(change: PolicyChange, *, few: bool) -> Iterator[str]:
    if change.parts > 1:
        yield f"warning: part 1 of {change.parts}; only together do they deny what it denied"
    end = change.statement.get("Condition", {}).get("DateLessThanEquals", {})
    if "aws:CurrentTime" in change.sent and "aws:CurrentTime" in end:
        yield f"it ends at {end['aws:CurrentTime']}: choose the end that is needed"
    waived = [key for key in change.waived if key.lower() not in _OF_SERVICES]
    if change.exempts:
        yield "warning: this statement then no longer denies this caller anything"
        waived = []
    if change.spares:
        yield f"warning: it then surely spares {', '.join(change.spares)}, too"
    beware = (
        "warning: this one call is then allowed regardless of {}"
        if change.denied
        else "warning: for this caller the policy then no longer checks {}"
    )
    for keys, text in (
        (change.sent, "it accepts what this call sends, not what others must send: {}"),
        (change.without, "it accepts this call without what others must send: {}"),
        (waived, beware),
    ):
        if keys:
            words = list(dict.fromkeys(map(_in_words, keys)))
            more = len(words) - _FEW if few and len(words) > _FEW + 1 else 0
            named = ", ".join(words[: len(words) - more])
            yield text.format(f"{named} and {more} more (-v)" if more else named)
    if change.loosened:
        patterns = ", ".join(change.loosened)
        yield f"warning: this resource is then open to this caller for all of {patterns}"
    if change.services:
        trusted = ", ".join(change.services)
        yield f"warning: this role is meant for AWS services alone ({trusted}); add a person with care"
    if change.instead_of is not None:
        yield f"it is a new document, since there is no room left in {change.instead_of}"
    if change.over is not None:
        yield f"warning: the document is then longer than AWS's quota of {change.over:,} characters"
    if change.widened:
        actions = " and ".join(change.actions_added)
        others = "all resources" if "*" in change.widened else ", ".join(change.widened)
        yield f"warning: it then also allows {actions} on {others}"
    if change.opened:
        text = "warning: this call is then no longer denied on the other roles of {}"
        yield text.format(", ".join(change.opened))


# Keys that only distinguish a service's call from a person's: waiving them needs no warning.
_OF_SERVICES = (
    "aws:principalisawsservice",
    "aws:viaawsservice",
    "aws:calledvia",
    "aws:principalservicename",
)


def _in_words(key: str) -> str:
    return "MFA" if key.lower() == "aws:multifactorauthpresent" else key_in_words(key)
