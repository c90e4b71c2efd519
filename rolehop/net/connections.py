"""botocore's HTTP session, whose exchange in progress can be ended from another thread.

An exchange that ran out of time goes on in its thread. Shutting its connection down ends it on
every layer: TCP, the proxy's tunnel, the TLS handshake, headers, body. Otherwise a slow server
could keep the thread, and the secrets in its request, for as long as it likes.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.httpsession import URLLib3Session

# Headers and body are sent in two segments. With Nagle's algorithm, which botocore leaves on, the
# second one waits some 40 ms for the other side's delayed acknowledgement.
_NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Exchange:
    """The connections that one exchange uses; a context manager in the thread that makes it."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self._ended = False
        self.connected = False
        """A connection stood, through a proxy's tunnel and TLS, so that the request may be sent."""

        self._lock = threading.Lock()

    def __enter__(self) -> None:
        _current.exchange = self

    def __exit__(self, *_: object) -> None:
        _current.exchange = None
        with self._lock:
            while self._handles:
                self._handles.pop().close()

    def uses(self, connection: socket.socket) -> None:
        """Note that the exchange uses ``connection`` from now on."""
        with self._lock:
            # A handle of its own: http.client closes the connection's before it reads the last
            # body, and TLS takes it over.
            self._handles.append(connection.dup())
            if self._ended:
                self._shut_down()

    def end(self) -> None:
        """Shut its connections down, from any thread; what it waits for fails."""
        with self._lock:
            self._ended = True
            self._shut_down()

    def _shut_down(self) -> None:
        for handle in self._handles:
            with suppress(OSError):  # the other side was quicker
                handle.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    exchange: Exchange | None = None


_current = _Current()


class EndableSession(URLLib3Session):  # type: ignore[misc]  # botocore has no types
    """A session of botocore's; what it sends within an `Exchange` can be ended."""

    def __init__(self, **options: Any) -> None:
        super().__init__(socket_options=[_NO_DELAY], **options)
        # botocore shares this mapping with its pool managers, those of proxies included.
        self._pool_classes_by_scheme.update(http=_HttpPool, https=_HttpsPool)


class _NotedConnection:
    """Mixin for botocore's connections that notes each use with the exchange in progress."""

    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        """Open a TCP connection: urllib3's own hook, before any tunnel or TLS."""
        opened: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            self._handle = opened.dup()
            self._note()
        except OSError:  # no more files may be open
            opened.close()
            raise
        return opened

    def connect(self) -> None:
        """Open the connection with all that comes before a request."""
        super().connect()  # type: ignore[misc]
        self._stands()

    def request(self, *arguments: Any, **options: Any) -> Any:
        """Send a request, over a connection that stands already or is opened for it."""
        self._note()
        if self.sock is not None:  # type: ignore[attr-defined]
            self._stands()
        return super().request(*arguments, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _stands(self) -> None:
        if _current.exchange is not None:
            _current.exchange.connected = True

    def _note(self) -> None:
        if _current.exchange is not None and self._handle is not None:
            _current.exchange.uses(self._handle)


class _HttpConnection(_NotedConnection, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _HttpsConnection(_NotedConnection, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpConnection


class _HttpsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpsConnection
