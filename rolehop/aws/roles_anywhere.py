"""CreateSession of IAM Roles Anywhere: exchange a certificate and a signature for a session.

botocore has neither the call nor its signature, which is SigV4 with an X.509 key instead of a
derived one (IAM Roles Anywhere user guide, "Signing process").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from rolehop.aws.api_calls import send_json
from rolehop.aws.endpoint import find_endpoint
from rolehop.aws.net.addresses import origin_of
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.http import OVERRIDES, HttpClient, HttpRequest, unexpected_response
from rolehop.aws.net.transport import HttpResponse
from rolehop.aws.query_answers import check_session_arn
from rolehop.base import json_fields
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, scrub
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import HopRefused, ServiceError
from rolehop.base.text import clean
from rolehop.walk.ports import OnCall, ignore_call

if TYPE_CHECKING:
    from rolehop.aws.x509 import CertificateIdentity

_SERVICE: Final = "rolesanywhere"

# CreateSession allows 12 hours; the rest is for clocks that differ.
_LONGEST_SESSION = timedelta(hours=13)
_THROTTLING = ("ThrottlingException", "TooManyRequestsException")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """The parameters of CreateSession: ARNs, and seconds from 900 to 43,200."""

    trust_anchor: str
    profile: str
    role: str
    duration_seconds: int | None = None
    session_name: str | None = None

    def body(self) -> bytes:
        """Return the JSON to send."""
        members = {
            "durationSeconds": self.duration_seconds,
            "profileArn": self.profile,
            "roleArn": self.role,
            "roleSessionName": self.session_name,
            "trustAnchorArn": self.trust_anchor,
        }
        given = {name: value for name, value in members.items() if value is not None}
        return json.dumps(given, separators=(",", ":")).encode()


def signed_headers(
    identity: CertificateIdentity, url: str, body: bytes, region: str, when: datetime
) -> dict[str, str]:
    """Return the headers of a POST of ``body`` (JSON) to ``url``, including the signature.

    ``when`` is the time of signing, aware.
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
    identity: CertificateIdentity,
    settings: ClientSettings,
    *,
    endpoint_url: str | None,
    now: Callable[[], datetime],
    client: HttpClient | None = None,
    notify: Callable[[str], None] = lambda line: None,
    on_call: OnCall = ignore_call,
) -> Credentials:
    """Return the role's session.

    Args:
        request: the parameters.
        identity: the certificate and the key that sign.
        settings: with the region of the trust anchor.
        endpoint_url: replaces AWS's own endpoint.
        now: returns aware UTC times.
        client: the HTTP client to use, if the caller has one.
        notify: shows one line to the user.
        on_call: is told the call.

    Raises:
        HopRefused: AWS refused.
        ServiceError: there is no answer, throttling or a server error after retries, or an answer
            that makes no sense.
        ConfigError: region or endpoint are invalid.
    """
    base = endpoint_url or find_endpoint(_SERVICE, settings).url
    url = f"{base.rstrip('/')}/sessions"
    origin_of(url, OVERRIDES)  # raises if it cannot be called
    body = request.body()
    http = client or HttpClient(settings, overridden=endpoint_url is not None, notify=notify)
    headers = signed_headers(identity, url, body, settings.region, now())
    try:
        response = send_json(
            lambda: http.send(
                HttpRequest("POST", url, headers, body=body), attempts=settings.max_attempts
            ),
            on_call,
            "rolesanywhere:CreateSession",
            request.role,
            request.session_name,
        )
    finally:
        if client is None:
            http.close()
    if not response.ok:
        raise _refused(response, request)
    try:
        return _read_session(response, request, now())
    except ValueError as error:
        reason = str(error)
    raise unexpected_response(response, url, "CreateSession", reason)


def _read_session(response: HttpResponse, request: SessionRequest, now: datetime) -> Credentials:
    sets = response.json_object().get("credentialSet")
    if not isinstance(sets, list) or not sets or not isinstance(sets[0], dict):
        raise ValueError("it contains no credential set")
    first = sets[0]
    members = first.get("credentials")
    if not isinstance(members, dict):
        raise ValueError("it contains no credentials")
    if first.get("roleArn", request.role) != request.role:
        raise ValueError("the session is of another role than the one asked for")
    user = first.get("assumedRoleUser")
    if not isinstance(user, dict) or not isinstance(user.get("arn"), str):
        raise ValueError("assumedRoleUser is missing")
    check_session_arn(user["arn"], RoleArn.parse(request.role), request.session_name)
    offset = response.clock_offset
    credentials = json_fields.read_session(members, json_fields.CREATE_SESSION)
    found = replace(credentials, clock_offset=offset)
    expires_at = found.local_expires_at
    if expires_at is not None and not now < expires_at <= now + _LONGEST_SESSION:
        raise ValueError(f"the session expires at {expires_at:%Y-%m-%dT%H:%M:%SZ}: not plausible")
    return found


def _refused(response: HttpResponse, request: SessionRequest) -> HopRefused | ServiceError:
    code = _error_code(response)
    message = response.first_text("message", "Message")
    cause = f"{code}: {message}" if message else code
    if response.unavailable or code in _THROTTLING:
        error = ServiceError(
            "IAM Roles Anywhere gave no session",
            cause=cause,
            fix="try again in a moment; status of AWS: https://health.aws.amazon.com",
        )
        error.throttled = response.throttled or code in _THROTTLING
        return error
    return HopRefused(
        f"IAM Roles Anywhere refused a session of {request.role}",
        code=code,
        cause=cause,
        fix=_fix(code, message, request),
    )


def _error_code(response: HttpResponse) -> str:
    return scrub(clean(response.error_type))[:100] or f"HTTP {response.status}"


def _fix(code: str, message: str, request: SessionRequest) -> str:
    """Return what to do (user guide, troubleshooting; the official helper's error texts)."""
    if code == "ResourceNotFoundException":
        return "check trust_anchor and profile: their IDs, account and region"
    if code == "ValidationException":
        return "check trust_anchor, profile, role and duration"
    lower = message.lower()
    if "untrusted" in lower:
        return "name the intermediates in certificate_chain, and check the trust anchor's bundle"
    if "unable to assume role" in lower:
        return (
            f"list {request.role} in the profile; its trust policy must allow"
            " rolesanywhere.amazonaws.com sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity"
        )
    if "signature" in lower:
        return "check this machine's clock, and that the private key is the certificate's"
    if request.session_name is not None and "session name" in lower:
        return "leave session_name out, or let the profile accept one"
    return "check that trust anchor and profile are enabled, and the certificate is not revoked"
