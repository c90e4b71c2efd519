"""Read a chain's roles from IAM with the stored sessions; nothing is walked, nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rolehop.advice import Advice, Argument
from rolehop.app.context import App
from rolehop.app.judging.federated_call import federated_call
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.planning import sts_of_shell
from rolehop.arn import account_of
from rolehop.aws.iam_reader import IamReader
from rolehop.credentials import Credentials
from rolehop.errors import RolehopError, ServiceError
from rolehop.plan.model import Cache, HopStep, Plan, SourceStep
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import dataclass, replace
from rolehop.walk import check_principal

# Sources that load without a call, a question or a program.
_LOCAL_SOURCES = ("keys", "environment")


def read_live(
    app: App, plan: Plan, policies: PolicyOptions, named: str | None = None
) -> tuple[IamInventory, PolicyOptions]:
    """Read the roles of a chain and who calls them, as far as the stored sessions may.

    ``named``: ARN of a policy that AWS has named, to be read as well.

    Returns ``policies`` too, with the source's ARN as the caller if AWS could be asked for it.

    Raises:
        SourceError: the source is not who its config says it must be.
    """
    live = _LiveIam(app, plan, policies.caller, named)
    try:
        inventory = live.read()
    except ServiceError as error:
        app.note(f"IAM is not read: {error.what}")
        inventory = IamInventory()
    return inventory, replace(policies, caller=live.caller)


def read_live_role(app: App, arn: str) -> IamInventory:
    """Read one role with the credentials in this shell; nothing if there are none."""
    from rolehop.app.caller import shell_credentials

    try:
        credentials = shell_credentials(app)
        return IamReader(sts_of_shell(app).query, credentials).role(arn) or IamInventory()
    except RolehopError as error:
        app.note(f"IAM is not read: {error.what}")
        return IamInventory()


@dataclass(slots=True)
class _LiveIam:
    """One chain's roles, read account by account with whatever session is stored for it."""

    app: App
    plan: Plan
    caller: str | None
    """ARN of the source's identity; set by ``read`` if AWS could be asked for it."""

    named: str | None = None

    def read(self) -> IamInventory:
        sts = self.app.sts_clients.get(self.plan.region, self.plan.aws_profile)
        readers = [
            (account, IamReader(sts.query, credentials)) for account, credentials in self._stored()
        ]
        if not readers:
            self.app.note(f"IAM is not read: {self._why_not()}")
        inventory = IamInventory()
        for arn in self._principals():
            for account, reader in readers:
                if account != account_of(arn):
                    continue
                found = reader.user(arn) if ":user/" in arn else reader.role(arn)
                if found is not None:
                    inventory = inventory.merged(found)
                    break
        return inventory.merged(self._managed_policies(readers))

    def _why_not(self) -> str:
        plan = self.plan
        if plan.source_problem is not None:
            return f"source '{plan.source.name}' gives no credentials: {plan.source_problem}"
        return Advice(
            f"no session of chain '{plan.chain}' is stored; get one: rolehop assume ",
            Argument(plan.chain),
        )

    def _principals(self) -> dict[str, None]:
        """Return the ARNs of who calls and of every role, each once."""
        plan = self.plan
        principal = self.caller or plan.source.principal
        own = federated_call(self.app, plan.source, plan.region, IamInventory(), principal)
        first = [principal, own.role if own is not None else None]
        roles = [str(step.hop.role) for step in plan.hops]
        return dict.fromkeys([*(each for each in first if each is not None), *roles])

    def _managed_policies(self, readers: list[tuple[str, IamReader]]) -> IamInventory:
        """Read the managed policies that hops name as session policies, and the one AWS named."""
        wanted = [
            (a, step.hop.role.account) for step in self.plan.hops for a in step.hop.policy_arns
        ]
        if self.named is not None and ":iam::" in self.named:
            wanted.append((self.named, account_of(self.named) or ""))
        managed: dict[str, str] = {}
        for arn, owner in wanted:
            for account, reader in readers:
                if arn not in managed and account == owner:
                    text = reader.managed(arn)
                    managed.update({} if text is None else {arn: text})
        return IamInventory(managed=managed)

    def _stored(self) -> Iterator[tuple[str, Credentials]]:
        """Give accounts and credentials: the source's keys if they are local, then each session."""
        keys = self._source_keys()
        account = None if keys is None else self._identify(keys)
        if keys is not None and account is not None:
            yield account, keys
        for step in self.plan.steps:
            fresh = isinstance(step, HopStep) and step.cache is Cache.FRESH
            if fresh or (isinstance(step, SourceStep) and step.stored):
                session = self.app.vault.get(step, self.plan.chain)
                if session is not None and session.lasts(self.app.now(), timedelta(0)):
                    yield session.account or account_of(session.arn) or "", session.credentials

    def _source_keys(self) -> Credentials | None:
        from rolehop.sources.loading import load_source

        if self.plan.source.type not in _LOCAL_SOURCES or self.plan.source_problem is not None:
            return None
        try:
            context = self.app.walk_context(self.app.person)
            return load_source(self.plan.source, context)[0]
        except RolehopError as error:
            self.app.note(f"the source's own keys are not used: {error.what}")
            return None

    def _identify(self, credentials: Credentials) -> str | None:
        """Return the account of the source's keys, and note whose they are."""
        sts = self.app.sts_clients.get(self.plan.region, self.plan.aws_profile)
        try:
            found = sts.caller(credentials)
        except StsRefusal as refusal:
            self.app.note(f"AWS does not accept the source's keys ({refusal.code})")
            return None
        check_principal(self.plan, found.arn)
        self.caller = self.caller or self.plan.source.principal or found.arn
        return found.account
