"""One walk of a chain, planned again whenever something is found out on the way."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.app.mfa_codes import mfa_codes
from rolehop.app.planning import noted_caller, plan_resolved, resolve_chain, without_hops
from rolehop.app.walking.source_name import CallerFound, ask_aws
from rolehop.errors import HopRefused, SourceError, SourceWithdrawn
from rolehop.plan.model import SourceStep
from rolehop.ports import Ports, StsRefusal
from rolehop.renewal import REMEMBERED_SECONDS, Renewal
from rolehop.sources.context import SourceChanged
from rolehop.sources.loading import MOST_CHANGES, keeps_changing, start
from rolehop.startup.dataclass import dataclass
from rolehop.state.recent import RecentNotes, StoredRefusals
from rolehop.state.refused_steps import RefusedSteps
from rolehop.sts_errors import RefusalKind, explain_refusal
from rolehop.walk import CeilingFound, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from rolehop.app.context import App
    from rolehop.app.planning import Stamps
    from rolehop.app.ports import Person
    from rolehop.app.walking.asked_by import AskedBy
    from rolehop.app.walking.shared_failures import SharedFailures
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.ports import Listener, Vault
    from rolehop.sources.context import SourceContext
    from rolehop.state.history import WalkRecord

_CLOCK_TOLERANCE = timedelta(minutes=2)
"""A clock that is wrong by less than this is not worth a line."""

_NOTHING_WITHDRAWN = (RefusalKind.EXPIRED, RefusalKind.MFA, RefusalKind.CLOCK)


@dataclass(frozen=True, slots=True)
class SharedByWalks:
    """What the walks of one run share, in threads of their own."""

    vault: Vault
    """In place of the keyring."""
    context: SourceContext | None = None
    """Of `App.walk_context`; ``None``: each walk makes its own."""
    failures: SharedFailures | None = None
    """What one walk could not do, the others do not try again; ``None``: they do."""
    renews: bool = False
    """The vault is a `RenewingVault`: every session is made again."""
    stamps: Stamps | None = None
    """What their plans have in common besides the index; ``None``: each plan finds out for itself."""


class ChainWalk:
    """One walk, and what was found out in it so far."""

    def __init__(
        self,
        app: App,
        name: str,
        options: WalkOptions,
        person: Person,
        shared: SharedByWalks,
        asked_by: AskedBy,
        *,
        source_only: bool = False,
    ) -> None:
        """Resolve the chain; ``source_only``: without its hops. Raises as `resolve_chain`."""
        self._app = app
        self._name = name
        self._options = options
        self._person = person
        self._context = shared.context or app.walk_context(person)
        self._vault = shared.vault
        self._asked_by = asked_by
        self._renews = shared.renews
        self._stamps = shared.stamps
        resolved = resolve_chain(app, name, options, stamps=self._stamps)
        self._resolved = resolved = without_hops(resolved) if source_only else resolved
        asked = resolved.source.name, resolved.region, resolved.aws_profile
        self._failures = shared.failures.among(*asked) if shared.failures else None
        self._caller: str | None = None
        """Whom the source signed in as, by the config or by what AWS said in this walk."""
        self._planned_for = ""
        """Whom the present plan takes it for."""
        self._refused = RefusedSteps(app.state_folder, app.now)
        self._refusals = StoredRefusals(app.state_folder, app.now)
        self._failed = RecentNotes(app.state_folder, "renewal", REMEMBERED_SECONDS, app.now)

    def session(self, record: WalkRecord, listener: Listener) -> tuple[Plan, Session]:
        """Return the plan that was followed, and the session of its last hop.

        Raises:
            RolehopError: see `rolehop.walk.walk`.
        """
        record.source = self._resolved.source.name
        self._start()
        ports = self._ports(listener)
        changes = 0
        while True:
            try:
                plan = self._plan(record, ports)
                # Hops that are made again are new, whatever is noted.
                is_new = self._renews and bool(plan.hops)
                noted = None if is_new else self._app.index.sessions.get(plan.key)
                with self._withholding(plan):
                    session = self._walk(plan, ports, noted.local_expires_at if noted else None)
            except CeilingFound as found:
                # Each round lowers one role's ceiling to the least there is, so this ends.
                _remember_ceiling(self._app, found.role, found.seconds)
            except CallerFound as found:
                self._caller = found.name
            except SourceChanged:
                # A person signed in, or another program's sign-in was taken over.
                changes += 1
                if changes > MOST_CHANGES:
                    raise keeps_changing(self._resolved.source) from None
                self._start()
                ports = self._ports(listener)
            else:
                if noted is None or noted.issued_at != session.issued_at:
                    _note_clock(self._app, session)
                return plan, session

    def _start(self) -> None:
        self._source, self._stamp = start(self._resolved.source, self._context)
        self._caller = None

    def _ports(self, listener: Listener) -> Ports:
        app, resolved = self._app, self._resolved
        return Ports(
            source=self._source,
            sts=app.sts_clients.get(resolved.region, resolved.aws_profile),
            vault=self._vault,
            locks=self._failures or app.locks,
            codes=mfa_codes(
                app,
                resolved.source,
                resolved.chain.name,
                self._person,
                from_stdin=self._options.mfa_stdin,
            ),
            listener=listener,
            now=app.now,
            refusals=self._refusals if self._asked_by.remembers_refusals else None,
            granted=self._forget_refusals,
        )

    def _plan(self, record: WalkRecord, ports: Ports) -> Plan:
        """Return the plan with what is known by now; ``{caller}`` is filled in."""
        app, options = self._app, self._options
        plan = plan_resolved(app, self._resolved, self._stamp, options, self._stamps)
        record.follow(plan)
        if self._resolved.wants_caller:
            callers = app.source_callers
            name = self._caller or noted_caller(app, self._resolved, self._stamp, callers)
            if name is None:
                name = self._caller = self._ask_aws(plan, ports)
            named = resolve_chain(app, self._name, options, name, self._stamps)
            plan = plan_resolved(app, named, self._stamp, options, self._stamps)
            record.follow(plan)
            self._planned_for = name
        return plan

    def _walk(self, plan: Plan, ports: Ports, noted_end: datetime | None) -> Session:
        def walk_as_named() -> Session:
            if not self._is_name_settled(plan):
                self._confirm_name(plan, ports)
            return walk(plan, ports)

        if self._renews or self._options.min_ttl is not None:
            return walk_as_named()
        app = self._app
        renewal = Renewal(
            plan,
            walk=walk_as_named,
            find=app.vault.find,
            note=app.note,
            now=app.now,
            is_refused=lambda: self._refused.any_of(step.key for step in plan.steps),
            failed=self._failed if self._asked_by.remembers_failures else None,
            interrupts=self._asked_by.may_be_interrupted,
        )
        return renewal.session(noted_end)

    @contextmanager
    def _withholding(self, plan: Plan) -> Iterator[None]:
        """After a refusal, let the old session be handed out by no later walk that cannot ask AWS."""
        try:
            yield
        except (HopRefused, SourceError) as error:
            self._failed.remove(plan.key)
            if _withdraws(error):
                self._withhold(plan, error.hop)
            fleet = self._app.config.listed_fleets.get(self._resolved.chain.fleet or "")
            if fleet is not None and isinstance(error, HopRefused) and error.hop is None:
                from rolehop.config.fleets.listed_fleets import refresh_advice

                error.fix = refresh_advice(fleet.name)  # AWS may list another account or role now
            raise

    def _withhold(self, plan: Plan, hop: int | None) -> None:
        """Note a refused step; drop what can be handed out after it only in place of a new session.

        Another state folder has no such note. A session of the source goes, too: it is of whom
        the source no longer is, and must sign no new one.
        """
        refused = [step for step in plan.hops if step.number == hop] or plan.steps
        noted = self._refused.add(refused[0].key)
        enough = timedelta(seconds=0 if self._options.min_ttl else plan.min_ttl_seconds)
        for step in plan.steps[plan.steps.index(refused[0]) :]:
            old = self._app.vault.find(step)
            if old is None:
                continue
            if not (noted and old.lasts(self._app.now(), enough)) or isinstance(step, SourceStep):
                self._app.vault.drop(step.key, old.credentials.access_key_id)

    def _forget_refusals(self, granted: Iterable[str]) -> None:
        for key in granted:
            self._refused.remove(key)
            self._refusals.remove(key)

    # ---- whom the source signed in as

    def _is_name_settled(self, plan: Plan) -> bool:
        """True if no new session would be named after the note alone: a good one is there."""
        if not self._resolved.wants_caller or self._caller is not None:
            return True
        if self._renews:
            return False
        found = self._app.vault.find(plan.steps[-1])
        enough = timedelta(seconds=plan.min_ttl_seconds)
        return found is not None and bool(found.arn) and found.lasts(self._app.now(), enough)

    def _confirm_name(self, plan: Plan, ports: Ports) -> None:
        """Ask AWS whom the source signed in as.

        Raises:
            CallerFound: somebody else than planned.
        """
        self._caller = self._ask_aws(plan, ports)
        if self._caller != self._planned_for:
            raise CallerFound(self._caller)

    def _ask_aws(self, plan: Plan, ports: Ports) -> str:
        with self._withholding(plan):
            return ask_aws(self._app, self._resolved, self._stamp, plan, ports, self._failures)


def _withdraws(error: HopRefused | SourceError) -> bool:
    """True if what was granted before is no longer: not after a typo, a late or a failed answer."""
    if isinstance(error, HopRefused):
        kind = explain_refusal(StsRefusal(error.code, error.message)).kind
        return kind not in _NOTHING_WITHDRAWN and error.code != "IDPCommunicationError"
    return isinstance(error, SourceWithdrawn)


def _note_clock(app: App, session: Session) -> None:
    """Say that this machine's clock is wrong; AWS has just said what the time is."""
    from rolehop.sts_errors import clock_words

    offset = session.credentials.clock_offset
    if abs(offset) >= _CLOCK_TOLERANCE:
        words = clock_words(offset.total_seconds())
        app.note_once("clock", f"{words}; sessions are judged by AWS's clock, but set yours")


def _remember_ceiling(app: App, role: str, seconds: int) -> None:
    app.ceilings[role] = seconds
    with suppress(OSError):  # then the next process finds it out again
        app.index_store.change(lambda index: index.with_finding(role, seconds, app.now()))
