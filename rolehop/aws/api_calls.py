"""What is told of each call to AWS after it has ended: its ID, its outcome, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from xml.etree.ElementTree import Element

from rolehop.aws.net.transport import HttpResponse
from rolehop.aws.query_answers import QueryDocument, query_error
from rolehop.base.credentials import scrub
from rolehop.base.errors import ServiceError
from rolehop.base.json_fields import epoch_instant, instant
from rolehop.base.text import clean
from rolehop.walk.ports import ApiCall, OnCall

_REQUEST_ID = "x-amzn-requestid"
_LONGEST = 200  # characters of an ID or a code
FAILED, OK = "failed", "ok"


def query_call(
    action: str,
    params: Mapping[str, str],
    response: HttpResponse | None,
    document: QueryDocument,
    hidden: str | None,
) -> ApiCall:
    """Return what is told of a call in the Query protocol; ``response`` is ``None`` without one.

    ``document`` is what it holds, ``hidden`` the MFA code that was sent.
    """
    outcome, request_id, expires_at, key = FAILED, None, None, None
    if response is not None:
        root = document.root
        request_id = response.headers.get(_REQUEST_ID) or _found(root, ".//RequestId")
        if response.ok and root is not None:
            outcome, expires_at = OK, _instant_or_none(_found(root, ".//Credentials/Expiration"))
            key = _found(root, ".//Credentials/AccessKeyId")
        else:
            error = query_error(document, hidden)
            outcome = f"HTTP {response.status}" if error is None else error.code
    return ApiCall(
        action,
        _short(outcome),
        params.get("RoleArn"),
        params.get("RoleSessionName"),
        _short_or_none(request_id),
        expires_at,
        _short_or_none(key),
    )


def send_json(
    send: Callable[[], HttpResponse],
    on_call: OnCall,
    action: str,
    role: str | None = None,
    session_name: str | None = None,
) -> HttpResponse:
    """Send a request in a JSON protocol and tell ``on_call`` of it.

    Raises:
        ServiceError: as ``send``.
    """
    try:
        response = send()
    except ServiceError:
        on_call(ApiCall(action, FAILED, role, session_name))
        raise
    outcome = OK if response.ok else response.error_type or f"HTTP {response.status}"
    request_id = response.headers.get(_REQUEST_ID)
    expires_at, key = _session_in(response)
    on_call(
        ApiCall(
            action,
            _short(outcome),
            role,
            session_name,
            _short_or_none(request_id),
            expires_at,
            _short_or_none(key),
        )
    )
    return response


def _short(text: str) -> str:
    return scrub(clean(text))[:_LONGEST]


def _short_or_none(text: str | None) -> str | None:
    return None if text is None else _short(text)


def _found(root: Element | None, path: str) -> str | None:
    return None if root is None else root.findtext(path)


def _instant_or_none(text: str | None) -> datetime | None:
    try:
        return None if text is None else instant(text, "Expiration")
    except ValueError:
        return None


def _session_in(response: HttpResponse) -> tuple[datetime | None, str | None]:
    """Return end and access key ID of the session in an answer of GetRoleCredentials or CreateSession."""
    try:
        document = response.json_object()
        if "roleCredentials" in document:  # in milliseconds
            found = document["roleCredentials"]
            expires_at = epoch_instant(found["expiration"] // 1000, "expiration")
        else:
            found = document["credentialSet"][0]["credentials"]
            expires_at = instant(found["expiration"], "expiration")
        return expires_at, found["accessKeyId"] if isinstance(found["accessKeyId"], str) else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None, None
