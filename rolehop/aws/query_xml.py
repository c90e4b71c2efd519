"""The XML of AWS's Query services, read strictly: small, plain and well-formed."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, fromstring

from rolehop.credentials import scrub
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

LONGEST_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class QueryError:
    """An ``ErrorResponse``."""

    code: str
    message: str
    """Without control characters and without secrets of this process."""


def parse_xml(body: bytes) -> Element:
    """Return the root of ``body``, with all namespaces removed.

    Raises:
        ValueError: it is not well-formed XML in UTF-8, or declares a document type, which AWS
            never does and by which XML can be made to expand without end.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if "<!DOCTYPE" in text:
        raise ValueError("it declares a document type")
    try:
        # Parsed from text, so that an encoding declared in it cannot hide anything.
        root = fromstring(text)  # noqa: S314 - bounded in size, and without a document type
    except (ParseError, RecursionError) as error:
        reason = str(error)
    else:
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root
    raise ValueError(f"it is not well-formed XML ({reason})")


@dataclass(frozen=True, slots=True)
class QueryDocument:
    """The body of an answer, parsed once."""

    root: Element | None
    """``None``: it is not what `parse_xml` reads."""

    problem: str = ""
    """Why it is not."""


def query_document(body: bytes) -> QueryDocument:
    """Return ``body`` as a document, which may be one with a problem."""
    try:
        return QueryDocument(parse_xml(body))
    except ValueError as error:
        return QueryDocument(None, str(error))


def query_error(document: QueryDocument, hidden: str | None = None) -> QueryError | None:
    """Return the error in ``document``, or ``None`` if there is none.

    EC2 puts it into a list (EC2 developer guide, "Error responses"). ``hidden`` is a text to hide in the message besides secrets: the MFA code that was sent.
    """
    root = document.root
    error = None if root is None else root.find("Error")
    if error is None and root is not None:
        error = root.find("Errors/Error")
    code = "" if error is None else clean(error.findtext("Code") or "")
    if error is None or not code:
        return None
    # STS may repeat what was signed, the session token included.
    message = scrub(clean(error.findtext("Message") or ""))
    if hidden:
        message = message.replace(hidden, "[hidden]")
    return QueryError(code[:128], message[:LONGEST_MESSAGE])
