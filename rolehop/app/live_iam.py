"""What IAM says of a chain's roles, asked with the sessions that are held: no walk, no question."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.app.context import App
from rolehop.app.federated_hop import federated_call
from rolehop.app.policy_documents import PolicyOptions
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
_AT_HAND = ("keys", "environment")


@dataclass(frozen=True, slots=True)
class _Held:
    account: str
    credentials: Credentials


def read_live(app: App, plan: Plan, told: PolicyOptions) -> tuple[IamInventory, PolicyOptions]:
    """Read the roles of a chain and who calls them, as far as the sessions held may.

    Returns ``told`` with who the source is as well, where nobody said so and AWS can be asked.

    Raises:
        SourceError: the source is somebody else than its config says.
    """
    told = replace(told)  # its own for each chain: another source is somebody else
    try:
        held = list(_held(app, plan, told))
        if not held:
            app.note(f"IAM is not read: {_why_not(plan)}")
        return _read(app, plan, held, told), told
    except ServiceError as error:
        app.note(f"IAM is not read: {error.what}")
        return IamInventory(), told


def _why_not(plan: Plan) -> str:
    if plan.source_problem is not None:
        return f"source '{plan.source.name}' gives no credentials: {plan.source_problem}"
    return f"no session of chain '{plan.chain}' is held; rolehop assume {plan.chain} gets one"


def _read(app: App, plan: Plan, held: list[_Held], told: PolicyOptions) -> IamInventory:
    sts = app.sts_clients.get(plan.region, plan.aws_profile)
    readers = [(each.account, IamReader(sts.query, each.credentials)) for each in held]
    records = IamInventory()
    principal = told.caller or plan.source.principal
    own = federated_call(app, plan.source, plan.region, records, principal)
    role = own.role if own is not None else None
    first = [each for each in (principal, role) if each is not None]
    for arn in dict.fromkeys([*first, *(str(step.hop.role) for step in plan.hops)]):
        for account, reader in readers:
            if account != account_of(arn):
                continue
            found = reader.user(arn) if ":user/" in arn else reader.role(arn)
            if found is not None:
                records = records.merged(found)
                break
    return records.merged(_session_policies(plan, readers))


def _session_policies(plan: Plan, readers: list[tuple[str, IamReader]]) -> IamInventory:
    """Read the managed policies that hops name as session policies."""
    managed: dict[str, str] = {}
    for step in plan.hops:
        for arn in step.hop.policy_arns:
            for account, reader in readers:
                if arn in managed or account != step.hop.role.account:
                    continue
                text = reader.managed(arn)
                managed.update({} if text is None else {arn: text})
    return IamInventory(managed=managed)


def _held(app: App, plan: Plan, told: PolicyOptions) -> Iterator[_Held]:
    """Give the source's keys where they are at hand, then each session in the vault."""
    source = _source_keys(app, plan)
    if source is not None:
        found = _whose(app, plan, source, told)
        if found is not None:
            yield found
    for step in plan.steps:
        fresh = isinstance(step, HopStep) and step.cache is Cache.FRESH
        if fresh or (isinstance(step, SourceStep) and step.kept):
            session = app.vault.get(step, plan.chain)
            if session is not None and session.expires_at > app.now():
                yield _Held(session.account or account_of(session.arn) or "", session.credentials)


def _source_keys(app: App, plan: Plan) -> Credentials | None:
    from rolehop.sources import build_source

    if plan.source.type not in _AT_HAND or plan.source_problem is not None:
        return None
    try:
        return build_source(plan.source, app.source_context).load()
    except RolehopError as error:
        app.note(f"the source's own keys are not used: {error.what}")
        return None


def _whose(app: App, plan: Plan, credentials: Credentials, told: PolicyOptions) -> _Held | None:
    sts = app.sts_clients.get(plan.region, plan.aws_profile)
    try:
        caller = sts.caller(credentials)
    except StsRefusal as refusal:
        app.note(f"AWS does not accept the source's keys ({refusal.code})")
        return None
    check_principal(plan, caller.arn)
    told.caller = told.caller or plan.source.principal or caller.arn
    return _Held(caller.account, credentials)
