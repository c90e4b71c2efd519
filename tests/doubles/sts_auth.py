"""Find out who signed a call: every signature is computed again with botocore's signer and compared."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from hashlib import sha256
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tests.doubles.sts_params import Refused, invalid_token
from tests.doubles.sts_world import Key

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)/"
    r"(?P<service>\w+)/aws4_request, ?SignedHeaders=(?P<headers>[\w;-]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Signed:
    """One call as it came over the wire."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Signer:
    key: Key
    service: str
    region: str


def authenticate(
    call: Signed, keys: Mapping[str, Key], *, clock: datetime, now: datetime, region: str | None
) -> Signer:
    """Return who signed ``call``, for which service and region, or raise ``Refused``.

    ``clock`` judges the signature's date, ``now`` the session's end. ``region``: the only one
    that may be signed for.
    """
    header = call.headers.get("Authorization")
    if header is None:
        text = "Request is missing Authentication Token"
        raise Refused("MissingAuthenticationToken", text, 403)
    match = AUTHORIZATION.fullmatch(header)
    if match is None:
        raise Refused("IncompleteSignature", "Authorization header cannot be read")
    key = keys.get(match["key"])
    if key is None or not key.active:
        raise invalid_token()
    if key.unknown_for:
        key.unknown_for -= 1
        raise invalid_token()
    _check_date(call.headers.get("X-Amz-Date", ""), match["day"], clock)
    if region not in (None, match["region"]):
        text = "Credential should be scoped to a valid region. "
        raise Refused("SignatureDoesNotMatch", text, 403)
    if not hmac.compare_digest(_signature(call, match, key), match["signature"]):
        raise _wrong_signature()
    if call.headers.get("X-Amz-Security-Token") != key.token:
        raise invalid_token()
    if key.expires_at is not None and now >= key.expires_at:
        text = "The security token included in the request is expired"
        raise Refused("ExpiredToken", text, 403)
    return Signer(key, match["service"], match["region"])


def _check_date(stamp: str, day: str, here: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refused("IncompleteSignature", "X-Amz-Date is no date") from None
    if signed < here - _TOLERANCE:
        text = (
            f"Signature expired: {stamp} is now earlier than "
            f"{here - _TOLERANCE:%Y%m%dT%H%M%SZ} ({here:%Y%m%dT%H%M%SZ} - 5 min.)"
        )
    elif signed > here + _TOLERANCE:
        text = (
            f"Signature not yet current: {stamp} is still later than "
            f"{here + _TOLERANCE:%Y%m%dT%H%M%SZ} ({here:%Y%m%dT%H%M%SZ} + 5 min.)"
        )
    elif not stamp.startswith(day):
        text = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
    else:
        return
    raise Refused("SignatureDoesNotMatch", text, 403)


def _signature(call: Signed, match: re.Match[str], key: Key) -> str:
    names = match["headers"].split(";")
    wanted = {"host", "x-amz-date"}
    if "X-Amz-Security-Token" in call.headers:
        wanted.add("x-amz-security-token")
    real_hash = sha256(call.body).hexdigest()
    if not wanted <= set(names) or call.headers.get("X-Amz-Content-SHA256", real_hash) != real_hash:
        raise _wrong_signature()
    request: Any = AWSRequest(
        method=call.method,
        url=f"http://{call.headers['Host']}{call.path}",
        data=call.body,
        headers={name: call.headers.get(name, "") for name in names},
    )
    request.context["timestamp"] = call.headers["X-Amz-Date"]
    keys: Any = _Keys(key.access_key_id, key.secret)
    verifier: Any = _Verifier(keys, match["service"], match["region"])
    text = verifier.string_to_sign(request, verifier.canonical_request(request))
    return str(verifier.signature(text, request))


class _Verifier(SigV4Auth):  # type: ignore[misc, unused-ignore]
    """botocore's signer over exactly the headers that the caller says it signed."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


@dataclass(frozen=True)
class _Keys:
    access_key: str
    secret_key: str = field(repr=False)
    token: None = None


def _wrong_signature() -> Refused:
    return Refused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method. Consult the service documentation for "
        "details.",
        403,
    )
