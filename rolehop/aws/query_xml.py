"""What AWS's Query services answer, as values: XML that is small, plain and well formed."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element, ParseError, fromstring

from rolehop.credentials import scrub
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

LONGEST_ANSWER = 1_000_000
"""In bytes. The longest lists and tokens are far below; more is no answer of STS or IAM."""

LONGEST_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read whole."""

    status: int
    body: bytes
    clock_offset_seconds: float | None
    """The server's clock (its Date header) minus ours."""

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class WireError:
    """An ``ErrorResponse``."""

    code: str
    message: str
    """Control characters stripped, live secrets hidden."""


def parse_xml(body: bytes) -> Element:
    """Return the root of ``body`` with namespaces taken off.

    Raises:
        ValueError: it is no well-formed XML in UTF-8, or declares a document type: AWS never
            does, and one is how XML is made to expand without end.
    """
    text = body.decode("utf-8")
    if "<!DOCTYPE" in text:
        raise ValueError("it declares a document type")
    try:
        # Parsed from text, so that an encoding the document declares cannot hide anything.
        root = fromstring(text)  # noqa: S314 - bounded in size, and without a document type
    except ParseError as error:
        raise ValueError(f"it is no well-formed XML ({error})") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def wire_error(answer: Answer, hidden: str | None = None) -> WireError | None:
    """Return the error that ``answer`` tells, or ``None`` where it tells none.

    ``hidden`` is one more text to hide in the message: the MFA code that was sent.
    """
    try:
        error = parse_xml(answer.body).find("Error")
    except ValueError:
        return None
    code = "" if error is None else clean(error.findtext("Code") or "")
    if error is None or not code:
        return None
    # STS may repeat what was signed, the session token included.
    message = scrub(clean(error.findtext("Message") or ""))
    if hidden:
        message = message.replace(hidden, "[hidden]")
    return WireError(code[:128], message[:LONGEST_MESSAGE])


def clock_offset(date: str | None, now: datetime) -> float | None:
    """Return what a Date header says minus ``now`` (aware) in seconds; ``None``: it says none."""
    if not date:
        return None
    try:
        server = parsedate_to_datetime(date)
    except ValueError:
        return None
    if server.tzinfo is None:
        server = server.replace(tzinfo=UTC)
    return (server - now).total_seconds()
