"""Find AWS's access-denied sentences in any text: a log, Terraform's output, a CloudTrail event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from rolehop.base.dataclass import replace
from rolehop.base.startup import Pattern
from rolehop.policy.access_denied import LANES, AccessDenied, Excerpt

# Between two words there may be blanks, a line break, or one that JSON, Go, Rust or Python escaped,
# once or many times; and the frame and colours of Terraform. Bounded, so that reading is linear.
GAP = r"(?:\s|\\{1,16}[nrt]|[│╷╵]|\x1b\[[0-9;]{0,9}m){1,200}"
_RESOURCE = r"\bon\s+resource(?:\(s\))?:?\s+"
_ESCAPED_QUOTE = Pattern(rf"{_RESOURCE}\\{{1,16}}(?:\"|u0022)")
_TO_BARE_QUOTE = Pattern(r"(?:[^\"\\]|\\.)*", re.DOTALL)
_ESCAPE = Pattern(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}
_XML = Pattern(r"&(?:quot|apos|#34|#39);|</?Message>")
_ENTITY = Pattern(r"&(?:(quot|apos|lt|gt|amp)|#([0-9]{1,7}));")
_ENTITIES = {"quot": '"', "apos": "'", "lt": "<", "gt": ">", "amp": "&"}
_QUOTED = Pattern(rf"(?P<before>.*?{_RESOURCE})(?P<quoted>\"[^\"]*\")(?P<after>.*)", re.DOTALL)
_COLOUR = Pattern(r"\x1b\[[0-9;]{0,9}m")
_LINE_BREAK = Pattern(r"[ \t]*[\r\n]+(?:[ \t│]*[\r\n]+)*[ \t│]*")
_BREAK = Pattern(r"\\{1,16}[nrt]|[│╷╵\r\n\t]")
_MARK = Pattern(r"\\{1,16}(?=[\"'/])")
_CHARACTER = Pattern(r"\\{1,16}u([0-9a-fA-F]{4})")


def plain(text: str) -> str:
    """Return a part of a text of AWS as AWS wrote it, in one line.

    Backslashes within a resource in plain quotes are its own; those of a resource in escaped
    quotes are undone as often as its quotes are.
    """
    text = _LINE_BREAK.sub(" ", _COLOUR.sub("", text))
    if _XML.search(text):
        text = _ENTITY.sub(_entity, text)
    for _ in range(4):  # a log line in a log line in a log line
        if _ESCAPED_QUOTE.search(text) is None:
            break
        found = _TO_BARE_QUOTE.compiled.match(text)
        text = _unescaped(text if found is None else found[0])
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return _outside(text)
    return _outside(quoted["before"]) + quoted["quoted"] + _outside(quoted["after"])


def _unescaped(text: str) -> str:
    return _joined(_ESCAPE.sub(lambda m: _character(m) if m[1] else _LETTERS.get(m[2], m[2]), text))


def _outside(text: str) -> str:
    """Undo escapes in a part where AWS writes no backslash, however often they were made."""
    text = _MARK.sub("", _joined(_CHARACTER.sub(_character, text)))
    return _BREAK.sub(" ", text)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], re.DOTALL))


def _joined(text: str) -> str:
    """Join the halves of characters beyond the first plane, which JSON escapes one by one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _entity(match: re.Match[str]) -> str:
    name, number = match[1], match[2]
    # Half a character, or none, is no XML.
    return _ENTITIES[name] if name else _joined(chr(min(int(number), 0x10FFFF)))


# Event sources and events whose name is not that of the action (service authorization reference).
_SERVICES = {"monitoring": "cloudwatch", "email": "ses"}

S3_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}

_DEPTH = 4


def event_without_reason(text: str) -> Iterator[Excerpt]:
    """Yield the refused calls of CloudTrail events in a JSON text."""
    if "errorCode" not in text:
        return
    try:
        found = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return
    for event in _events(found, _DEPTH):
        excerpt = _refused(event)
        if excerpt is not None:
            yield excerpt


def _events(value: object, depth: int) -> Iterator[Mapping[str, object]]:
    """Yield the events in ``{"Records": […]}`` of a log file and ``{"Events": […]}`` of the CLI."""
    if isinstance(value, str) and depth and '"errorCode"' in value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, list):
        for each in value:
            yield from _events(each, depth)
    elif isinstance(value, dict):
        if "errorCode" in value:
            yield value
        elif depth:
            for name in ("Records", "Events", "CloudTrailEvent", "detail"):
                yield from _events(value.get(name), depth - 1)


def _refused(event: Mapping[str, object]) -> Excerpt | None:
    code, source, name = (_text(event, key) for key in ("errorCode", "eventSource", "eventName"))
    if not (code and source and name):
        return None
    if not ("AccessDenied" in code or "UnauthorizedOperation" in code):
        return None
    service = source.partition(".")[0]
    action = S3_ACTIONS.get(name, name) if service == "s3" else name
    denied = AccessDenied(
        caller=_text(_object(event.get("userIdentity")), "arn"),
        action=f"{_SERVICES.get(service, service)}:{action}",
        resource=_resource(event, service),
    )
    return Excerpt(denied, _text(event, "errorMessage") or "", code)


def _resource(event: Mapping[str, object], service: str) -> str | None:
    """Return the ARN of the resource, from the parameters if the event lists none."""
    listed = event.get("resources")
    arns = [_text(_object(each), "ARN") for each in listed] if isinstance(listed, list) else []
    asked = _object(event.get("requestParameters"))
    bucket, key = _text(asked, "bucketName"), _text(asked, "key")
    if service == "s3" and bucket is not None:
        return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    named = (each for each in (*arns, _text(asked, "roleArn")) if each)
    return next(named, None)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, object], key: str) -> str | None:
    found = value.get(key)
    return found if isinstance(found, str) else None


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

# What people put in place of a name: "<redacted>".
_PLACEHOLDER = r"<[^<>\n]{1,40}>"

# What stands before "is not authorized to perform"; some services name no user, or no ARN.
_CALLER = Pattern(
    rf"(?:\buser:\s+(?P<user>(?:[^\s<]|{_PLACEHOLDER}|<(?![^<>\n]{{1,40}}>))+)|(?P<arn>\barn:\S+)"
    r"|(?:^|[:>\"'(]|\s-)\s*(?P<name>[\w+=,.@/*-]+))\s*$",
    re.IGNORECASE,
)

_NO_CALLER = {"user", "role", "it", "this", "caller", "principal", "identity", "account"}

_ACTION = Pattern(r"[\w-]+:\w+")

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
    rf"|(?:[^\s\"`<>\u201d\u2019]|(?<=[:/_-]){_PLACEHOLDER})+))?"
    rf"(?P<reason>\s+because\s+no\s+(?P<lacking>{_KINDS})\s+allows\s+the\s+(?P<wanted>\S+)\s+action"
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
        caller = None if caller.lower() in _NO_CALLER or _is_cut_out(caller) else caller
    policy, action = match["lacking"] or match["denying"], match["action"]
    resource = match["resource"] and _trimmed(match["resource"], ended=match["reason"] is not None)
    unclear = match["reason"] is not None and policy is None and match["deny"] is None
    # Some calls need more than their own action.
    needed = match["wanted"] or action
    needed = needed if _ACTION.fullmatch(needed) and needed.lower() != action.lower() else action
    denied = AccessDenied(
        caller=caller,
        action=needed,
        resource=resource and (None if _is_cut_out(resource) else resource),
        policy="resource-based policy" if unclear else policy and " ".join(policy.split()),
        explicit=match["deny"] is not None,
        policy_arn=_trimmed(match["policy"], ended=False) if match["policy"] else None,
        unclear=unclear,
        called=action if needed is not action else None,
    )
    words = _words(named, authorized, match, denied)
    other = None if policy or unclear else _other(first, match.end())
    if other is not None:
        words = f"{words} {other}"
        start = "with an explicit deny " if denied.explicit else ""
        denied = replace(denied, other=f"{start}{other}")
    return Excerpt(denied, words, _code(before, after))


def _is_cut_out(name: str) -> bool:
    """True if somebody put marks in place of a whole name, e.g. ``***``; ``*`` alone is AWS's."""
    return name != "*" and re.search(r"\w", name) is None


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
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
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
