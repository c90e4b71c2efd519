"""The instance metadata service of EC2, version 2, for programs that ask nothing else.

It is weaker than the container protocol: whoever reaches the port gets a token, so every user of
this machine gets the session. Version 1 is not served (Amazon EC2 User Guide, "Use the Instance
Metadata Service"): a page in a browser can send no PUT with a header to another origin unasked.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from rolehop.endpoint.requests import IncomingRequest
from rolehop.endpoint.responses import Response, refusal
from rolehop.endpoint.rules import ChainAnswers, SessionForm, asked_for, path_of

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
            return _text(path_of(self._chain).rpartition("/")[2])
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
