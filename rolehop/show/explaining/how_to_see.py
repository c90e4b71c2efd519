"""How to see a policy that is not visible: the command that prints it, and where to give it."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.arn import account_of
from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.policy.evaluation.model import PolicyType, PolicyVerdict, Verdict
from rolehop.policy.evaluation.resource_policies import ANY_RESOURCE
from rolehop.show.explaining.aws_answer import guardrail_command
from rolehop.show.layout import Line, line, to_copy, wrapped

CALLERS_OWN = (PolicyType.PERMISSIONS, PolicyType.BOUNDARY, PolicyType.SESSION)


def how_to_see(
    policy: PolicyVerdict, verdict: Verdict, answer: AwsRefusal | None, shown_commands: set[str]
) -> Iterator[Line]:
    """Say how to see ``policy``; ``answer``: AWS's, if it names this one."""
    if policy.name in (PolicyType.SCP, PolicyType.RCP) and answer is not None:
        account = verdict.request.caller.account
        if policy.name is PolicyType.RCP:
            account = account_of(verdict.request.role)
        yield from guardrail_command(policy.name, account, answer)
    elif policy.name is PolicyType.TRUST and verdict.request.owner is not None:
        yield from wrapped(_how_to_give(policy, verdict), "      ", "      ")
    elif policy.name in CALLERS_OWN and verdict.request.caller.arn is None:
        if policy.name is PolicyType.PERMISSIONS:
            yield line("      name the caller first: --as ARN")
    elif policy.name is not PolicyType.SESSION:
        yield from _to_see(*_command(policy, verdict), shown_commands)


def _how_to_give(policy: PolicyVerdict, verdict: Verdict) -> str:
    """Say how to give a resource's own policy, and whether it must have one."""
    request = verdict.request
    if request.role == ANY_RESOURCE:
        return "the resource decides: name it with --resource ARN, and --resource-policy FILE"
    if request.needs_resource_policy(policy.action):
        return "only this policy opens the resource: give it as --resource-policy FILE"
    return "if it has one, give it as --resource-policy FILE"


def _to_see(account: str, command: str, shown_commands: set[str]) -> Iterator[Line]:
    """Show the command that prints a policy's documents, once for all policies it prints."""
    if f"{account}: {command}" in shown_commands:
        yield line("      to see it: the same command")
        return
    shown_commands.add(f"{account}: {command}")
    yield from wrapped(f"to see it, with credentials of {account}:", "      ", "      ")
    yield to_copy(f"        {command} > FILE")
    yield line("      and give it to rolehop as --policies FILE")


def _command(policy: PolicyVerdict, verdict: Verdict) -> tuple[str, str]:
    """Return the account that has the policy's documents, and the command that prints them."""
    request = verdict.request
    if policy.name is PolicyType.TRUST:
        name = request.role.rpartition("/")[2]
        return f"account {request.role.split(':')[4]}", f"aws iam get-role --role-name {name}"
    caller = request.caller.account
    account = "the caller's account" if caller is None else f"account {caller}"
    return account, "aws iam get-account-authorization-details"
