"""A SAML identity provider that signs, and the STS double's check of what it signed.

The signature is ECDSA over the canonical XML of the assertion without its Signature: not the
whole of XML Signature, and enough that no byte of an assertion can change unseen.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element, canonicalize, fromstring, tostring

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.doubles.sts_params import Refused, credentials_xml
from tests.doubles.sts_trust import Who, judge_trust
from tests.doubles.sts_world import World

AUDIENCE = "https://signin.aws.amazon.com/saml"
_A = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"


@dataclass
class IdentityProvider:
    """Signs assertions; ``arn`` names the provider in the role's account."""

    arn: str
    issuer: str = "https://idp.example/metadata"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def assertion(
        self,
        roles: Sequence[str],
        *,
        now: datetime | None = None,
        who: str = "jane@example.com",
        lasts: timedelta = timedelta(minutes=5),
        seconds: int | None = None,
        session_ends: datetime | None = None,
        audience: str = AUDIENCE,
        recipient: str | None = None,
        provider_first: bool = False,
        attributes: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        """Return a response in base64, as an identity provider posts it.

        ``attributes`` replace those it would have; a name that is not a URL is one of AWS's. The
        ``recipient`` is the audience unless it is given.
        """
        now = now or datetime.now(UTC)
        pairs = [f"{self.arn},{role}" if provider_first else f"{role},{self.arn}" for role in roles]
        found: dict[str, Sequence[str]] = {"Role": pairs, "RoleSessionName": [who]}
        if seconds is not None:
            found["SessionDuration"] = [str(seconds)]
        found |= attributes or {}
        times = _times(now, now + lasts)
        places = (audience, audience if recipient is None else recipient)
        text = _assertion(self.issuer, who, times, session_ends, places, found)
        signature = self.key.sign(
            canonicalize(text, rewrite_prefixes=True).encode(), ec.ECDSA(hashes.SHA256())
        ).hex()
        signed = text.replace("</a:Issuer>", f"</a:Issuer><a:Signature>{signature}</a:Signature>")
        return base64.b64encode(
            '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol">'
            f"{signed}</p:Response>".encode()
        ).decode()


def _times(begins: datetime, ends: datetime) -> tuple[str, str]:
    return (f"{begins:%Y-%m-%dT%H:%M:%SZ}", f"{ends:%Y-%m-%dT%H:%M:%S.000Z}")


def _assertion(
    issuer: str,
    who: str,
    times: tuple[str, str],
    session_ends: datetime | None,
    places: tuple[str, str],
    attributes: Mapping[str, Sequence[str]],
) -> str:
    begins, ends = times
    audience, recipient = places
    until = f' SessionNotOnOrAfter="{session_ends:%Y-%m-%dT%H:%M:%SZ}"' if session_ends else ""
    statements = "".join(
        f'<a:Attribute Name="{name if "://" in name else _ATTRIBUTES + name}">'
        + "".join(f"<a:AttributeValue>{value}</a:AttributeValue>" for value in values)
        + "</a:Attribute>"
        for name, values in attributes.items()
    )
    return (
        f'<a:Assertion xmlns:a="{_A[1:-1]}" ID="_1"><a:Issuer>{issuer}</a:Issuer>'
        f"<a:Subject><a:NameID>{who}</a:NameID><a:SubjectConfirmation>"
        f'<a:SubjectConfirmationData NotOnOrAfter="{ends}" Recipient="{recipient}" />'
        f'</a:SubjectConfirmation></a:Subject><a:Conditions NotBefore="{begins}" '
        f'NotOnOrAfter="{ends}"><a:AudienceRestriction><a:Audience>{audience}</a:Audience>'
        f'</a:AudienceRestriction></a:Conditions><a:AuthnStatement AuthnInstant="{begins}"{until} />'
        f"<a:AttributeStatement>{statements}</a:AttributeStatement></a:Assertion>"
    )


def assume_role_with_saml(
    world: World, params: Mapping[str, str], now: datetime, token_length: int
) -> str:
    """Return the inside of AssumeRoleWithSAMLResult."""
    unknown = params.keys() - {"RoleArn", "PrincipalArn", "SAMLAssertion", "DurationSeconds"}
    if unknown or not 4 <= len(params["SAMLAssertion"]) <= 100_000:
        raise Refused("ValidationError", "1 validation error detected")
    provider = world.saml_providers.get(params["PrincipalArn"])
    if provider is None:
        raise Refused("InvalidIdentityToken", "No SAML provider found")
    assertion = _verified(params["SAMLAssertion"], provider)
    _check_conditions(assertion, now)
    offered = {tuple(sorted(pair.split(","))) for pair in _values(assertion, "Role")}
    role = world.roles.get(params["RoleArn"])
    pair = tuple(sorted((params["RoleArn"], provider.arn)))
    who = Who(provider.arn.split(":")[4], frozenset({provider.arn}))
    # Not the Audience (IAM user guide, "Available keys for SAML-based AWS STS federation").
    context = {"saml:aud": [_recipient(assertion)]}
    if role is None or pair not in offered or not _trusted(role.trust, who, context):
        raise Refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML", 403)
    seconds = int(params.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= role.max_session:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise Refused("ValidationError", text)
    ends = now.replace(microsecond=0) + timedelta(seconds=seconds)
    until = _session_ends(assertion)
    name = _values(assertion, "RoleSessionName")[0]
    session = world.issue(
        token_length,
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{name}",
        user_id=f"{role.role_id}:{name}",
        role=role,
        expires_at=min(ends, until) if until else ends,
    )
    return (
        f"{credentials_xml(session)}<AssumedRoleUser><AssumedRoleId>{session.user_id}"
        f"</AssumedRoleId><Arn>{session.arn}</Arn></AssumedRoleUser><Audience>{AUDIENCE}"
        f"</Audience><Issuer>{provider.issuer}</Issuer><Subject>{name}</Subject>"
    )


def _trusted(trust: str, who: Who, context: Mapping[str, Sequence[str]]) -> bool:
    return judge_trust(trust, "sts:AssumeRoleWithSAML", who, context).allowed


def _verified(encoded: str, provider: IdentityProvider) -> Element:
    try:
        root = fromstring(base64.b64decode(encoded, validate=True))  # noqa: S314 - our own text
    except (ValueError, SyntaxError):
        raise Refused("InvalidIdentityToken", "Invalid base64 SAMLResponse") from None
    assertion = root.find(f"{_A}Assertion")
    signature = None if assertion is None else assertion.find(f"{_A}Signature")
    if (
        assertion is None
        or signature is None
        or assertion.findtext(f"{_A}Issuer") != provider.issuer
    ):
        raise Refused("InvalidIdentityToken", "Issuer not present in specified provider")
    assertion.remove(signature)
    text = canonicalize(tostring(assertion, encoding="unicode"), rewrite_prefixes=True).encode()
    try:
        provider.key.public_key().verify(
            bytes.fromhex(signature.text or ""), text, ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        raise Refused("InvalidIdentityToken", "Response signature invalid") from None
    return assertion


def _check_conditions(assertion: Element, now: datetime) -> None:
    conditions = assertion.find(f"{_A}Conditions")
    assert conditions is not None
    audience = conditions.findtext(f"{_A}AudienceRestriction/{_A}Audience")
    if audience != AUDIENCE:
        raise Refused("InvalidIdentityToken", "Incorrect audience in the SAML response")
    begins, ends = (
        datetime.fromisoformat(conditions.attrib[n]) for n in ("NotBefore", "NotOnOrAfter")
    )
    if not begins <= now < ends:
        raise Refused(
            "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"
        )
    until = _session_ends(assertion)
    if until is not None and until <= now:
        raise Refused("ExpiredTokenException", "SessionNotOnOrAfter of the assertion has passed")


def _recipient(assertion: Element) -> str:
    data = assertion.find(f"{_A}Subject/{_A}SubjectConfirmation/{_A}SubjectConfirmationData")
    return "" if data is None else data.get("Recipient", "")


def _session_ends(assertion: Element) -> datetime | None:
    statement = assertion.find(f"{_A}AuthnStatement")
    until = statement.get("SessionNotOnOrAfter") if statement is not None else None
    return datetime.fromisoformat(until) if until else None


def _values(assertion: Element, attribute: str) -> list[str]:
    path = (
        f"{_A}AttributeStatement/{_A}Attribute[@Name='{_ATTRIBUTES}{attribute}']/{_A}AttributeValue"
    )
    return [each.text or "" for each in assertion.iterfind(path)]
