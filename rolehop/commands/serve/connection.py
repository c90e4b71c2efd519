"""One connection of the endpoint: what came in, what goes out, and until when it may take."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection

from rolehop.endpoint.requests import BadRequest, IncomingRequest, take_request
from rolehop.endpoint.responses import Response, refusal

Answer = Callable[[IncomingRequest, Collection[str]], "Response | None"]
"""Answers a request that came to one of some hosts; ``None``: the answer is known in a moment."""

# Seconds.
HEAD_SECONDS = 5.0
"""For a whole request, from its first byte, and for a first one: against slow senders."""
WRITE_SECONDS = 5.0
IDLE_SECONDS = 60.0
"""Until the next request."""
HOLD_SECONDS = 0.9
"""For an answer that is known in a moment; the SDK for JavaScript waits one second."""
_DRAIN_SECONDS = 1.0
"""For the client to read the last answer before the connection is closed."""

_CHUNK = 16 * 1024
_MOST_OUT = 64 * 1024


class Connection:
    """One client's connection; every method returns at once.

    Attributes:
        deadline: when its time is up (`time.monotonic`).
        has_token: a request on it had the token.
        held: the request whose answer is known in a moment, if there is one.
        is_over: nothing is left to do but to close it.
    """

    __slots__ = (
        "_hosts",
        "_in",
        "_last",
        "_out",
        "_socket",
        "deadline",
        "has_token",
        "held",
        "is_over",
    )

    def __init__(self, client: socket.socket, hosts: Collection[str]) -> None:
        client.setblocking(False)
        self._socket = client
        self._hosts = hosts
        self._in = bytearray()
        self._out = bytearray()
        self._last = False  # no answer follows those in _out
        self.deadline = time.monotonic() + HEAD_SECONDS
        self.has_token = False
        self.held: IncomingRequest | None = None
        self.is_over = False

    @property
    def is_idle(self) -> bool:
        """True between two requests."""
        return not (self._in or self._out or self.held or self._last)

    @property
    def wants_to_read(self) -> bool:
        """True if more can be taken in now."""
        return self.held is None and len(self._out) < _MOST_OUT

    @property
    def wants_to_write(self) -> bool:
        """True if something has to go out."""
        return bool(self._out)

    def close(self) -> None:
        """Close it; what was not sent is lost."""
        self._socket.close()

    def read(self, answer: Answer) -> None:
        """Take in what has come, and answer each request that is complete."""
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.is_over = True
        elif not self._last:  # else the client is still sending what was refused
            if not self._in:
                self.deadline = time.monotonic() + HEAD_SECONDS
            self._in += data
            self.advance(answer)

    def advance(self, answer: Answer) -> None:
        """Answer the held request if that is possible now, then those that have come since."""
        try:
            while not self._last and self._has_room():
                request = self.held or take_request(self._in)
                if request is None:
                    break
                response = answer(request, self._hosts)
                self.has_token |= response is None or not response.is_public
                if response is None:
                    if self.held is None:
                        self.held = request
                        self.deadline = time.monotonic() + HOLD_SECONDS
                    break
                self.held = None
                self._put(
                    response,
                    stays_open=request.stays_open and not request.has_body,
                    has_body=request.method != "HEAD",
                )
        except BadRequest as error:
            self.refuse(error.status)
        self.send()

    def _has_room(self) -> bool:
        """True if one more answer can be put behind those that were not sent yet."""
        if len(self._out) >= _MOST_OUT:
            self.send()  # no event comes later for what goes out whole now
        return len(self._out) < _MOST_OUT and not self.is_over

    def refuse(self, status: int) -> None:
        """Answer with an error, after which nothing more is read."""
        self._put(refusal(status), stays_open=False)

    def _put(self, response: Response, *, stays_open: bool, has_body: bool = True) -> None:
        self._out += response.as_bytes(stays_open=stays_open, has_body=has_body)
        self._last = not stays_open
        if self._last:
            self._in.clear()

    def send(self) -> None:
        """Send what can be sent now."""
        if not self._out:
            return
        try:
            sent = self._socket.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.is_over = True
            return
        del self._out[:sent]
        now = time.monotonic()
        if self.held is not None:
            return  # its answer has a deadline of its own
        if self._out:
            self.deadline = now + WRITE_SECONDS
        elif self._last:
            # Closed at once, a connection with unread bytes is reset, and the answer lost.
            self.deadline = now + _DRAIN_SECONDS
            self._end_sending()
        else:
            self.deadline = now + (HEAD_SECONDS if self._in else IDLE_SECONDS)

    def _end_sending(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_over = True
