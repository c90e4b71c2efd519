"""One walk of a chain, planned again whenever something is found out on the way; what walks share."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rolehop.app.mfa_codes import mfa_codes
from rolehop.app.planning import Planning, without_hops
from rolehop.app.proof import check, check_reason
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import HopRefused, RolehopError, SourceError, SourceWithdrawn
from rolehop.plan.identity import caller_name, check_principal, principal_name
from rolehop.plan.model import SourceStep
from rolehop.plan.resolve import path_of
from rolehop.sources.context import SourceChanged
from rolehop.sources.loading import MOST_CHANGES, absent, keeps_changing, start
from rolehop.vault.locks import AN_ANSWER
from rolehop.vault.refusals import RecentFailures, RefusedSteps, StoredRefusals
from rolehop.walk.ports import Ports, StsRefusal
from rolehop.walk.renewal import REMEMBERED_SECONDS, Renewal
from rolehop.walk.sts_errors import RefusalKind, explain_refusal, refused_caller
from rolehop.walk.walk import CeilingFound, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from rolehop.app.asking import AskedBy
    from rolehop.app.context import App
    from rolehop.app.ports import Person
    from rolehop.app.proof import Proof
    from rolehop.base.credentials import Session
    from rolehop.config.model import ChainConfig, SourceConfig
    from rolehop.plan.model import Plan, Stamp
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.sources.context import SourceContext
    from rolehop.vault.history import WalkRecord
    from rolehop.walk.ports import Listener, Locks, Vault


class CallerFound(Exception):
    """AWS says that the source signed in as somebody else than planned; plan again with ``name``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def ask_aws(
    planning: Planning,
    resolved: Resolved,
    stamp: Stamp,
    plan: Plan,
    ports: Ports,
    failures: StepFailures | None,
) -> str:
    """Return the name that the source of ``resolved`` signed in with, as AWS says it.

    ``failures``: if another walk of the same run failed to find out, so does this one.
    A session of the source that is stored says it, too; so does ``principal``, which the walk checks.

    Raises:
        SourceError: the source gives no credentials, another principal's, or a role's.
        HopRefused: AWS does not accept them.
    """
    source, key = resolved.source, plan.steps[0].key
    name = principal_name(source)
    if name is not None:
        return name
    if stamp.stored:
        arn = walk(planning.source_plan(resolved, stamp), ports).arn
        planning.app.source_callers.note(key, arn)
    else:

        def ask() -> str:
            return _caller(source, stamp, ports)

        asked = ask if failures is None else lambda: failures.once(key, ask)
        arn = planning.app.source_callers.said_by_aws(key, asked)
    name = caller_name(arn)
    if name is None:
        raise SourceError(f"source '{source.name}' is nobody with a name: {arn}")
    return name


def _caller(source: SourceConfig, stamp: Stamp, ports: Ports) -> str:
    credentials = ports.source.load()
    if credentials is None:
        raise absent(source, stamp)
    try:
        arn = ports.sts.caller(credentials).arn
    except StsRefusal as refusal:
        whose = f"the credentials of source '{source.name}'"
        raise refused_caller(refusal, whose) from None
    check_principal(source, arn)
    return arn


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
    planning: Planning | None = None
    """What plans them all; ``None``: each walk has its own."""


class ChainWalk:
    """One walk, and what was found out in it so far."""

    def __init__(
        self,
        app: App,
        name: str,
        options: WalkOptions,
        proof: Proof | None,
        person: Person,
        shared: SharedByWalks,
        asked_by: AskedBy,
        *,
        source_only: bool = False,
    ) -> None:
        """Resolve the chain; ``source_only``: without its hops.

        ``proof``: of what it asks for; ``None``: its session is handed to nobody.

        Raises:
            NoTerminal: the chain asks for something that was not given.
            ConfigError: see `Planning.resolve`.
        """
        self._app = app
        self._name = name
        self._options = options
        self._proof = proof
        self._person = person
        self._context = shared.context or app.walk_context(person)
        self._vault = shared.vault
        self._asked_by = asked_by
        self._renews = shared.renews
        self._planning = shared.planning or Planning(app, index_changes=True)
        resolved = self._planning.resolve(name, options)
        self._check(resolved)
        self._resolved = resolved = without_hops(resolved) if source_only else resolved
        asked = resolved.source.name, resolved.region, resolved.aws_profile
        self._failures = shared.failures.among(*asked) if shared.failures else None
        self._caller: str | None = None
        """Whom the source signed in as, by the config or by what AWS said in this walk."""
        self._planned_for = ""
        """Whom the present plan takes it for."""
        self._refused = RefusedSteps(app.state_folder, app.now)
        self._refusals = StoredRefusals(app.state_folder, app.now)
        self._failed = RecentFailures(app.state_folder, "renewal", REMEMBERED_SECONDS, app.now)

    @property
    def chains(self) -> tuple[ChainConfig, ...]:
        """The chain with those that it continues."""
        return path_of(self._app.config, self._resolved.chain)

    def session(self, record: WalkRecord, listener: Listener) -> tuple[Plan, Session]:
        """Return the plan that was followed, and the session of its last hop.

        Raises:
            RolehopError: see `rolehop.walk.walk.walk`.
        """
        record.source = self._resolved.source.name
        self._start()
        ports = self._ports(listener)
        changes = 0
        while True:
            try:
                plan = self._plan(record, ports)
                # Hops that are made again are new, whatever is noted.
                is_new = self._renews and bool(plan.calls)
                noted = None if is_new else self._app.index.sessions.get(plan.key)
                with self._withholding(plan):
                    session = self._renewed(plan, ports, noted.local_expires_at if noted else None)
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
        planning, options = self._planning, self._options
        plan = planning.plan_resolved(self._resolved, self._stamp, options)
        record.follow(plan)
        if self._resolved.wants_caller:
            callers = self._app.source_callers
            name = self._caller or planning.noted_caller(self._resolved, self._stamp, callers)
            if name is None:
                name = self._caller = self._ask_aws(plan, ports)
            named = planning.resolve(self._name, options, name)
            self._check(named)
            plan = planning.plan_resolved(named, self._stamp, options)
            record.follow(plan)
            self._planned_for = name
        return plan

    def _check(self, resolved: Resolved) -> None:
        if self._proof is None:
            check_reason(resolved, self._options)
        else:
            app = self._app
            check(resolved, self._options, self._proof, app.config.defaults, lambda: app.aws_config)

    def _renewed(self, plan: Plan, ports: Ports, noted_end: datetime | None) -> Session:
        """Return a new session, or the old one if that is good still and no new one can be had."""

        def as_named() -> Session:
            if not self._is_name_settled(plan):
                self._confirm_name(plan, ports)
            return walk(plan, ports)

        if self._renews or self._options.min_ttl is not None:
            return as_named()
        app = self._app
        renewal = Renewal(
            plan,
            walk=as_named,
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
                from rolehop.config.listed_fleets import refresh_advice

                error.fix = refresh_advice(fleet.name)  # AWS may list another account or role now
            raise

    def _withhold(self, plan: Plan, hop: int | None) -> None:
        """Note a refused step; drop what can be handed out after it only in place of a new session.

        Another state folder has no such note. A session of the source goes, too: it is of whom
        the source no longer is, and must sign no new one.
        """
        refused = [step for step in plan.calls if step.number == hop] or plan.steps
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
            return ask_aws(self._planning, self._resolved, self._stamp, plan, ports, self._failures)


def _withdraws(error: HopRefused | SourceError) -> bool:
    """True if what was granted before is no longer: not after a typo, a late or a failed answer."""
    if isinstance(error, HopRefused):
        kind = explain_refusal(StsRefusal(error.code, error.message)).kind
        return kind not in _NOTHING_WITHDRAWN and error.code != "IDPCommunicationError"
    return isinstance(error, SourceWithdrawn)


def _note_clock(app: App, session: Session) -> None:
    """Say that this machine's clock is wrong; AWS has just said what the time is."""
    from rolehop.walk.sts_errors import clock_words

    offset = session.expires_at - session.ends_at(app.now())
    if abs(offset) >= _CLOCK_TOLERANCE:
        words = clock_words(offset.total_seconds())
        app.note_once("clock", f"{words}; sessions are judged by AWS's clock, but set yours")


def _remember_ceiling(app: App, role: str, seconds: int) -> None:
    app.ceilings[role] = seconds
    with suppress(OSError):  # then the next process finds it out again
        app.index_store.change(lambda index: index.with_finding(role, seconds, app.now()))


T = TypeVar("T")


class SharedFailures:
    """What the walks of one run, in threads of their own, could not do.

    Without a network, each of three hundred chains would ask again for the hop that they begin with.
    """

    def __init__(
        self, locks: Locks, lasts: Callable[[RolehopError], bool] = lambda error: True
    ) -> None:
        """``lasts``: whether a failure is still one a while later, for runs that take hours."""
        self._locks = locks
        self._lasts = lasts
        self._of: dict[tuple[str | None, ...], StepFailures] = {}

    def among(self, *asked: str | None) -> StepFailures:
        """Return the failures of walks with the same ``asked``: what is asked, with which settings.

        A step's key has none of that: its session is good in every region, its failure is not.
        """
        return self._of.setdefault(asked, StepFailures(self._locks, self._lasts))


class StepFailures:
    """Implements ``ports.Locks`` over others, for walks that ask in the same place."""

    def __init__(self, locks: Locks, lasts: Callable[[RolehopError], bool]) -> None:
        """See `SharedFailures`."""
        self._locks = locks
        self._lasts = lasts
        self._failed: dict[str, RolehopError] = {}

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold lock ``name``; what fails while it is held has failed.

        Raises:
            RolehopError: as it failed before, also in another walk.
            ServiceError: another process held the lock past the deadline.
        """
        self._check(name)
        try:
            with self._locks.hold(name):
                self._check(name)
                yield
        except RolehopError as error:
            if self._lasts(error):
                self._failed.setdefault(name, error)
            raise

    def once(self, name: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, for threads that take turns. Raises as it failed before."""
        self._check(name)
        try:
            return call()
        except RolehopError as error:
            if self._lasts(error):
                self._failed.setdefault(name, error)
            raise

    def waiting_for_person(self, what: str = AN_ANSWER) -> AbstractContextManager[None]:
        """Let other processes see that the locks held now are waiting for a person to give ``what``."""
        return self._locks.waiting_for_person(what)

    def _check(self, name: str) -> None:
        if name in self._failed:
            raise self._failed[name].with_traceback(None)  # else it keeps the frames of every walk
