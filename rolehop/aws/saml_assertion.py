"""Read a SAML assertion: its roles, the duration it asks for, and its validity.

It is read only to choose a role and for messages: AWS judges whether it is genuine. Messages show
nothing of it except the ARNs of its roles and its times.
"""

from __future__ import annotations

import base64
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rolehop.aws.query_answers import parse_xml
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.json_fields import instant
from rolehop.base.startup import Pattern

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST = 100_000
"""Characters in base64 (STS API reference, AssumeRoleWithSAML, SAMLAssertion)."""

_ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
_PROVIDER = Pattern(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:saml-provider/[\w._-]{1,128}")
_SECONDS = Pattern(r"[0-9]{1,6}")
_CONFIRMATION = "Subject/SubjectConfirmation/SubjectConfirmationData"


@dataclass(frozen=True, slots=True)
class SamlRole:
    """A role that may be assumed, with the identity provider in its account."""

    role: str
    provider: str


@dataclass(frozen=True, slots=True, repr=False)
class Assertion:
    """One SAML response. Times are aware, in UTC."""

    encoded: Secret
    """Base64, as STS takes it."""

    roles: tuple[SamlRole, ...]
    """Empty if the assertion is encrypted for AWS."""

    digest: str
    """Digest of whose assertion it is, for whom, and what it carries into the session.

    The roles are left out, because they are compared by themselves, and so are times and IDs.
    """

    encrypted: bool = False
    duration_seconds: int | None = None
    """From its SessionDuration attribute, 900 to 43,200."""

    begins: datetime | None = None
    ends: datetime | None = None
    """STS does not accept it from then on."""


def read_assertion(text: Secret) -> Assertion:
    """Read what an identity provider posts: base64, a form field ``SAMLResponse=…``, or XML.

    Raises:
        ValueError: it is none of these, too long, or not SAML; nothing of it is quoted.
    """
    encoded = _encoded(text.reveal().strip())
    if not encoded:
        raise ValueError("it is empty")
    if len(encoded) > LONGEST:
        raise ValueError(f"it is longer than STS takes ({LONGEST:,} characters)")
    try:
        body = base64.b64decode(encoded, validate=True)
    except ValueError:
        body = b""
    root = _parsed(body)
    assertion = root if root.tag == "Assertion" else root.find("Assertion")
    if root.tag not in ("Response", "Assertion"):
        raise ValueError("it is XML, but not a SAML response")
    if assertion is None:
        if root.find("EncryptedAssertion") is None:
            raise ValueError(_without_assertion(root))
        return Assertion(Secret(encoded), (), sha256(body).hexdigest(), encrypted=True)
    return Assertion(
        Secret(encoded),
        _roles(assertion),
        # Which of several counts is for AWS to say, so nothing is left out.
        _digest(assertion) if _is_alone(root) else sha256(body).hexdigest(),
        duration_seconds=_duration(assertion),
        begins=max(_times(assertion, "NotBefore"), default=None),
        ends=min(
            _times(assertion, "NotOnOrAfter") + _times(assertion, "SessionNotOnOrAfter"),
            default=None,
        ),
    )


def _is_alone(root: Element) -> bool:
    """True if there is one assertion only, encrypted ones counted."""
    found = [each for each in root if each.tag in ("Assertion", "EncryptedAssertion")]
    return root.tag == "Assertion" or len(found) == 1


def _encoded(text: str) -> str:
    """Return ``text`` in base64, whichever form it has."""
    if text.startswith("<"):
        return base64.b64encode(text.encode("utf-8", "replace")).decode()
    if text.startswith("SAMLResponse="):
        text = unquote(text.removeprefix("SAMLResponse=").partition("&")[0])
    return "".join(text.split())


def _parsed(body: bytes) -> Element:
    if not body:
        raise ValueError("it is neither base64 nor XML")
    try:
        return parse_xml(body)
    except ValueError:
        pass
    # Raised outside of except: the parser's error may quote the text.
    raise ValueError("it is not well-formed XML without a document type")


def _without_assertion(root: Element) -> str:
    status = root.find("Status/StatusCode")
    code = "" if status is None else status.get("Value", "").rpartition(":")[2]
    known = {"Requester", "Responder", "VersionMismatch", "AuthnFailed"}
    status_text = f" (status {code})" if code in known else ""
    return f"the identity provider's response contains no assertion{status_text}"


def _roles(assertion: Element) -> tuple[SamlRole, ...]:
    """Return the pairs in the Role attribute; each may have its two ARNs in either order."""
    found: list[SamlRole] = []
    for value in _values(assertion, "Role"):
        first, _, second = (part.strip() for part in value.partition(","))
        for role, provider in ((first, second), (second, first)):
            pair = SamlRole(role, provider)
            if _is_role(role) and _PROVIDER.fullmatch(provider) and pair not in found:
                found.append(pair)
    return tuple(found)


def _is_role(text: str) -> bool:
    try:
        RoleArn.parse(text)
    except ValueError:
        return False
    return True


def _duration(assertion: Element) -> int | None:
    values = _values(assertion, "SessionDuration")
    if not values or _SECONDS.fullmatch(values[0]) is None:
        return None
    return max(900, min(43_200, int(values[0])))


def _digest(assertion: Element) -> str:
    """Return a digest of everything that a trust policy may evaluate or STS may copy.

    Issuer, subject, audiences, recipients and all attributes: those for AWS become the session's
    tags, source identity and name (IAM user guide, "Passing session tags using
    AssumeRoleWithSAML"), and condition keys such as ``saml:edupersonaffiliation`` have the values
    of others. ``saml:aud`` is the recipient (the same guide, "Available keys for SAML-based AWS STS
    federation").
    """
    return digest_of(
        [_complete(each) for each in assertion.iterfind("Issuer")],
        [_complete(each) for each in assertion.iterfind("Subject/NameID")],
        [_complete(each) for each in assertion.iterfind("Conditions/AudienceRestriction/Audience")],
        [each.get("Recipient") for each in assertion.iterfind(_CONFIRMATION)],
        [
            [each.get("Name"), [_complete(value) for value in each.iterfind("AttributeValue")]]
            for each in assertion.iterfind("AttributeStatement/Attribute")
            if each.get("Name") != f"{_ATTRIBUTES}Role"
        ],
    )


def _complete(element: Element) -> list[object]:
    """Return all that is in an element, as JSON values; not recursive, since it may be deep."""
    found: list[object] = [dict(element.attrib), element.text]
    ahead: list[tuple[Element, bool]] = [(child, False) for child in reversed(element)]
    while ahead:
        child, is_read = ahead.pop()
        if is_read:
            found.append(["end", child.tail])
            continue
        found.append([child.tag, dict(child.attrib), child.text])
        ahead.append((child, True))
        ahead += ((each, False) for each in reversed(child))
    return found


def _values(assertion: Element, attribute: str) -> list[str]:
    return [
        (value.text or "").strip()
        for each in assertion.iterfind("AttributeStatement/Attribute")
        if each.get("Name") == _ATTRIBUTES + attribute
        for value in each.iterfind("AttributeValue")
    ]


def _times(assertion: Element, name: str) -> list[datetime]:
    """Return the times ``name`` of the assertion and of the provider's own session.

    The role's session may not outlast the provider's (IAM user guide, "Configure SAML assertions").
    """
    places = [
        *assertion.iterfind("Conditions"),
        *assertion.iterfind(_CONFIRMATION),
        *assertion.iterfind("AuthnStatement"),
    ]
    return [time for each in places if (time := _time(each.get(name, ""))) is not None]


def _time(text: str) -> datetime | None:
    """Return a time, ``None`` if it is none; without a time zone it is in UTC."""
    for each in (text, f"{text}+00:00"):
        try:
            return instant(each, "the time")
        except ValueError:
            continue
    return None
