"""Calls to AWS Organizations: JSON 1.1, signed, retried, lists read page by page.

Source: AWS Organizations API reference. Only the management account and delegated administrators may
call it. Its rate limits are low, so throttling is waited out, for as long as the caller has time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rolehop.aws.api_calls import send_json
from rolehop.aws.endpoint import find_endpoint
from rolehop.aws.query_api import THROTTLING, check_sendable, signed_request
from rolehop.credentials import Credentials, scrub
from rolehop.errors import ServiceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, service_error
from rolehop.net.transport import (
    CALL_SECONDS,
    HttpResponse,
    Outcome,
    Transport,
    send_with_retries,
)
from rolehop.ports import OnCall, StsRefusal, ignore_call
from rolehop.text import clean

_TARGET = "AWSOrganizationsV20161128."
_MOST_PAGES = 5_000


class OrganizationsApi:
    """Calls Organizations as one signer.

    Methods raise ``StsRefusal`` if the signer may not, ``ServiceError`` if there is no answer; its
    ``throttled`` says that AWS asked for fewer calls to the end.

    Attributes:
        calls: how many were answered, or failed, so far; one that was retried counts once.
    """

    def __init__(
        self,
        settings: ClientSettings,
        signer: Credentials,
        on_call: OnCall = ignore_call,
        sleep: Callable[[float], object] = time.sleep,
        *,
        patience_seconds: float = CALL_SECONDS,
    ) -> None:
        """``on_call`` is told each call; ``patience_seconds``: how long throttling of one is waited out."""
        self.calls = 0
        self._on_call = on_call
        self._settings = settings
        self._signer = signer
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._endpoint = find_endpoint("organizations", settings)
        overridden = settings.override("organizations") is not None
        self._transport = Transport(
            self._endpoint.url, settings, overridden=overridden, pool_size=1
        )

    @property
    def host(self) -> str:
        """The host that is called, for messages."""
        return self._transport.route.host

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def pages(
        self, action: str, asked: Mapping[str, object], listed: str
    ) -> Iterator[list[dict[str, Any]]]:
        """Give the objects of a list, page by page; a page may be empty before the last one."""
        tokens: set[str] = set()
        more: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self.call(action, {**asked, **more})
            found, token = answer.get(listed), answer.get("NextToken")
            if not isinstance(found, list | None):
                raise self.unexpected(action, f"{listed} is no list")
            yield list(objects_in(found))
            if token is None or token == "":
                return
            if not isinstance(token, str) or token in tokens:
                raise self.unexpected(action, "its pages go round, or lead nowhere")
            tokens.add(token)
            more = {"NextToken": token}
        raise self.unexpected(action, f"more than {_MOST_PAGES} pages arrived")

    def unexpected(self, action: str, reason: str) -> ServiceError:
        """Return the error for an answer that makes no sense: nothing is made of a part of it."""
        return ServiceError(
            f"{self.host} answered {action} with something unexpected",
            cause=reason,
            fix="check that the endpoint is AWS's",
        )

    def call(self, action: str, asked: Mapping[str, object]) -> dict[str, Any]:
        """Call ``action`` and return its answer."""
        check_sendable(self._signer)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGET}{action}",
        }
        body = json.dumps(asked).encode()

        def send() -> Outcome:
            request = signed_request(self._endpoint, "organizations", body, self._signer, headers)
            return self._transport.exchange(request)

        self.calls += 1
        outcome = send_json(
            lambda: self._with_retries(send), self._on_call, f"organizations:{action}"
        )
        answer = _read(outcome)
        if outcome.ok and answer is not None:
            return answer
        code = _code(answer)
        if code is None or outcome.status >= 500 or _is_throttling(outcome):
            raise self._unavailable(action, outcome, code)
        message = str((answer or {}).get("Message") or (answer or {}).get("message") or "")
        raise StsRefusal(code, scrub(clean(message)))

    def _unavailable(self, action: str, outcome: HttpResponse, code: str | None) -> ServiceError:
        throttled = _is_throttling(outcome)
        error = ServiceError(
            f"{self.host} {'is throttling' if throttled else 'failed at'} {action}",
            cause=code or f"HTTP {outcome.status}",
            fix="wait some minutes, then try again" if throttled else None,
        )
        error.throttled = throttled
        return error

    def _with_retries(self, send: Callable[[], Outcome]) -> HttpResponse:
        most, route = self._settings.max_attempts, self._transport.route

        def may_retry(found: Outcome, made: int) -> bool:
            if isinstance(found, ConnectionFailure):
                return made < most and found.retryable
            # Throttling says when there will be an answer; a fault of AWS does not.
            return _is_throttling(found) or (made < most and found.unavailable)

        outcome, made = send_with_retries(
            send, may_retry, self._sleep, route.host, seconds=self._patience_seconds
        )
        if isinstance(outcome, ConnectionFailure):
            raise service_error(outcome, route, self._settings, attempts=made)
        return outcome


def _is_throttling(outcome: HttpResponse) -> bool:
    return outcome.throttled or (not outcome.ok and _code(_read(outcome)) in THROTTLING)


def _read(response: HttpResponse) -> dict[str, Any] | None:
    try:
        return response.json_object()
    except ValueError:
        return None


def _code(answer: dict[str, Any] | None) -> str | None:
    kind = (answer or {}).get("__type")
    return clean(kind.rpartition("#")[2])[:128] if isinstance(kind, str) else None


def object_in(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> Iterator[dict[str, Any]]:
    """Give the objects in a JSON array; none for anything else."""
    yield from map(object_in, value if isinstance(value, list) else [])
