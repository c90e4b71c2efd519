"""What AWS answered to a hop that it refused: its words, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.advice import PLACEHOLDER, is_plain
from rolehop.policy.chain_verdict import StsAnswer
from rolehop.policy.evaluation.model import Outcome, PolicyType, Verdict
from rolehop.show.layout import Line, StyledText, line, to_copy
from rolehop.show.remedies import wrapped
from rolehop.text import clean


def aws_words(answer: StsAnswer) -> Iterator[Line]:
    """Quote AWS; and show the policies that no lane is for."""
    said = clean(answer.message)
    quote = f'"{said}"' if said else "nothing more"
    quote += f" ({answer.code})" if answer.code else ""
    yield from wrapped(quote, "  AWS said  ", "            ")
    denied = answer.denied
    if denied is None or denied.policy is None or denied.unclear:
        return
    if answer.policy_type is None:
        label = f"  {denied.policy:<22}"
        yield line(label, StyledText("refuses (AWS said)", "red"))


def what_next(known: Verdict, answer: StsAnswer) -> Iterator[Line]:
    """Say what AWS's words leave open, and what to do if the documents do not tell.

    ``known`` is the verdict of the documents.
    """
    by_documents = known.outcome
    if not answer.about_policies:
        text = f"STS said {answer.code}, which is not about policies: {answer.fix}"
        yield from wrapped(text, "  ", "  ")
    elif answer.names_policy:
        lane = next((e for e in known.policies if e.name is answer.policy_type), None)
        if lane is None or lane.outcome is not Outcome.REFUSED:
            yield from wrapped(f"to fix it, {answer.fix}", "  ", "    ")
    elif answer.denied is not None and answer.denied.explicit:
        text = "a Deny matched, and no Allow outweighs it; AWS does not say in which policy"
        yield from wrapped(f"{text}. To fix it, {answer.fix}", "  ", "    ")
    elif by_documents is Outcome.ALLOWED:
        text = (
            "so something that is not visible here refused it: an SCP or RCP that"
            " was not given, a VPC endpoint's policy, or a policy that has changed since"
        )
        yield from wrapped(text, "  ", "  ")
    elif by_documents is Outcome.UNKNOWN:
        text = "AWS does not say which policy refused; what could not be judged above would show it"
        yield from wrapped(text, "  ", "  ")


_OF_ORGANIZATION = {
    PolicyType.SCP: ("SERVICE_CONTROL_POLICY", "--scp"),
    PolicyType.RCP: ("RESOURCE_CONTROL_POLICY", "--rcp"),
}


def guardrail_command(policy_type: PolicyType, account: str, answer: StsAnswer) -> Iterator[Line]:
    """Show the command that prints an SCP or RCP; only some accounts of an organization may."""
    kind, flag = _OF_ORGANIZATION[policy_type]
    arn = answer.denied.policy_arn if answer.denied is not None else None
    text = "to see it, with credentials of the organization's management account:"
    yield from wrapped(text, "      ", "      ")
    if arn is None:
        # In one line, however long: shells differ in how a line goes on in the next.
        yield to_copy(
            "        aws organizations list-policies-for-target"
            f" --target-id {account} --filter {kind}"
        )
        return
    name = arn.rpartition("/")[2]
    # The ARN is from a text that anybody may have written, and this line is for any shell.
    name = name if is_plain(name) else PLACEHOLDER
    yield to_copy(f"        aws organizations describe-policy --policy-id {name} > FILE")
    yield line(f"      and give it to rolehop as {flag} {account}=FILE")
