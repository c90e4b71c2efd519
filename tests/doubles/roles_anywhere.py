"""CreateSession of IAM Roles Anywhere: verifies signature, chain, validity, profile and trust.

Written from the user guide's page on the signing process, apart from rolehop's own signer.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.doubles.endpoint import Answer, Asked, Endpoint
from tests.doubles.metadata import session_of
from tests.doubles.sts_trust import Who, judge_trust
from tests.doubles.sts_world import Key, World

REGION = "eu-west-1"
ANCHOR = (
    f"arn:aws:rolesanywhere:{REGION}:111111111111:trust-anchor/66666666-7777-8888-9999-000000000000"
)
PROFILE = (
    f"arn:aws:rolesanywhere:{REGION}:111111111111:profile/11111111-2222-3333-4444-555555555555"
)

_AUTHORIZATION = re.compile(
    r"AWS4-X509-(?P<kind>RSA|ECDSA)-SHA256 Credential=(?P<serial>\d+)/(?P<day>\d{8})/"
    r"(?P<region>[a-z0-9-]+)/rolesanywhere/aws4_request, SignedHeaders=(?P<headers>[a-z0-9;-]+), "
    r"Signature=(?P<signature>[0-9a-f]+)"
)


class Refusal(Exception):
    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


@dataclass
class Profile:
    roles: list[str] = field(default_factory=list)
    accepts_session_name: bool = False
    duration_seconds: int = 3600


class RolesAnywhere(Endpoint):
    def __init__(self, world: World, anchor: x509.Certificate) -> None:
        super().__init__()
        self.world = world
        self.anchor = anchor
        self.profile = Profile()
        self.keys: list[Key] = []
        self.changes: dict[str, object] = {}
        """Members of the answer's credential set that are other than asked."""

    def answer(self, asked: Asked) -> Answer:
        try:
            return Answer(201, self._created(asked))
        except Refusal as refusal:
            return Answer(
                refusal.status,
                json.dumps({"message": refusal.message}).encode(),
                {"X-Amzn-ErrorType": f"{refusal.code}:http://internal.amazon.com/"},
            )

    def _created(self, asked: Asked) -> bytes:
        if (asked.method, asked.path) != ("POST", "/sessions"):
            raise Refusal("ResourceNotFoundException", "no such path", 404)
        leaf = self._authenticated(asked)
        body = json.loads(asked.body)
        if body["trustAnchorArn"] != ANCHOR or body["profileArn"] != PROFILE:
            raise Refusal("ResourceNotFoundException", "Resource not found", 404)
        unknown = body.keys() - {
            "durationSeconds",
            "profileArn",
            "roleArn",
            "roleSessionName",
            "trustAnchorArn",
        }
        if unknown or not 900 <= body.get("durationSeconds", 3600) <= 43200:
            raise Refusal("ValidationException", "1 validation error detected", 400)
        if "roleSessionName" in body and not self.profile.accepts_session_name:
            raise Refusal("AccessDeniedException", "Not allowed to set a role session name")
        role = self.world.roles.get(body["roleArn"])
        trusts = role is not None and self._trusts(role.trust)
        if role is None or body["roleArn"] not in self.profile.roles or not trusts:
            raise Refusal("AccessDeniedException", f"Unable to assume role for {body['roleArn']}")
        key = session_of(
            self.world,
            role,
            body.get("roleSessionName", f"{leaf.serial_number:x}"),
            source_identity=str(leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        )
        seconds = min(body.get("durationSeconds", 43200), self.profile.duration_seconds)
        key.expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        self.keys.append(key)
        return _session(key, role.arn, self.changes)

    def _trusts(self, trust: str) -> bool:
        service = Who("", frozenset({"rolesanywhere.amazonaws.com"}))
        context = {"aws:sourcearn": [ANCHOR]}
        actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
        return all(judge_trust(trust, action, service, context).allowed for action in actions)

    def _authenticated(self, asked: Asked) -> x509.Certificate:
        match = _AUTHORIZATION.fullmatch(asked.headers.get("Authorization", ""))
        if match is None:
            raise Refusal("AccessDeniedException", "Missing or malformed Authorization header")
        leaf = _certificate(asked.headers["X-Amz-X509"])
        if str(leaf.serial_number) != match["serial"] or match["region"] != REGION:
            raise Refusal("AccessDeniedException", "Credential scope is not valid")
        names = match["headers"].split(";")
        wanted = {"content-type", "host", "x-amz-date", "x-amz-x509"}
        if "X-Amz-X509-Chain" in asked.headers:
            wanted.add("x-amz-x509-chain")
        if not wanted <= set(names) or names != sorted(names):
            raise Refusal("AccessDeniedException", "a header is not signed")
        self._check_date(asked.headers["X-Amz-Date"], match["day"])
        _verify(leaf, match, asked, names)
        self._check_chain(leaf, asked.headers.get("X-Amz-X509-Chain", ""))
        return leaf

    def _check_date(self, stamp: str, day: str) -> None:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if not stamp.startswith(day) or abs(datetime.now(UTC) - signed) > timedelta(minutes=5):
            raise Refusal("AccessDeniedException", "Signature expired")

    def _check_chain(self, leaf: x509.Certificate, header: str) -> None:
        """Walk from the leaf up to the anchor, each step signed by the next."""
        left = [_certificate(each) for each in header.split(",") if each]
        if len(left) > 5 or self.anchor in left:
            raise Refusal("ValidationException", "the chain is not valid", 400)
        now, at = datetime.now(UTC), leaf
        while True:
            if not at.not_valid_before_utc <= now <= at.not_valid_after_utc:
                raise Refusal("AccessDeniedException", "Certificate is expired")
            if _issued(at, self.anchor):
                return
            issuer = next((each for each in left if _issued(at, each)), None)
            if issuer is None:
                raise Refusal("AccessDeniedException", "Untrusted signing certificate")
            left.remove(issuer)
            at = issuer


def _verify(leaf: x509.Certificate, match: re.Match[str], asked: Asked, names: list[str]) -> None:
    lines = "".join(f"{name}:{' '.join(asked.headers[name].split())}\n" for name in names)
    digest = sha256(asked.body).hexdigest()
    canonical = f"POST\n{asked.path}\n\n{lines}\n{match['headers']}\n{digest}"
    scope = f"{match['day']}/{match['region']}/rolesanywhere/aws4_request"
    text = (
        f"AWS4-X509-{match['kind']}-SHA256\n{asked.headers['X-Amz-Date']}\n{scope}\n"
        f"{sha256(canonical.encode()).hexdigest()}"
    ).encode()
    key, signature = leaf.public_key(), bytes.fromhex(match["signature"])
    try:
        if isinstance(key, rsa.RSAPublicKey) and match["kind"] == "RSA":
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and match["kind"] == "ECDSA":
            key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
        else:
            raise Refusal("AccessDeniedException", "Signing algorithm does not match")
    except InvalidSignature:
        raise Refusal("AccessDeniedException", "Signature does not match") from None


def _certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _session(key: Key, role: str, changes: dict[str, object]) -> bytes:
    assert key.expires_at is not None
    credentials = {
        "accessKeyId": key.access_key_id,
        "secretAccessKey": key.secret,
        "sessionToken": key.token,
        "expiration": f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    who = {"arn": key.arn, "assumedRoleId": key.user_id}
    first = {
        "assumedRoleUser": who,
        "credentials": credentials,
        "packedPolicySize": 10,
        "roleArn": role,
    }
    first |= changes
    return json.dumps({"credentialSet": [first], "subjectArn": "arn:aws:rolesanywhere::s"}).encode()
