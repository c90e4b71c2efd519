"""The conversation of ``config init``: where to start, the roles, the plan, a try, the file.

Nothing is written before the person says so, and whoever leaves leaves nothing behind: no file, and
no keys in the keyring. What was answered is kept when something goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.planning import Planning
from rolehop.app.ports import Choice
from rolehop.base.advice import Advice, Whole
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.durations import format_duration, parse_duration, show_span
from rolehop.base.errors import RolehopError
from rolehop.base.text import clean, pluralize
from rolehop.commands.config.importing.found_files import ConfigImport
from rolehop.commands.config.init import questions
from rolehop.commands.config.init.adding import OwnConfig
from rolehop.commands.config.init.drafts import (
    KEYS_THAT_MAY_NEED_MFA,
    SOURCE_NAMES,
    ConfigDraft,
    Draft,
    FirstChain,
)
from rolehop.commands.config.init.starting import (
    all_offers,
    config_offers,
    draft_from,
    found_offers,
    typed_offers,
)
from rolehop.commands.config.init.writing import loaded_app, usable_app, write_new
from rolehop.commands.keys.access_keys import user_keys
from rolehop.plan.model import Mfa
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.caller import Identity
    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials
    from rolehop.commands.config.init.questions import Interviewer
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
    if isinstance(draft, FirstChain):
        return list(_chain_lines(app, draft, has_keys=has_keys))
    names = f"{pluralize(len(draft.names), 'chain')}: {_some(draft.names)}"
    if isinstance(draft, ConfigDraft) and not draft.names:
        names = f"fleet {draft.fleets[0].name}: a chain for each account and role of yours, kept current"
    lines = [("Plan    ", names)]
    if isinstance(draft, ConfigDraft) and draft.region:
        lines.append(("region  ", draft.region))
    return lines


def _chain_lines(app: App, draft: FirstChain, *, has_keys: bool) -> Iterator[Line]:
    yield "Plan    ", f"chain {draft.chain}"
    yield "from    ", f"{draft.origin}{_device(draft)}"
    try:
        plan = Planning(app).plan_and_diagnose(draft.chain, WalkOptions())
    except RolehopError as error:
        yield "!       ", f"{error.what}{f': {error.cause}' if error.cause else ''}"
        return
    for step in plan.hops:
        yield f"hop {step.number}   ", _hop_text(step)
    if draft.region:
        yield "region  ", draft.region
    yield from (("!       ", each) for each in _problems(plan, has_keys=has_keys))


def _device(draft: FirstChain) -> str:
    serial = draft.source.settings.get("mfa_serial")
    return f", MFA {'device found by IAM' if serial == 'auto' else serial}" if serial else ""


def _hop_text(step: HopStep) -> Advice:
    role, hop = step.hop.role, step.hop
    lasts = Whole(f"lasts {show_span(hop.duration_seconds)}")  # in one piece
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
    actions: dict[Choice, Action] = {}
    if draft.names:
        tried = f"walks {draft.names[0]} and asks AWS who it is"
        actions[_choice("Try it, and write it", tried)] = TRY
    actions[_choice("Write it", "without a try" if draft.names else "")] = WRITE
    if isinstance(draft, FirstChain):
        actions |= _hop_changes(draft)
    if not isinstance(draft, ConfigImport):
        shown = draft.region or _NO_REGION
        actions[_choice("Region", shown)] = lambda person: _with_region(draft, person)
    kept = "what follows is kept" if isinstance(draft, FirstChain) else ""
    actions[_choice("Start elsewhere", kept)] = START
    return actions


def _choice(name: str, detail: str) -> Choice:
    return Choice(name, "", detail, "")


def _hop_changes(draft: FirstChain) -> dict[Choice, Action]:
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
    if draft.source.type in KEYS_THAT_MAY_NEED_MFA and not draft.source_is_there:
        serial = str(
            draft.source.settings.get("mfa_serial", "if a role or your policies ask for it")
        )
        found[_choice("MFA device", serial)] = lambda person: _with_mfa(draft, person)
    found[_choice("Name", draft.chain)] = lambda person: _with_name(draft, person)
    return found


def _with_hop(draft: FirstChain, person: Interviewer) -> Draft:
    answer = person.ask(questions.next_role(draft.chain))
    return replace(draft, hops=(*draft.hops, questions.hop(answer))) if answer else draft


def _with_external_id(draft: FirstChain, person: Interviewer) -> Draft:
    last = draft.hops[-1]
    answer = person.ask(replace(questions.EXTERNAL_ID, initial=last.external_id or ""))
    return draft.with_last_hop(replace(last, external_id=answer or None))


def _with_duration(draft: FirstChain, person: Interviewer) -> Draft:
    last = draft.hops[-1]
    initial = "" if last.duration_seconds is None else format_duration(last.duration_seconds)
    answer = person.ask(replace(questions.DURATION, initial=initial))
    seconds = parse_duration(answer) if answer else None
    return draft.with_last_hop(replace(last, duration_seconds=seconds))


def _with_mfa(draft: FirstChain, person: Interviewer) -> Draft:
    initial = str(draft.source.settings.get("mfa_serial", ""))
    answer = person.ask(replace(questions.MFA_DEVICE, initial=initial))
    return draft.with_setting("mfa_serial", answer)


def _with_name(draft: FirstChain, person: Interviewer) -> Draft:
    return replace(draft, name=person.ask(replace(questions.NAME, initial=draft.chain)))


def _with_region(draft: FirstChain | ConfigDraft, person: Interviewer) -> Draft:
    answer = person.ask(replace(questions.REGION, initial=draft.region or ""))
    return replace(draft, region=answer or None)


OPENING = (
    "A first config: where you start, and the roles that you go to from there.",
    "Nothing is written before you say so; Esc leaves.",
)


AGAIN = (
    "One thing more for your config: a chain, a source, or a fleet.",
    "What is there stays as it is. Nothing is written before you say so; Esc leaves.",
)


@dataclass(frozen=True, slots=True)
class FirstConfig:
    """What was written."""

    path: Path
    """Links followed."""

    draft: Draft
    identity: Identity | None
    """Who the first chain is, if it was tried."""


def first_config(app: App, path: Path, person: Interviewer) -> FirstConfig:
    """Ask, try and write: a first config, or one thing more.

    Args:
        app: the application; its config may be absent.
        path: the file to write, which need not be there yet.
        person: who answers.

    Raises:
        KeyboardInterrupt: the person left; nothing was written.
        ConfigError: the config is broken, or the file cannot be written.
    """
    return _Conversation(app, path, person).run()


class _Conversation:
    def __init__(self, app: App, path: Path, person: Interviewer) -> None:
        self._app = usable_app(app, path)
        self._own = OwnConfig.of(self._app, path)
        self._person = person
        self._keys: Credentials | None = None
        self._key_id = ""
        self._stored_for: str | None = None

    def run(self) -> FirstConfig:
        """Hold it."""
        try:
            self._look()
            return self._reviewed(self._started(None))
        except BaseException:
            self._forget_keys()
            raise

    # ---- where to start

    def _look(self) -> None:
        """Find what there is to start from."""
        from rolehop.commands.config.importing.found_files import files_of

        found = files_of(self._app, None)
        is_first = self._own.old is None
        opening = OPENING if is_first else AGAIN
        self._person.say(*opening, *(f"not read: {each}" for each in found.broken), "")
        here = found_offers(self._app, found)
        self._aws = found.aws
        config = self._own.config
        if is_first:
            offers = [*here, *typed_offers(here), *all_offers(config, self._aws)]
        else:
            offers = [*config_offers(config, self._aws), *here, *typed_offers(here)]
        self._offers = {each.choice: each for each in offers}

    def _started(self, last: FirstChain | None) -> Draft:
        question = "Where do you start?" if self._own.old is None else "What do you add?"
        while True:
            choice = self._person.pick(question, list(self._offers), "way")
            offer = self._offers[choice]
            if offer.value == "keys":
                self._ask_keys()
            draft = draft_from(self._app, self._person, self._aws, offer, last)
            if draft is not None:
                return draft

    def _started_elsewhere(self, draft: Draft) -> Draft:
        self._forget_keys()
        self._keys = None
        return self._started(draft if isinstance(draft, FirstChain) else None)

    def _ask_keys(self) -> None:
        name = SOURCE_NAMES["keys"]
        with suppress(RolehopError):  # the plan says what is wrong with the keyring
            if name in self._app.vault.keys.names():
                self._person.say(f"the keys of {name} are in the keyring already, and are used")
                return
        self._key_id = self._person.ask(replace(questions.ACCESS_KEY_ID, initial=self._key_id))
        secret = self._person.ask(questions.SECRET_KEY) if self._key_id else ""
        self._keys = user_keys(self._key_id, secret) if self._key_id else None

    # ---- the plan, and what to do with it

    def _reviewed(self, draft: Draft) -> FirstConfig:
        """Show the plan and change it until it is written."""
        while True:
            draft = self._own.fitted(draft)
            app = self._shown(draft)
            actions = {**review_actions(draft), **self._key_actions()}
            action = actions[self._person.pick("What now?", list(actions), "choice")]
            if action == KEYS:
                self._ask_other_keys()
            elif action == START:
                draft = self._started_elsewhere(draft)
            elif callable(action):
                draft = action(self._person)
            elif app is not None and (written := self._finished(app, draft, action)):
                return written

    def _shown(self, draft: Draft) -> App | None:
        """Show the plan; return the application with the config, ``None`` if that is not valid."""
        try:
            app = loaded_app(self._app, self._own.path, self._own.text_with(draft))
        except RolehopError as error:
            self._person.report(error)
            return None
        self._person.say("")
        self._person.show(plan_lines(app, draft, has_keys=self._keys is not None))
        self._person.say("")
        return app

    def _finished(self, app: App, draft: Draft, action: str) -> FirstConfig | None:
        """Try it if that is the ``action``, and write it; ``None``: that failed, which was said."""
        from rolehop.app.caller import identify_chain

        identity = None
        try:
            self._store_keys(app, draft)
            if action == TRY:
                with self._person.walking() as listener:
                    identity = identify_chain(app, draft.names[0], WalkOptions(), listener)
            path = self._write(draft)
        except RolehopError as error:
            self._person.report(error)
            return None
        return FirstConfig(path, draft, identity)

    def _write(self, draft: Draft) -> Path:
        if self._own.old is None:
            return write_new(self._own.path, draft.text)
        return self._own.save(self._app, draft)

    # ---- IAM user keys

    def _key_actions(self) -> dict[Choice, Action]:
        """Return what may be done about the keys that were typed, which a try can find wrong."""
        if self._keys is None:
            return {}
        return {Choice("Access key", "", self._keys.access_key_id, ""): KEYS}

    def _ask_other_keys(self) -> None:
        self._forget_keys()
        self._ask_keys()

    def _store_keys(self, app: App, draft: Draft) -> None:
        if self._keys is None or self._stored_for or not isinstance(draft, FirstChain):
            return
        self._stored_for = draft.source.name  # noted before, for Ctrl-C while they are stored
        try:
            app.vault.keys.add(self._stored_for, self._keys, replace=False, until_reboot=False)
        except RolehopError:
            self._stored_for = None
            raise

    def _forget_keys(self) -> None:
        if self._stored_for is None or self._keys is None:
            return
        with suppress(RolehopError):
            stored = self._app.vault.keys.get(self._stored_for)
            if stored is not None and stored.access_key_id == self._keys.access_key_id:
                self._app.vault.keys.remove(self._stored_for)
            self._stored_for = None
