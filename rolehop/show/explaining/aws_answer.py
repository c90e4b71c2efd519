"""What AWS answered to a hop that it refused: its words, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.advice import PLACEHOLDER, is_plain
from rolehop.arn import account_of
from rolehop.policy.chain_verdict import AwsRefusal, has_policy
from rolehop.policy.evaluation.model import Outcome, PolicyType, Verdict
from rolehop.show.explaining.budget import BRIEF
from rolehop.show.layout import Line, StyledText, View, line, to_copy, wrapped
from rolehop.text import clean

_MOST_QUOTED = 200  # characters, at the briefest


def aws_words(answer: AwsRefusal, level: int = 0) -> Iterator[Line]:
    """Quote AWS; and show the policies that no lane is for."""
    said = clean(answer.message)
    if level >= BRIEF and len(said) > _MOST_QUOTED:
        said = f"{said[:_MOST_QUOTED]} … (-v)"
    quote = f'"{said}"' if said else "nothing more"
    quote += f" ({answer.code})" if answer.code else ""
    if said or answer.code:  # a decoded message has neither
        yield from wrapped(quote, "  AWS said  ", "            ")
    denied = answer.denied
    if denied is None or denied.policy is None or denied.unclear:
        return
    if answer.policy_type is None:
        label = f"  {denied.policy:<22}"
        yield line(label, StyledText("refuses (AWS said)", "red"))


def unjudged_view(chain: str, hop: int, answer: AwsRefusal, why: str) -> View:
    """Show what AWS said to a hop, and why nothing else can be said of it."""
    lines = [
        line(StyledText(clean(chain), "bold")),
        line(StyledText(f"hop {hop}", "bold"), ": ", StyledText(refused_when(answer), "red")),
        *aws_words(answer),
    ]
    denied = answer.denied
    for name, value in (("role", denied and denied.resource), ("caller", denied and denied.caller)):
        if value:
            lines.extend(wrapped(clean(value), f"  {name:<8}", "          "))
    said_why = denied is not None and denied.reason is not None
    if answer.fix is not None and (said_why or not answer.about_policies):
        lines.extend(wrapped(f"to fix it, {answer.fix}", "  ", "    "))
    lines.extend(wrapped(f"its policies are not judged: {clean(why)}", "  ", "    "))
    return lines


def refused_when(answer: AwsRefusal) -> str:
    """Say that AWS refused the call, and when, in local time, if that is known."""
    return "AWS refused it" + (f" at {time_of(answer)}" if answer.at else "")


def time_of(answer: AwsRefusal) -> str:
    """Return when AWS was asked, in local time, or "then"."""
    return f"{answer.at.astimezone():%Y-%m-%d %H:%M}" if answer.at else "then"


def what_next(known: Verdict, joined: Verdict, answer: AwsRefusal) -> Iterator[Line]:
    """Say what AWS's words leave open, and what to do if the documents do not tell.

    ``known`` is the verdict of the documents, ``joined`` that of AWS's words besides.
    """
    by_documents = known.outcome
    if not answer.about_policies:
        text = f"STS said {answer.code}, which is not about policies: {answer.fix}"
        yield from wrapped(text, "  ", "  ")
    elif answer.names_policy:
        lane = next((e for e in known.policies if e.name is answer.policy_type), None)
        if lane is None or lane.outcome is not Outcome.REFUSED:
            yield from _contradiction(joined, answer)
    elif answer.denied is not None and answer.denied.other is not None:
        yield from wrapped(f"to fix it, {answer.fix}", "  ", "    ")
    elif answer.denied is not None and answer.denied.explicit:
        text = "a Deny matched; AWS does not say in which policy"
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


def _contradiction(joined: Verdict, answer: AwsRefusal) -> Iterator[Line]:
    """Say how AWS may have refused what the documents allow, and what to do then."""
    named, arn = answer.policy_type, answer.denied.policy_arn if answer.denied else None
    lane = next((each for each in joined.policies if each.name is named), None)
    fix = f"to fix it, {answer.fix}"
    shown = None if named is None else joined.request.policy_set(named)
    if named is PolicyType.SESSION and shown is not None and not shown.there:
        text = (
            "this chain gives the caller's session no session policy: the session was made in"
            " another way (by other flags or another config), or its source gave it one"
        )
        yield from wrapped(f"{text}. If it is yours, {fix}", "  ", "    ")
    elif lane is None or shown is None or lane.outcome is not Outcome.ALLOWED:
        yield from wrapped(fix, "  ", "    ")
    elif arn is not None and ":iam::" in arn and not has_policy(shown, arn):
        account = account_of(arn) or "the caller's account"
        text = f"the policy that AWS names is not among the documents; to see it, in {account}:"
        yield from wrapped(text, "  ", "    ")
        yield to_copy(f"    {_PRINT_POLICIES} > FILE")
        yield from wrapped(f"and give it to rolehop as --policies FILE; {fix}", "  ", "    ")
    else:
        text = (
            f"AWS refused it {'at ' if answer.at else ''}{time_of(answer)}; what is seen now allows"
            " it, so it was changed since, or a policy that is not seen counts, too. Walk again, and"
            f" if AWS still refuses: {answer.fix}"
        )
        if arn is not None and named in _OF_ORGANIZATION:
            request, of_role = joined.request, named is PolicyType.RCP
            over = account_of(request.role) if of_role else request.caller.account
            yield from guardrail_command(named, over, answer)
        yield from wrapped(text, "  ", "    ")


_PRINT_POLICIES = (
    "aws iam get-account-authorization-details --filter LocalManagedPolicy AWSManagedPolicy"
)


def guardrail_command(
    policy_type: PolicyType, account: str | None, answer: AwsRefusal
) -> Iterator[Line]:
    """Show the command that prints an SCP or RCP; only some accounts of an organization may.

    ``account``: to which it applies; ``None``: not known.
    """
    kind, flag = _OF_ORGANIZATION[policy_type]
    arn = answer.denied.policy_arn if answer.denied is not None else None
    text = "to see it, with credentials of the organization's management account:"
    yield from wrapped(text, "      ", "      ")
    give = f"{flag} {account}=FILE" if account is not None else f"{flag} FILE"
    if arn is None:
        # In one line, however long: shells differ in how a line goes on in the next.
        yield to_copy(
            "        aws organizations list-policies-for-target"
            f" --target-id {account or PLACEHOLDER} --filter {kind}"
        )
        yield to_copy(f"        aws organizations describe-policy --policy-id {PLACEHOLDER} > FILE")
        text = f"and give it to rolehop as {give}; {_ALL_OF_THEM}"
        yield from wrapped(text, "      ", "      ")
        return
    name = arn.rpartition("/")[2]
    # The ARN is from a text that anybody may have written, and this line is for any shell.
    name = name if is_plain(name) else PLACEHOLDER
    yield to_copy(f"        aws organizations describe-policy --policy-id {name} > FILE")
    yield line(f"      and give it to rolehop as {give}")


# Those of the OUs and of the root count, too, and are listed by their own IDs only.
_ALL_OF_THEM = "--organization CHAIN, with a chain to that account, reads them all"
