"""The plan of a first config in a few lines, and what a person may change in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.advice import Advice, ShellCommand
from rolehop.app.first_config import questions
from rolehop.app.first_config.drafts import (
    KEYS_THAT_MAY_NEED_MFA,
    ChainDraft,
    Draft,
    ImportDraft,
    PickedDraft,
)
from rolehop.app.planning import plan_and_diagnose
from rolehop.durations import format_duration, parse_duration
from rolehop.errors import RolehopError
from rolehop.plan.model import Mfa
from rolehop.plan.walk_options import WalkOptions
from rolehop.show.picker import Choice
from rolehop.show.times import show_span
from rolehop.startup.dataclass import replace
from rolehop.text import clean, pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.first_config.port import Interviewer
    from rolehop.plan.model import HopStep, Plan

Line = tuple[str, str]
Change = Callable[["Interviewer"], Draft]
Action = str | Change
"""``TRY``, ``WRITE``, ``KEYS`` (which asks for others), ``START`` (anew), or what changes the draft."""

TRY, WRITE, KEYS, START = "try", "write", "keys", "start"

_SHOWN = 5  # names of chains
_NO_REGION = "as your other AWS tools"


# ---- the plan


def plan_lines(app: App, draft: Draft, *, has_keys: bool) -> list[Line]:
    """Return the plan in a few lines: a label and a text each.

    Args:
        app: the application with the config that the draft makes.
        draft: what was answered.
        has_keys: the keys that the source needs were given, and are not stored yet.
    """
    if isinstance(draft, ChainDraft):
        return list(_chain_lines(app, draft, has_keys=has_keys))
    lines = [("Plan    ", f"{pluralize(len(draft.names), 'chain')}: {_some(draft.names)}")]
    if isinstance(draft, PickedDraft) and draft.region:
        lines.append(("region  ", draft.region))
    return lines


def _chain_lines(app: App, draft: ChainDraft, *, has_keys: bool) -> Iterator[Line]:
    yield "Plan    ", f"chain {draft.chain}"
    yield "from    ", f"{draft.origin}{_device(draft)}"
    try:
        plan = plan_and_diagnose(app, draft.chain, WalkOptions())
    except RolehopError as error:
        yield "!       ", f"{error.what}{f': {error.cause}' if error.cause else ''}"
        return
    for step in plan.hops:
        yield f"hop {step.number}   ", _hop_text(step)
    if draft.region:
        yield "region  ", draft.region
    yield from (("!       ", each) for each in _problems(plan, has_keys=has_keys))


def _device(draft: ChainDraft) -> str:
    serial = draft.source.settings.get("mfa_serial")
    return f", MFA {'device found by IAM' if serial == 'auto' else serial}" if serial else ""


def _hop_text(step: HopStep) -> Advice:
    role, hop = step.hop.role, step.hop
    lasts = ShellCommand(f"lasts {show_span(hop.duration_seconds)}")  # in one piece
    parts = [f"{role.account}:role{role.path}{role.name}, ", lasts]
    if hop.external_id is not None:
        parts.append(f", external ID {clean(hop.external_id)}")
    if step.mfa is not Mfa.NONE:
        parts.append(", MFA")
    return Advice(*parts)


def _problems(plan: Plan, *, has_keys: bool) -> Iterator[str]:
    if plan.source_problem and not has_keys:
        yield plan.source_problem
    yield from (f"hop {each.number}: {each.will_fail}" for each in plan.hops if each.will_fail)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


# ---- what can be done


def review_actions(draft: Draft) -> Mapping[Choice, Action]:
    """Return what a person may do with the draft, the most likely first."""
    first = draft.names[0]
    actions: dict[Choice, Action] = {
        _choice("Try it, and write it", f"walks {first} and asks AWS who it is"): TRY,
        _choice("Write it", "without a try"): WRITE,
    }
    if isinstance(draft, ChainDraft):
        actions |= _hop_changes(draft)
    if not isinstance(draft, ImportDraft):
        shown = draft.region or _NO_REGION
        actions[_choice("Region", shown)] = lambda person: _with_region(draft, person)
    kept = "what follows is kept" if isinstance(draft, ChainDraft) else ""
    actions[_choice("Start elsewhere", kept)] = START
    return actions


def _choice(name: str, detail: str) -> Choice:
    return Choice(name, "", detail, "")


def _hop_changes(draft: ChainDraft) -> dict[Choice, Action]:
    found: dict[Choice, Action] = {}
    another = "Another hop" if draft.hops else "A hop"
    found[_choice(another, f"a role assumed from {draft.chain}")] = lambda person: _with_hop(
        draft, person
    )
    if draft.hops:
        last = draft.hops[-1]
        external = last.external_id or "if the role's trust policy asks for one"
        found[_choice("External ID", external)] = lambda person: _with_external_id(draft, person)
        lasts = f"of {draft.chain}"
        found[_choice("Duration", lasts)] = lambda person: _with_duration(draft, person)
        found[_choice("Remove the last hop", last.role)] = lambda person: replace(
            draft, hops=draft.hops[:-1]
        )
    if draft.source.type in KEYS_THAT_MAY_NEED_MFA:
        serial = str(
            draft.source.settings.get("mfa_serial", "if a role or your policies ask for it")
        )
        found[_choice("MFA device", serial)] = lambda person: _with_mfa(draft, person)
    found[_choice("Name", draft.chain)] = lambda person: _with_name(draft, person)
    return found


def _with_hop(draft: ChainDraft, person: Interviewer) -> Draft:
    answer = person.ask(questions.next_role(draft.chain))
    return replace(draft, hops=(*draft.hops, questions.hop(answer))) if answer else draft


def _with_external_id(draft: ChainDraft, person: Interviewer) -> Draft:
    last = draft.hops[-1]
    answer = person.ask(replace(questions.EXTERNAL_ID, initial=last.external_id or ""))
    return draft.with_last_hop(replace(last, external_id=answer or None))


def _with_duration(draft: ChainDraft, person: Interviewer) -> Draft:
    last = draft.hops[-1]
    initial = "" if last.duration_seconds is None else format_duration(last.duration_seconds)
    answer = person.ask(replace(questions.DURATION, initial=initial))
    seconds = parse_duration(answer) if answer else None
    return draft.with_last_hop(replace(last, duration_seconds=seconds))


def _with_mfa(draft: ChainDraft, person: Interviewer) -> Draft:
    initial = str(draft.source.settings.get("mfa_serial", ""))
    answer = person.ask(replace(questions.MFA_DEVICE, initial=initial))
    return draft.with_setting("mfa_serial", answer)


def _with_name(draft: ChainDraft, person: Interviewer) -> Draft:
    return replace(draft, name=person.ask(replace(questions.NAME, initial=draft.chain)))


def _with_region(draft: ChainDraft | PickedDraft, person: Interviewer) -> Draft:
    answer = person.ask(replace(questions.REGION, initial=draft.region or ""))
    return replace(draft, region=answer or None)
