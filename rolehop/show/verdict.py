"""The view of ``explain``: hop by hop what would happen, why, and what would mend it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from rolehop.show.layout import Line, Style, View, Words, line
from rolehop.show.reasons import hint, sentence
from rolehop.trust.chain import ChainVerdict, HopVerdict
from rolehop.trust.evaluate import Lane, LaneName, Outcome, Verdict
from rolehop.trust.mend import Change, Mend
from rolehop.trust.truth import Finding, Truth
from rolehop.words import clean

WIDTH = 80

_LANES = {
    LaneName.TRUST: "trust policy",
    LaneName.PERMISSIONS: "caller's permissions",
    LaneName.BOUNDARY: "caller's boundary",
    LaneName.SESSION: "session policy",
    LaneName.SCP: "SCP",
    LaneName.RCP: "RCP",
}
_SAYS: dict[Outcome, tuple[str, Style]] = {
    Outcome.ALLOWED: ("allows", "green"),
    Outcome.REFUSED: ("refuses", "red"),
    Outcome.UNKNOWN: ("can't tell", ""),
    Outcome.NOT_VISIBLE: ("not visible", "dim"),
    Outcome.NOT_APPLICABLE: ("does not matter", "dim"),
}
_WOULD: dict[Outcome, tuple[str, Style]] = {
    Outcome.ALLOWED: ("would be allowed", "green"),
    Outcome.REFUSED: ("would be refused", "red"),
    Outcome.UNKNOWN: ("can't tell", ""),
}


def verdict_view(verdict: ChainVerdict, *, verbose: bool) -> View:
    """Show every hop of a chain; ``verbose`` shows what is right as well."""
    blocks: list[Line] = [
        line(Words(clean(verdict.chain), "bold"), f"  from source '{clean(verdict.source)}'")
    ]
    for hop in verdict.hops:
        blocks.append(line())
        blocks.extend(_hop(hop, verbose=verbose))
    if not verdict.hops:
        blocks.append(line("no hops: nothing to be refused"))
    return blocks


def _hop(hop: HopVerdict, *, verbose: bool) -> Iterator[Line]:
    verdict = hop.verdict
    would, style = _WOULD[verdict.outcome]
    yield line(Words(f"hop {hop.number}", "bold"), ": ", Words(would, style))
    caller = verdict.request.caller
    named = caller.arn or caller.provider or "somebody not known (--as ARN says who)"
    yield from _wrapped(verdict.request.role, "  role    ", "          ")
    yield from _wrapped(named, "  caller  ", "          ")
    for lane in verdict.lanes:
        yield from _lane(lane, verdict, verbose=verbose)
    yield from _assuming(verdict)
    for mend in hop.mends:
        yield from _mend(mend)
    if verdict.outcome is Outcome.REFUSED and not hop.mends:
        yield from _wrapped("no policy can mend this: change the chain", "  ", "  ")
    hints = (hint(finding) for lane in verdict.refused for finding in lane.findings)
    for each in dict.fromkeys(text for text in hints if text):
        yield from _wrapped(each, "  ", "    ")


def _lane(lane: Lane, verdict: Verdict, *, verbose: bool) -> Iterator[Line]:
    says, style = _SAYS[lane.outcome]
    if not verdict.request.shown(lane.name).there:
        says = "none"
    where = ""
    if lane.deciding is not None:
        statement = lane.deciding.statement
        sid = f' "{clean(statement.sid)}"' if statement.sid else ""
        where = f"  {statement.effect.value} statement {statement.index}{sid}"
    label = f"  {_LANES[lane.name]:<22}"
    first, *rest = textwrap.wrap(f"{says}{where}", WIDTH - len(label), break_on_hyphens=False)
    yield line(label, Words(first, style))
    yield from (line(" " * len(label) + each) for each in rest)
    quiet = lane.outcome in (Outcome.ALLOWED, Outcome.NOT_APPLICABLE) and not verbose
    if quiet or (lane.outcome is Outcome.NOT_VISIBLE and lane.name in (LaneName.SCP, LaneName.RCP)):
        return
    if lane.deciding is not None:
        yield from _wrapped(f"in {lane.deciding.document}", "      ", "      ")
    for finding in lane.findings:
        plain = lane.outcome is Outcome.NOT_VISIBLE and finding.wanted == "all"
        if not plain and (verbose or finding.truth is not Truth.TRUE or _denies(lane)):
            yield from _finding(finding)
    if lane.outcome is Outcome.NOT_VISIBLE:
        yield from _wrapped(f"to see it: {_command(lane, verdict)}", "      ", "        ")


def _denies(lane: Lane) -> bool:
    return bool(lane.findings) and lane.findings[0].element == "Effect"


def _finding(finding: Finding) -> Iterator[Line]:
    if finding.truth is Truth.TRUE:
        found = f" ({_cut(finding.found)})" if finding.found else ""
        yield from _wrapped(
            f"{finding.element}: {_cut(finding.wanted)}{found}", "      ", "        "
        )
        return
    yield from _wrapped(sentence(finding), "      ", "      ")
    if finding.element == "Effect":
        return
    if finding.wanted:
        yield from _wrapped(_cut(finding.wanted), "        wanted  ", "                ")
    if finding.found is not None:
        yield from _wrapped(_cut(finding.found), "        found   ", "                ")


def _cut(text: str | None) -> str:
    """Shorten what would fill the screen: the document itself has the whole."""
    text = text or ""
    return text if len(text) <= 400 else f"{text[:400]} …"


def _command(lane: Lane, verdict: Verdict) -> str:
    request = verdict.request
    account = request.role.split(":")[4]
    name = request.role.rpartition("/")[2]
    caller = request.caller.account or "the caller's account"
    if lane.name is LaneName.TRUST:
        return f"aws iam get-role --role-name {name} (in {account}), given as --policies FILE"
    return f"aws iam get-account-authorization-details (in {caller}), given as --policies FILE"


def _assuming(verdict: Verdict) -> Iterator[Line]:
    names = [each.upper() for each in verdict.assuming if each in ("scp", "rcp")]
    if names:
        text = f"assuming that no {' or '.join(names)} stands in the way: none was given"
        yield from _wrapped(text, "  ", "  ")
    if "source-session" in verdict.assuming:
        text = (
            "assuming that the source's session has no session policy, transitive tags or source"
            " identity: nobody can see that from here"
        )
        yield from _wrapped(text, "  ", "  ")
    if "one-request-context" in verdict.assuming:
        text = (
            "assuming that external ID and role session name count for sts:TagSession and"
            " sts:SetSourceIdentity, too: AWS does not say"
        )
        yield from _wrapped(text, "  ", "  ")


_CHANGES = {
    Change.ADD: "to mend it, account {account} adds to the {document}:",
    Change.REPLACE: "to mend it, account {account} changes statement {index} of the {document} to:",
    Change.REMOVE: "to mend it, account {account} removes statement {index} of the {document}:",
}


def _mend(mend: Mend) -> Iterator[Line]:
    text = _CHANGES[mend.change].format(
        account=mend.account, document=clean(mend.document), index=mend.index
    )
    yield from _wrapped(text, "  ", "    ")
    for each in json.dumps(mend.statement, indent=2, ensure_ascii=False).splitlines():
        yield from _pieces(f"    {each}")


def _pieces(text: str) -> Iterable[Line]:
    """Give a line of JSON whole: it is there to be copied, and a fold would break it."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    yield line(shown)


def _wrapped(text: str, first: str, others: str) -> Iterator[Line]:
    for each in textwrap.wrap(
        clean(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
    ):
        yield line(each)
