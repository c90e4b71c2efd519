"""Ask the double whose credentials these are, as AWS is asked: by a call signed with them."""

from __future__ import annotations

import http.client
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.doubles.sts import StrictSts

_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_TYPE = "application/x-www-form-urlencoded"
_ARN = re.compile(r"<Arn>([^<]*)</Arn>")


def caller_of(sts: StrictSts, credentials: Any) -> str | None:
    """Return the ARN that ``sts`` knows the caller by; ``None`` if it refuses the call.

    ``credentials`` are those that `credential-process` prints. It refuses keys that it has not
    issued, a secret or a token of others, and a session that has ended by its own clock.
    """
    address = urlsplit(sts.url).netloc
    connection = http.client.HTTPConnection(address, timeout=300)
    try:
        headers = _signed(sts, address, credentials)
        connection.request("POST", "/", _BODY, headers)
        answer = connection.getresponse()
        found = _ARN.search(answer.read().decode())
    finally:
        connection.close()
    return found[1] if answer.status == 200 and found is not None else None


def _signed(sts: StrictSts, address: str, credentials: Any) -> dict[str, str]:
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    signer: Any = SigV4Auth(Credentials(*(credentials[each] for each in keys)), "sts", "us-east-1")
    stamp = f"{datetime.now(UTC) + sts.date_offset:%Y%m%dT%H%M%SZ}"  # by AWS's clock
    headers = {
        "Host": address,
        "Content-Type": _TYPE,
        "X-Amz-Date": stamp,
        "X-Amz-Security-Token": str(credentials["SessionToken"]),
    }
    request: Any = AWSRequest("POST", f"http://{address}/", headers=headers, data=_BODY)
    request.context["timestamp"] = stamp
    text = signer.string_to_sign(request, signer.canonical_request(request))
    names = signer.signed_headers(signer.headers_to_sign(request))
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={names}, Signature={signer.signature(text, request)}"
    )
    return {**headers, "Authorization": authorization}
