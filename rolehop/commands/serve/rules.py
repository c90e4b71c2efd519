"""Which requests are answered: the token, the host, the paths of the endpoint.

A page in a browser can send requests to this machine, under a name of its own that it lets point
here. So a request is refused that names another host, that says which page it comes from, or that
came through a proxy; and none is answered without the token. No CORS header is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from typing import Protocol
from urllib.parse import quote, unquote_to_bytes, urlsplit

from rolehop.endpoint.requests import IncomingRequest
from rolehop.endpoint.responses import Response, public_document, refusal


class SessionForm(Enum):
    """How a session is written, by the path that has it."""

    CONTAINER = "/chains/"
    PROCESS = "/credential-process/"
    """As a program that an AWS profile names prints it."""
    INSTANCE = "/latest/meta-data/iam/security-credentials/"
    """As an EC2 instance has it; see `.instance_metadata`."""


_WITH_TOKEN = (SessionForm.CONTAINER, SessionForm.PROCESS)

HEALTH = "/health"
METADATA = "/latest/"
SCHEMA = "rolehop.server/1"
_OF_PAGES = ("origin", "referer", "sec-fetch-site")
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
_OF_OTHERS = (*_OF_PAGES, *_OF_PROXIES, "x-real-ip")


class ChainAnswers(Protocol):
    """What the chains of a server answer, from memory."""

    def __contains__(self, chain: object) -> bool:
        """True if ``chain`` is served."""
        ...

    def answer(self, chain: str, client: str, form: SessionForm, *, final: bool) -> Response | None:
        """Return the answer of ``chain`` to a client that calls itself ``client``.

        ``None``: it is known in a moment; never if ``final``.
        """
        ...


def path_of(chain: str, form: SessionForm = SessionForm.CONTAINER) -> str:
    """Return the path of a chain."""
    return form.value + quote(chain, safe="")


class MetadataAnswers(Protocol):
    """What an instance's metadata service answers; it has tokens of its own."""

    def answer(self, request: IncomingRequest, *, final: bool) -> Response | None:
        """Return the answer to a request for a path of its; ``None`` as for a chain."""
        ...


class Rules:
    """Answers requests; what is refused looks nothing up."""

    def __init__(
        self,
        is_token: Callable[[bytes], bool],
        chains: ChainAnswers,
        process: int,
        metadata: MetadataAnswers | None = None,
    ) -> None:
        """``is_token`` takes constant time; ``process`` is said by ``/health``."""
        self._metadata = metadata
        self._is_token = is_token
        self._chains = chains
        self._process = process

    def answer(
        self, request: IncomingRequest, hosts: Collection[str], *, final: bool
    ) -> Response | None:
        """Return the answer to a request that came to one of ``hosts``.

        ``None``: it is known in a moment; never if ``final``.
        """
        headers = request.headers
        host = headers.get("host", ())
        if len(host) != 1 or host[0].lower() not in hosts:
            return refusal(403)
        if any(name in headers for name in _OF_OTHERS):
            return refusal(403)
        if request.has_body and request.method == "GET":
            return refusal(400)
        if self._metadata is not None and request.target.startswith(METADATA):
            return self._metadata.answer(request, final=final)
        if request.method != "GET":
            return refusal(405)
        if request.target == HEALTH:
            return public_document(200, {"schema": SCHEMA, "status": "ok", "pid": self._process})
        if not self._has_token(headers.get("authorization", ())):
            return refusal(401)
        asked = asked_for(request.target, _WITH_TOKEN)
        if asked is None or asked[0] not in self._chains:
            return refusal(404)
        client = " ".join(headers.get("user-agent", ()))
        return self._chains.answer(asked[0], client, asked[1], final=final)

    def _has_token(self, values: tuple[str, ...]) -> bool:
        """True if there is one value, and it is the token; no scheme is added (AWS SDKs)."""
        return self._is_token(values[0].encode("latin-1") if len(values) == 1 else b"")


def asked_for(target: str, forms: Collection[SessionForm]) -> tuple[str, SessionForm] | None:
    """Return the chain that a path names, and which of ``forms``; a query means nothing."""
    form = next((each for each in forms if target.startswith(each.value)), None)
    if form is None:
        return None
    path = urlsplit(target).path
    try:
        return unquote_to_bytes(path[len(form.value) :]).decode("utf-8"), form
    except UnicodeDecodeError:
        return None
