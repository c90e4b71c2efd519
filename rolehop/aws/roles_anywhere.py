"""CreateSession of IAM Roles Anywhere: a certificate and a signature in, a role's session out.

Neither the call nor its signature is in botocore: it is SigV4 with an X.509 key instead of a
derived one (IAM Roles Anywhere user guide, "Signing process").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from rolehop.aws import credential_json
from rolehop.aws.endpoint import find_endpoint
from rolehop.credentials import Credentials, scrub
from rolehop.errors import HopRefused, ServiceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.http import HttpClient, HttpRequest, unexpected
from rolehop.net.transport import HttpAnswer
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.aws.x509 import Identity

_SERVICE: Final = "rolesanywhere"
_THROTTLING = ("ThrottlingException", "TooManyRequestsException")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What CreateSession is told; ARNs, and seconds from 900 to 43,200."""

    trust_anchor: str
    profile: str
    role: str
    duration_seconds: int | None = None
    session_name: str | None = None

    def body(self) -> bytes:
        """Return it as the JSON that is sent."""
        told = {
            "durationSeconds": self.duration_seconds,
            "profileArn": self.profile,
            "roleArn": self.role,
            "roleSessionName": self.session_name,
            "trustAnchorArn": self.trust_anchor,
        }
        said = {name: value for name, value in told.items() if value is not None}
        return json.dumps(said, separators=(",", ":")).encode()


def signed_headers(
    identity: Identity, url: str, body: bytes, region: str, when: datetime
) -> dict[str, str]:
    """Return all headers of one POST of ``body`` (JSON) to ``url``, the signature among them.

    ``when`` is aware.
    """
    from rolehop.aws.x509 import der

    stamp = when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    headers = {
        "content-type": "application/json",
        "host": parts.netloc,
        "x-amz-date": stamp,
        "x-amz-x509": base64.b64encode(der(identity.certificate)).decode(),
    }
    if identity.chain:
        chain = (base64.b64encode(der(each)).decode() for each in identity.chain)
        headers["x-amz-x509-chain"] = ",".join(chain)
    algorithm = f"AWS4-X509-{identity.kind}-SHA256"
    scope = f"{stamp[:8]}/{region}/{_SERVICE}/aws4_request"
    request = canonical_request(parts.path, headers, body)
    digest = sha256(request.encode()).hexdigest()
    signature = identity.sign(f"{algorithm}\n{stamp}\n{scope}\n{digest}".encode()).hex()
    headers["authorization"] = (
        f"{algorithm} Credential={identity.certificate.serial_number}/{scope}, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )
    return headers


def canonical_request(path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the canonical request of a POST without a query; header names are in lower case."""
    names = sorted(headers)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in names]
    digest = sha256(body).hexdigest()
    return "\n".join(["POST", quote(path), "", *lines, "", ";".join(names), digest])


def create_session(
    request: SessionRequest,
    identity: Identity,
    settings: ClientSettings,
    *,
    endpoint_url: str | None,
    now: Callable[[], datetime],
    client: HttpClient | None = None,
) -> Credentials:
    """Return the role's session.

    Args:
        request: what is asked for.
        identity: whose certificate and key sign.
        settings: their region is the trust anchor's.
        endpoint_url: replaces AWS's own endpoint.
        now: gives aware UTC times.
        client: sends it, where the caller has one.

    Raises:
        HopRefused: AWS refused.
        ServiceError: no answer, throttling or a fault after retries, or no sense in the answer.
        ConfigError: region or endpoint make no sense.
    """
    base = endpoint_url or find_endpoint(_SERVICE, settings).url
    url = f"{base.rstrip('/')}/sessions"
    body = request.body()
    http = client or HttpClient(settings, overridden=endpoint_url is not None)
    headers = signed_headers(identity, url, body, settings.region, now())
    try:
        answer = http.send(
            HttpRequest("POST", url, headers, body=body), attempts=settings.max_attempts
        )
    finally:
        if client is None:
            http.close()
    if not answer.ok:
        raise _refused(answer, request)
    try:
        return _session(answer.document(), request, now())
    except ValueError as error:
        reason = str(error)
    raise unexpected(answer, url, "CreateSession", reason)


def _session(document: Mapping[str, object], request: SessionRequest, now: datetime) -> Credentials:
    sets = document.get("credentialSet")
    if not isinstance(sets, list) or not sets or not isinstance(sets[0], dict):
        raise ValueError("there is no credential set in it")
    first = sets[0]
    told = first.get("credentials")
    if not isinstance(told, dict):
        raise ValueError("there are no credentials in it")
    if first.get("roleArn", request.role) != request.role:
        raise ValueError("the session is of another role than the one asked for")
    credentials = credential_json.session_in(told, credential_json.CREATE_SESSION)
    if credentials.expires_at is not None and credentials.expires_at <= now:
        raise ValueError("the session has expired by this machine's clock")
    return credentials


def _refused(answer: HttpAnswer, request: SessionRequest) -> HopRefused | ServiceError:
    code = _code(answer)
    said = answer.said("message", "Message")
    cause = f"{code}: {said}" if said else code
    if answer.status >= 500 or answer.status == 429 or code in _THROTTLING:
        return ServiceError(
            "IAM Roles Anywhere gave no session",
            cause=cause,
            fix="try again in a moment; status of AWS: https://health.aws.amazon.com",
        )
    return HopRefused(
        f"IAM Roles Anywhere refused a session of {request.role}",
        code=code,
        cause=cause,
        fix=_fix(code, said, request),
    )


def _code(answer: HttpAnswer) -> str:
    said = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return scrub(clean(said))[:100] or f"HTTP {answer.status}"


def _fix(code: str, said: str, request: SessionRequest) -> str:
    """Return what to do (user guide, troubleshooting; the official helper's error texts)."""
    if code == "ResourceNotFoundException":
        return "check trust_anchor and profile: their IDs, account and region"
    if code == "ValidationException":
        return "check trust_anchor, profile, role and duration"
    lower = said.lower()
    if "untrusted" in lower:
        return "name the intermediates in certificate_chain, and check the trust anchor's bundle"
    if "unable to assume role" in lower:
        return (
            f"list {request.role} in the profile, and let its trust policy allow "
            "rolesanywhere.amazonaws.com sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity"
        )
    if "signature" in lower:
        return "check this machine's clock, and that the private key is the certificate's"
    if request.session_name is not None and "session name" in lower:
        return "leave session_name out, or let the profile accept one"
    return "check that trust anchor and profile are enabled, and the certificate is not revoked"
