"""The conversation of ``config init``: where to start, the roles, the plan, a try, the file.

Nothing is written before the person says so, and whoever leaves leaves nothing behind: no file, and
no keys in the keyring. What was answered is kept when something goes wrong.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.first_config import questions
from rolehop.app.first_config.drafts import SOURCE_NAMES, ChainDraft, Draft
from rolehop.app.first_config.offers import found_offers, typed_offers
from rolehop.app.first_config.review import KEYS, START, TRY, plan_lines, review_actions
from rolehop.app.first_config.starting import draft_from
from rolehop.app.first_config.user_keys import user_keys
from rolehop.app.first_config.writing import loaded_app, usable_app, write_new
from rolehop.errors import RolehopError
from rolehop.plan.walk_options import WalkOptions
from rolehop.show.picker import Choice
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from rolehop.app.caller import Identity
    from rolehop.app.context import App
    from rolehop.app.first_config.port import Interviewer
    from rolehop.app.first_config.review import Action
    from rolehop.credentials import Credentials

OPENING = (
    "A first config: where you start, and the roles that you go to from there.",
    "Nothing is written before you say so; Esc leaves.",
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
    """Ask, try and write.

    Args:
        app: the application; its config may be absent.
        path: the file to write, which is not there yet.
        person: who answers.

    Raises:
        KeyboardInterrupt: the person left; nothing was written.
        ConfigError: the file cannot be written.
    """
    return _Conversation(app, path, person).run()


class _Conversation:
    def __init__(self, app: App, path: Path, person: Interviewer) -> None:
        self._app = usable_app(app)
        self._path = path
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
        from rolehop.app.importing.found_files import files_of

        found = files_of(self._app, None)
        self._person.say(*OPENING, *(f"not read: {each}" for each in found.broken), "")
        here = found_offers(self._app, found)
        self._aws = found.aws
        self._offers = {each.choice: each for each in (*here, *typed_offers(here))}

    def _started(self, last: ChainDraft | None) -> Draft:
        while True:
            choice = self._person.pick("Where do you start?", list(self._offers), "way")
            offer = self._offers[choice]
            if offer.value == "keys":
                self._ask_keys()
            draft = draft_from(self._app, self._person, self._aws, offer, last)
            if draft is not None:
                return draft

    def _started_elsewhere(self, draft: Draft) -> Draft:
        self._forget_keys()
        self._keys = None
        return self._started(draft if isinstance(draft, ChainDraft) else None)

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
            app = loaded_app(self._app, self._path, draft.text)
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
            path = write_new(self._path, draft.text)
        except RolehopError as error:
            self._person.report(error)
            return None
        return FirstConfig(path, draft, identity)

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
        if self._keys is None or self._stored_for or not isinstance(draft, ChainDraft):
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
