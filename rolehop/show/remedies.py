"""The ways out of a refusal, in words: who changes what, as it is to be written."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from rolehop.config.toml_writer import toml_line
from rolehop.policy.evaluation.model import Lane, Outcome, Verdict
from rolehop.policy.remedies.config_change import ConfigChange
from rolehop.policy.remedies.policy_change import Change, Owner, PolicyChange
from rolehop.policy.remedies.search import Remedy, Step
from rolehop.policy.remedies.statement_conditions import subject_of
from rolehop.show.condition_text import key_in_words
from rolehop.show.layout import Line, line, to_copy
from rolehop.text import clean

WIDTH = 80


def ways_lines(verdict: Verdict, ways: Sequence[Remedy]) -> Iterator[Line]:
    """Tell each way, step by step; its lines of TOML and JSON are whole, to be copied."""
    for number, way in enumerate(ways):
        for at, step in enumerate(way.steps):
            lead = "and" if at else "or else," if number else "to mend it,"
            yield from _step(step, lead)
    if verdict.outcome is Outcome.REFUSED and not ways:
        yield from wrapped(_no_way(verdict), "  ", "  ")


def keys_told(ways: Sequence[Remedy]) -> set[str]:
    """Return the keys of the config that the ways change: nothing more need be said of them."""
    edits = [step for way in ways for step in way.steps if isinstance(step, ConfigChange)]
    return {key for each in edits for key, name in each.place.keys.items() if name in each.keys}


def _no_way(verdict: Verdict) -> str:
    of_aws = next((lane.deciding for lane in verdict.refused if _is_of_aws(lane, verdict)), None)
    if of_aws is not None:
        return f"to mend it, take {of_aws.document} away: it is AWS's own, and nobody can edit it"
    subject = subject_of(verdict.request.caller)
    if subject is None:
        return "no policy can mend this: change the chain"
    return (
        "to mend it, the statement must name whose token it is, or it lets in all others of the"
        f" provider; say it, and rolehop can write the statement: --context {subject}=VALUE"
    )


def _is_of_aws(lane: Lane, verdict: Verdict) -> bool:
    documents = verdict.request.shown(lane.name).documents
    names = [each.name for each in documents if each.of_aws]
    return lane.deciding is not None and lane.deciding.document in names


def document_of(step: Step) -> str:
    """Return which document a step changes."""
    if isinstance(step, ConfigChange):
        return f"{step.place.file}: {step.place.name}"
    if step.place is not None:
        return f"{step.place.file}: session policy of {step.place.name}"
    if step.owner is Owner.ORGANIZATION:
        return f"{step.document} of the organization of account {step.member}"
    return step.document


def in_short(step: Step) -> str:
    """Return a step in one line; of a statement, which document it is for."""
    if isinstance(step, ConfigChange):
        return f"{_edit(step)}: {', '.join(_written(step))}"
    return _mend(step).removesuffix(" to").removesuffix(", with")


def _step(step: Step, lead: str) -> Iterator[Line]:
    told = _edit(step) if isinstance(step, ConfigChange) else _mend(step)
    yield from wrapped(f"{lead} {told}:", "  ", "    ")
    for each in _written(step):
        # A fold would break what is there to be copied.
        yield to_copy("".join(c if c.isprintable() else " " for c in f"    {each}"))
    yield from _gives_up(step) if isinstance(step, PolicyChange) else _to_choose(step)


def _to_choose(edit: ConfigChange) -> Iterator[Line]:
    """Say which values are not to be taken as they stand."""
    if edit.form:
        text = f"that is its form only: whoever owns account {edit.teller} tells the value"
        yield from wrapped(text, "    ", "    ")
    if edit.example:
        yield from wrapped("any value will do: put your own there", "    ", "    ")


def _edit(edit: ConfigChange) -> str:
    if edit.change is Change.REMOVE:
        return f"take out of the {edit.place.file}, at {edit.place.name}"
    return f"write in the {edit.place.file}, at {edit.place.name}"


def _mend(mend: PolicyChange) -> str:
    """Return who does what to which document."""
    if mend.document.startswith("a new "):
        return f"account {mend.member} creates {mend.document}, with"
    document = mend.document
    if mend.place is not None:
        at = f"in the {mend.place.file}, at {mend.place.name}"
        document = f"session policy ({at}: policy, or its policy_file)"
    who = {
        Owner.ACCOUNT: f"account {mend.member} ",
        Owner.ORGANIZATION: (
            f"the management account of the organization of {mend.member} (or a delegated"
            " administrator) "
        ),
        Owner.CONFIG: "",
    }[mend.owner]
    others, you = _DOES[mend.change]
    does = you if mend.owner is Owner.CONFIG else others
    return f"{who}{does.format(document=document, index=mend.index)}"


_DOES = {
    Change.ADD: ("adds to the {document}", "add to the {document}"),
    Change.REPLACE: (
        "changes statement {index} of the {document} to",
        "change statement {index} of the {document} to",
    ),
    Change.REMOVE: (
        "removes statement {index} of the {document}",
        "remove statement {index} of the {document}",
    ),
}


def _written(step: Step) -> Iterator[str]:
    if isinstance(step, PolicyChange):
        yield from json.dumps(step.statement, indent=2, ensure_ascii=False).splitlines()
        return
    for key, value in step.shown.items():
        if step.place.file == "AWS config":
            yield f"{key} = {value}"
        else:
            yield toml_line(key, value)


def _gives_up(mend: PolicyChange) -> Iterator[Line]:
    """Say what is asked of this caller from then on that is not what others are asked."""
    waived = [key for key in mend.waived if key.lower() not in _OF_SERVICES]
    beware = (
        "beware: this one call is then let through without regard to {}"
        if mend.denied
        else "beware: nobody asks this caller for {} any more"
    )
    for keys, text in (
        (mend.sent, "it takes what this call sends, not what others must send: {}"),
        (mend.without, "it takes this call without what others must send: {}"),
        (waived, beware),
    ):
        if keys:
            words = ", ".join(dict.fromkeys(map(_in_words, keys)))
            yield from wrapped(text.format(words), "    ", "    ")
    if mend.opened:
        text = "beware: nothing denies this call on the other roles of {} any more"
        yield from wrapped(text.format(", ".join(mend.opened)), "    ", "    ")


# What tells a service's call from a person's: no person could answer it otherwise.
_OF_SERVICES = (
    "aws:principalisawsservice",
    "aws:viaawsservice",
    "aws:calledvia",
    "aws:principalservicename",
)


def _in_words(key: str) -> str:
    return "MFA" if key.lower() == "aws:multifactorauthpresent" else key_in_words(key)


def wrapped(text: str, first: str, others: str) -> Iterator[Line]:
    """Fold ``text`` to the width of a terminal."""
    for each in textwrap.wrap(
        clean(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
    ):
        yield line(each)
