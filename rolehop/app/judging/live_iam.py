"""Read roles from IAM with the sessions and keys at hand; nothing is walked.

The session of a chain that asks for something reads only if that was given: it is asked for where no other
session suffices, once a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial

from rolehop.app.context import App
from rolehop.app.guard import ask_to_read, is_of_guarded
from rolehop.app.judging.callers import federated_call, own_keys, stored_session
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.planning import Planning, sts_of_shell
from rolehop.app.rejected_sessions import forget_if_rejected
from rolehop.aws.iam_reader import IamReader
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import account_of
from rolehop.base.credentials import Credentials, Session
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import RolehopError, ServiceError
from rolehop.plan.identity import check_principal
from rolehop.plan.model import Plan
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.walk.ports import StsRefusal

_MOST_READERS = 8  # sessions of one account that are tried, one after the other


def read_live_role(app: App, arn: str) -> IamInventory:
    """Read one role with the credentials in this shell; nothing if there are none."""
    from rolehop.app.caller import shell_credentials

    try:
        credentials = shell_credentials(app, "rolehop assume CHAIN")
        return IamReader(sts_of_shell(app).query, credentials).role(arn) or IamInventory()
    except RolehopError as error:
        app.note(f"IAM is not read: {error.what}")
        return IamInventory()


@dataclass(slots=True)
class LiveIam:
    """IAM as the stored sessions may read it: any session of an account, whichever chain made it.

    One object serves many chains: no role is read twice.
    """

    app: App
    held: Mapping[str, Session] = field(default_factory=dict)
    """Sessions by hop key that may be used like the stored ones."""

    asks: bool = True
    """A person is asked for what a chain asks for; else its session, if it is not ``held``, reads nothing."""

    _entities: dict[str, IamInventory | None] = field(default_factory=dict)
    """By ARN of a role or user, with the source if a part is hidden; ``None``: all is hidden."""

    _managed: dict[str, str | None] = field(default_factory=dict)
    _sessions: dict[str, Credentials | None] = field(default_factory=dict)
    """By hop key."""

    _guarded: dict[str, str | None] = field(default_factory=dict)
    """By hop key of a stored session: the chain that has to be asked for before it reads."""

    _sources: dict[str, tuple[Credentials, str] | None] = field(default_factory=dict)
    """By source: its local keys and the ARN of whose they are."""

    def read(
        self,
        plan: Plan,
        policies: PolicyOptions,
        named: str | None = None,
        refused: int | None = None,
    ) -> tuple[IamInventory, PolicyOptions]:
        """Read the roles of a chain and who calls them, as far as the stored sessions may.

        Args:
            plan: the chain.
            policies: the flags.
            named: ARN of a policy that AWS has named, to be read as well.
            refused: number of the hop that AWS refused: walking it again shows nothing.

        Returns ``policies`` too, with the source's ARN as the caller if AWS could be asked for it.

        Raises:
            SourceError: the source is not who its config says it must be.
        """
        try:
            source = self._source(plan)
            caller = policies.caller or (source and (plan.source.principal or source[1]))
            policies = replace(policies, caller=caller)
            inventory = IamInventory()
            for arn in self._principals(plan, policies.caller):
                found = self._entity(arn, plan, policies.caller)
                inventory = inventory if found is None else inventory.merged(found)
            inventory = inventory.merged(self._policies(plan, policies.caller, named))
        except ServiceError as error:
            self.app.note_once("IAM", f"IAM is not read: {error.what}")
            return IamInventory(), policies
        if not self._readable(plan, policies.caller):
            self.app.note_once(
                "IAM", Advice("IAM is not read: ", self._why_not(plan, policies, refused))
            )
        return inventory, policies

    def read_role(self, role: str, plan: Plan, caller: str | None) -> IamInventory:
        """Read one more role, as far as the stored sessions may; ``caller``: the source's ARN."""
        try:
            return self._entity(role, plan, caller) or IamInventory()
        except ServiceError:
            return IamInventory()  # noted when the chain was read

    def source_caller(self, plan: Plan) -> str | None:
        """Return the ARN of whose a source's own keys are; ``None``: none are at hand.

        Raises:
            SourceError: the source is not who its config says it must be.
            ServiceError: AWS did not answer.
        """
        found = self._source(plan)
        return None if found is None else found[1]

    # ---- what is read

    def _principals(self, plan: Plan, caller: str | None) -> dict[str, None]:
        """Return the ARNs of who calls and of every role, each once."""
        principal = caller or plan.source.principal
        own = federated_call(self.app, plan.source, plan.region, IamInventory(), principal)
        first = [principal, own.role if own is not None else None]
        roles = [str(step.hop.role) for step in plan.hops]
        return dict.fromkeys([*(each for each in first if each is not None), *roles])

    def _entity(self, arn: str, plan: Plan, caller: str | None) -> IamInventory | None:
        """Read a role or user with one session after the other, until nothing of it is hidden."""
        by_source = f"{arn} {plan.source!r}"  # other keys may be allowed to read more
        known = next((each for each in (arn, by_source) if each in self._entities), None)
        if known is not None:
            return self._entities[known]
        found: IamInventory | None = None
        for reader in self._readers(account_of(arn), plan, caller):
            more = reader.user(arn) if ":user/" in arn else reader.role(arn)
            if more is not None:
                found = more if found is None else found.merged(more)
                if _is_complete(found):
                    break
        self._entities[arn if found and _is_complete(found) else by_source] = found
        return found

    def _policies(self, plan: Plan, caller: str | None, named: str | None) -> IamInventory:
        """Read the managed policies that hops name as session policies, and the one AWS named."""
        wanted = [(a, step.hop.role.account) for step in plan.hops for a in step.hop.policy_arns]
        if named is not None and ":iam::" in named:
            wanted.append((named, account_of(named) or ""))
        for arn, owner in wanted:
            if arn not in self._managed:
                texts = (reader.managed(arn) for reader in self._readers(owner, plan, caller))
                self._managed[arn] = next((text for text in texts if text is not None), None)
        texts_found = ((arn, self._managed[arn]) for arn, _ in wanted)
        return IamInventory(managed={arn: text for arn, text in texts_found if text is not None})

    # ---- with what it is read

    def _readers(self, account: str | None, plan: Plan, caller: str | None) -> Iterator[IamReader]:
        """Yield readers of ``account``: the source's own keys, then every session held there."""
        sts = self.app.sts_clients.get(plan.region, plan.aws_profile)
        source = self._source(plan)
        if source is not None and account_of(source[1]) == account:
            yield IamReader(sts.query, source[0])
        held = [key for key, of in self._held(plan, caller) if of == account]
        for key in held[:_MOST_READERS]:
            credentials = self._session(key)
            if credentials is not None:
                forget = partial(forget_if_rejected, self.app, key, credentials)
                yield IamReader(sts.query, credentials, forget)

    def _held(self, plan: Plan, caller: str | None) -> list[tuple[str, str]]:
        """Return the hop keys of sessions that have not expired, with their accounts; own ones first.

        The account of a source's own session is its caller's, if that is known.
        """
        own, now, found = [step.key for step in plan.steps], self.app.now(), []
        for each in self.app.index.sessions.values():
            if each.local_expires_at > now:
                source = (caller or "") if each.hop == 0 and each.key in own else ""
                account = each.account or account_of(each.role) or account_of(source)
                found.append((each.key, account or ""))
        stored = {key for key, _ in found}
        found += [(key, each.account) for key, each in self.held.items() if key not in stored]
        return sorted(
            found, key=lambda pair: (self._asking(pair[0]) is not None, pair[0] not in own)
        )

    def _asking(self, key: str) -> str | None:
        """Return the chain that has to be asked for before a stored session reads; ``None``: none has."""
        if key not in self._guarded:
            entry = None if key in self.held else self.app.index.sessions.get(key)
            chains = () if entry is None else entry.chains
            asks = entry is not None and all(
                is_of_guarded(self.app, name, entry.hop) for name in chains
            )
            self._guarded[key] = chains[0] if asks and chains else None
        return self._guarded[key]

    def _session(self, key: str) -> Credentials | None:
        if key not in self._sessions:
            held = self.held.get(key)
            is_good = held is not None and held.lasts(self.app.now(), timedelta(0))
            stored = None if held and is_good else self._stored(key)
            self._sessions[key] = held.credentials if held and is_good else stored
        return self._sessions[key]

    def _stored(self, key: str) -> Credentials | None:
        found, chain = stored_session(self.app, key), self._asking(key)
        if found is None or chain is None:
            return found
        if not self.asks:
            return None
        try:
            ask_to_read(self.app, chain)
        except RolehopError as error:
            why = error.cause or error.what
            self.app.note_once(chain, f"the session of chain '{chain}' does not read IAM: {why}")
            return None
        return found

    def _source(self, plan: Plan) -> tuple[Credentials, str] | None:
        """Return the source's keys if they are at hand, and the ARN of whose they are."""
        key = repr(plan.source)
        if key not in self._sources:
            self._sources[key] = None
            credentials = self._source_keys(plan)
            arn = None if credentials is None else self._identify(plan, credentials)
            if credentials is not None and arn is not None:
                self._sources[key] = credentials, arn
        found = self._sources[key]
        if found is not None:
            check_principal(plan.source, found[1])
        return found

    def _source_keys(self, plan: Plan) -> Credentials | None:
        if plan.source_problem is not None:
            return None
        try:
            return own_keys(self.app, plan.source)
        except RolehopError as error:
            self.app.note_once("source", f"the source's own keys are not used: {error.what}")
            return None

    def _identify(self, plan: Plan, credentials: Credentials) -> str | None:
        sts = self.app.sts_clients.get(plan.region, plan.aws_profile)
        try:
            return sts.caller(credentials).arn
        except StsRefusal as refusal:
            self.app.note_once("source", f"AWS does not accept the source's keys ({refusal.code})")
            return None

    # ---- if nothing could be read

    def _readable(self, plan: Plan, caller: str | None) -> bool:
        accounts = {account_of(arn) for arn in self._principals(plan, caller)}
        held = (key for key, of in self._held(plan, caller) if of in accounts)
        return self._source(plan) is not None or any(map(self._session, held))

    def _why_not(self, plan: Plan, policies: PolicyOptions, refused: int | None) -> str:
        if plan.source_problem is not None:
            return Advice(
                f"source '{plan.source.name}' gives no credentials: ", plan.source_problem
            )
        if refused is None:
            return Advice(
                f"no session of chain '{plan.chain}' is stored; get one: rolehop assume ",
                Argument(plan.chain),
            )
        roles = [str(step.hop.role) for step in plan.hops if step.number >= refused]
        accounts = {account_of(arn) or "" for arn in self._principals(plan, policies.caller)}
        text = f"no session of {', '.join(sorted(accounts))} is stored"
        other = self._other_chain(accounts, roles)
        return text if other is None else Advice(f"{text}; get one: rolehop assume ", other)

    def _other_chain(self, accounts: set[str], refused: list[str]) -> Argument | None:
        """Return a chain to one of ``accounts`` that takes no role of those that were refused."""
        planning = Planning(self.app)
        for name in self.app.config.chains:
            try:
                roles = [str(role) for role, _ in planning.resolve(name).hops]
            except RolehopError:
                continue
            if roles and account_of(roles[-1]) in accounts and not set(roles) & set(refused):
                return Argument(name)
        return None


def _is_complete(found: IamInventory) -> bool:
    """True if nothing of what was read is hidden."""
    if found.missing_roles:
        return True
    needed = {each for entity in found.entities.values() for each in _policies_of(entity)}
    return all(
        None not in (entity.inline, entity.attached, entity.groups)
        for entity in found.entities.values()
    ) and needed <= set(found.managed)


def _policies_of(entity: Entity) -> Iterator[str]:
    yield from entity.attached or ()
    if entity.boundary is not None:
        yield entity.boundary
