"""Read AWS's access-denied texts, wherever they stand: a log, Terraform's output, an event."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolehop.access_denied.cloudtrail import event_without_reason
from rolehop.access_denied.model import LANES, AccessDenied, Excerpt
from rolehop.access_denied.plain_text import GAP, plain
from rolehop.startup.dataclass import replace
from rolehop.startup.lazy_regex import Pattern

LONGEST = 1_000_000
"""Characters that are searched."""

_KINDS = "|".join(LANES).replace(" ", r"\s+")
# KMS's own, of which three causes are one text (KMS developer guide, "Troubleshooting key access").
_ONE_OF_THREE = (
    r"the resource does not exist in this Region, no resource-based policies allow access,"
    r" or a resource-based policy explicitly denies access"
).replace(" ", r"\s+")
_ANCHOR = Pattern(rf"(?:is{GAP})?\bnot{GAP}authorized{GAP}to{GAP}perform\b", re.IGNORECASE)
_BEFORE, _AFTER = 700, 5_000  # characters; AWS's sentences are far shorter
# In a name of IAM, a comma is one of its characters if another follows.
_NAMED = r"(?:[^\s,;()\"'`<>\u201d\u2019]|,(?!arn:)(?=,{0,9}[\w+=.@-]))+"
# What stands before "is not authorized to perform"; some services name no user, or no ARN.
_CALLER = Pattern(
    r"(?:\buser:\s+(?P<user>\S+)|(?P<arn>\barn:\S+)"
    r"|(?:^|[:>\"'(]|\s-)\s*(?P<name>[\w+=,.@/*-]+))\s*$",
    re.IGNORECASE,
)
_NO_CALLER = {"user", "role", "it", "this", "caller", "principal", "identity", "account"}
_CALL = Pattern(
    r":?\s+(?P<action>[\w*-]+:[\w*]+)"
    # KMS's texts of a key that is in another Region, and of a Decrypt that names no key.
    r"(?:\s+on\s+this\s+resource|\s+on\s+the\s+resource\s+associated\s+with\s+this\s+ciphertext"
    r"|\s+on\s+resource(?:\(s\))?:?\s+(?P<resource>\"[^\"]+\""
    # IAM's own texts name some resources by kind and name.
    r"|(?:role|user|group|policy|instance\s+profile)\s+(?!because\s|with\s)"
    rf"{_NAMED}"
    r"|[^\"\n]{1,1500}?(?=\s+because\s+no\s|\s+because\s+the\s+resource\s+does\s"
    r"|\s+with\s+an\s+explicit\s+deny)"
    r"|[^\s\"`<>\u201d\u2019]+))?"
    rf"(?P<reason>\s+because\s+no\s+(?P<lacking>{_KINDS})\s+allows\s+the\s+\S+\s+action"
    rf"|\s+because\s+{_ONE_OF_THREE}"
    rf"|(?P<deny>\s+with\s+an\s+explicit\s+deny)(?:\s+in\s+(?:an?|the)\s+(?P<denying>{_KINDS})"
    rf"(?::?\s+(?P<policy>arn:{_NAMED}))?)?)?(?![\w-])"
)
# A reason that is none of those above, to the end of its sentence or of what quotes it.
_OTHER = Pattern(
    r"\s+(?:because|in\s+an?|in\s+the|with\s+an\s+explicit)\s[^\"`<>(){}\u201d]{1,400}?"
    r"(?=[.;,]{0,3}(?:$|\s{0,3}[\"`<>(){}\u201d]|'(?!\w))|[.;]\s"
    r"|,?\s{1,3}(?:status\s{1,3}code|request\s{1,3}id)\b)",
    re.IGNORECASE,
)
# An empty line, or one that begins with a label of a program's own: "Error: …".
_PARAGRAPH = Pattern(r"\n[ \t│]*(?:\n|(?=\w+:\s))")
# What the AWS console shows.
_CONSOLE = Pattern(
    r"\buser:\s{1,9}(?P<caller>\S{1,2048})\s{1,9}action:\s{1,9}(?P<action>[\w-]+:\w+)"
    r"(?:\s{1,9}on resource\(s\):\s{1,9}(?P<resource>[^\n]{1,500}?))?\s{1,9}context:\s{1,9}"
    rf"(?:no\s(?P<lacking>{_KINDS})\sallows|an?\s(?P<denying>{_KINDS})\sexplicitly\sdenies)"
    r"[^\n]{0,40}",
    re.IGNORECASE,
)
_CODE = Pattern(r"\b(?:AccessDenied(?:Exception)?|UnauthorizedOperation|AuthorizationError)\b")
_ENCODED = Pattern(
    rf"Encoded{GAP}authorization{GAP}failure{GAP}message:(?:{GAP})?(?P<encoded>[A-Za-z0-9_+/=-]+)"
)


def read_access_denied(text: str) -> AccessDenied | None:
    """Return what the first access-denied error in ``text`` says; ``None``: there is none."""
    found = read_excerpt(text)
    return None if found is None else found.denied


def read_excerpt(text: str) -> Excerpt | None:
    """Find the first access-denied error of AWS in ``text``; ``None``: there is none.

    It may stand within another text, e.g. the AWS CLI's "An error occurred (AccessDenied) …", in
    quotes, in JSON, in what the console shows, or be an event of CloudTrail.
    """
    text = text[:LONGEST]
    found = list(_sentences(text)) or list(_of_console(text)) or list(event_without_reason(text))
    if not found:
        return None
    first = found[0]
    return Excerpt(first.denied, first.words, first.code, len({e.words for e in found}) - 1)


def encoded_message(text: str) -> str | None:
    """Return the encoded authorization message that EC2 and others add to their text."""
    match = _ENCODED.search(text[:LONGEST])
    return match["encoded"] if match else None


def _sentences(text: str) -> Iterator[Excerpt]:
    anchors = list(_ANCHOR.compiled.finditer(text))
    ends = [*(each.start() for each in anchors[1:]), len(text)]
    last = 0  # where the sentence before began
    for anchor, end in zip(anchors, ends, strict=False):
        before = text[max(last, anchor.start() - _BEFORE) : anchor.start()]
        after = text[anchor.end() : min(end, anchor.end() + _AFTER)]
        found = _sentence(before, after, authorized=anchor[0])
        if found is not None:
            last = anchor.end()
            yield found


def _sentence(before: str, after: str, authorized: str) -> Excerpt | None:
    first = _PARAGRAPH.compiled.split(after, 1)[0]  # of which only its own reason can be part
    before, after = plain(before), plain(after)
    match = _CALL.compiled.match(after)
    if match is None:
        return None
    named = _CALLER.search(before)
    caller = None if named is None else named["user"] or named["arn"] or named["name"]
    if caller is not None:
        caller = caller.strip("\"'")
        caller = None if caller.lower() in _NO_CALLER else caller
    resource, policy = match["resource"], match["lacking"] or match["denying"]
    unclear = match["reason"] is not None and policy is None and match["deny"] is None
    denied = AccessDenied(
        caller=caller,
        action=match["action"],
        resource=_trimmed(resource, ended=match["reason"] is not None) if resource else None,
        policy="resource-based policy" if unclear else policy and " ".join(policy.split()),
        explicit=match["deny"] is not None,
        policy_arn=_trimmed(match["policy"], ended=False) if match["policy"] else None,
        unclear=unclear,
    )
    words = _words(named, authorized, match, denied)
    other = None if policy or unclear else _other(first, match.end())
    if other is not None:
        words = f"{words} {other}"
        start = "with an explicit deny " if denied.explicit else ""
        denied = replace(denied, other=f"{start}{other}")
    return Excerpt(denied, words, _code(before, after))


def _other(paragraph: str, end: int) -> str | None:
    """Return the reason after the part of a sentence that is understood, which has ``end`` characters."""
    found = _OTHER.compiled.match(plain(paragraph), end)
    return None if found is None else _one_blank(found[0])


def _words(
    caller: re.Match[str] | None, authorized: str, call: re.Match[str], denied: AccessDenied
) -> str:
    """Return the sentence in one line; blanks within its resource stay."""
    start = "" if caller is None or denied.caller is None else caller[0].lstrip(":>\"'( -")
    end = call[0]
    if call["reason"] is None or call["policy"]:
        end = end.rstrip(".,;)]}'") if end.count('"') != 1 else end.rstrip(".,;)]}\"'")
    words = _one_blank(f"{start} {plain(authorized)}") + _one_blank_outside(end)
    return words.strip()


def _one_blank(text: str) -> str:
    return " ".join(text.split())


def _one_blank_outside(text: str) -> str:
    parts = text.split('"')
    parts[::2] = [re.sub(r"\s+", " ", each) for each in parts[::2]]
    return '"'.join(parts)


def _code(before: str, after: str) -> str | None:
    """Return the error code nearest to a sentence: the last one before it, or one after it."""
    found = _CODE.findall(before)
    return found[-1] if found else next(iter(_CODE.findall(after)), None)


def _of_console(text: str) -> Iterator[Excerpt]:
    for match in _CONSOLE.compiled.finditer(text):
        policy = match["lacking"] or match["denying"]
        known = {each.lower(): each for each in LANES}
        denied = AccessDenied(
            caller=match["caller"],
            action=match["action"],
            resource=match["resource"],
            policy=known[_one_blank(policy).lower()],
            explicit=match["denying"] is not None,
        )
        yield Excerpt(denied, _one_blank(match[0]))


def _trimmed(text: str, *, ended: bool) -> str:
    """Return what was named, without marks around it; ``ended``: no mark of another text follows."""
    return text.strip("\"'") if ended else text.strip("\"'").rstrip(".,;)]}\"'")
