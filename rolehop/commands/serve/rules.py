"""Which requests are answered: the token, the host, the paths of the endpoint; and those of a metadata service.

A page in a browser can send requests to this machine, under a name of its own that it lets point
here. So a request is refused that names another host, that says which page it comes from, or that
came through a proxy; and none is answered without the token. No CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Collection
from enum import Enum
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote, unquote_to_bytes, urlsplit

from rolehop.base.dataclass import replace
from rolehop.commands.serve.connection import IncomingRequest, Response, public_document, refusal


class SessionForm(Enum):
    """How a session is written, by the path that has it."""

    CONTAINER = "/chains/"
    PROCESS = "/credential-process/"
    """As a program that an AWS profile names prints it."""
    INSTANCE = "/latest/meta-data/iam/security-credentials/"
    """As an EC2 instance has it; see `MetadataService`."""


_WITH_TOKEN = (SessionForm.CONTAINER, SessionForm.PROCESS)
HEALTH = "/health"
METADATA = "/latest/"
_METADATA_TARGETS = (METADATA, f"/{METADATA}")
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
    """Return the path of a chain; the ``/`` in the name of a fleet's chain stays as it is.

    The SDK for C++ escapes what is escaped once more.
    """
    return form.value + quote(chain, safe="/")


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
        if self._metadata is not None and request.target.startswith(_METADATA_TARGETS):
            # The SDK for JavaScript, version 2, asks for //latest/… at an address with a last slash.
            target = f"/{request.target.lstrip('/')}"
            return self._metadata.answer(replace(request, target=target), final=final)
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


HOP_LIMIT = 1
"""Of IP packets with answers, as on an instance: what this machine would forward is dropped."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 - no token
_TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - likewise
_TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
_LONGEST_TTL = 21_600
_FOLDER = SessionForm.INSTANCE.value
_ROLE_PATHS = (_FOLDER, _FOLDER.rstrip("/"))  # the SDK for C++ asks the second one


def metadata_of(address: str) -> str:
    """Return what SDKs are told of a service at ``address``: the AWS CLI needs the slash."""
    return f"{address}/"


class _Tokens:
    """Makes tokens and knows them again by their seal: there is no table that could be filled."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)

    def make(self, seconds: int) -> str:
        """Return a new one that is good for so long."""
        text = f"{int(self._now()) + seconds}-{secrets.token_hex(16)}"
        return f"{text}-{self._seal(text)}"

    def is_good(self, token: str) -> bool:
        """True if it was made here and is not over."""
        text, _, seal = token.rpartition("-")
        if not hmac.compare_digest(self._seal(text).encode(), seal.encode()):
            return False
        return self._now() < int(text.partition("-")[0])

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()


class MetadataService:
    """Answers what SDKs ask of an instance that has one role: a chain."""

    def __init__(
        self, chain: str, chains: ChainAnswers, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``now`` counts seconds, of a token's life."""
        self._chain = chain
        self._chains = chains
        self._tokens = _Tokens(now)

    def answer(self, request: IncomingRequest, *, final: bool) -> Response | None:
        """Return the answer to a request whose path begins with `METADATA`.

        ``None``: it is known in a moment; never if ``final``.
        """
        if request.method == "PUT":
            return self._token(request) if request.target == _TOKEN_PATH else refusal(405)
        if request.method != "GET":
            return refusal(405)
        if not self._tokens.is_good(_only(request, _TOKEN_HEADER)):
            return refusal(401, f"{_TOKEN_HEADER} does not have a token of {_TOKEN_PATH}")
        if request.target in _ROLE_PATHS:
            return _text(quote(self._chain, safe=""))
        if asked_for(request.target, (SessionForm.INSTANCE,)) != (
            self._chain,
            SessionForm.INSTANCE,
        ):
            return refusal(404)
        client = " ".join(request.headers.get("user-agent", ()))
        return self._chains.answer(self._chain, client, SessionForm.INSTANCE, final=final)

    def _token(self, request: IncomingRequest) -> Response:
        text = _only(request, _TTL_HEADER)
        seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
        if not 1 <= seconds <= _LONGEST_TTL:
            return refusal(400, f"{_TTL_HEADER} has to be 1 to {_LONGEST_TTL}")
        return _text(self._tokens.make(seconds), f"{_TTL_HEADER}: {seconds}\r\n")


def _only(request: IncomingRequest, name: str) -> str:
    """Return the value of a header that is there once, else nothing."""
    values = request.headers.get(name, ())
    return values[0] if len(values) == 1 else ""


def _text(text: str, more: str = "") -> Response:
    return Response(200, text.encode(), content_type="text/plain", more=more)
