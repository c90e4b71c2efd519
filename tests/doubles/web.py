"""A small HTTP service on loopback, the base of doubles of JSON services."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))


@dataclass(frozen=True)
class Reply:
    """One answer; ``json`` or ``text``."""

    status: int = 200
    json: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return (self.text if self.json is None else json.dumps(self.json)).encode()


class Service:
    """A context manager; subclasses implement ``answer``."""

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self._certificate = certificate
        """Certificate and key files, for TLS."""

        self.asked: list[Asked] = []
        self.said: list[tuple[str, Reply | None]] = []
        """The answers of the next requests of a path; ``None``: no answer at all."""

        self.answered: Callable[[Asked], object] = lambda asked: None
        """Called between a request's effect and its answer."""

        self.closing = threading.Event()
        self.lock = threading.RLock()

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def say(self, path: str, reply: Reply | None, times: int = 1) -> None:
        """Answer the next ``times`` requests of ``path`` with ``reply``; ``None``: hang."""
        self.said += [(path, reply)] * times

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; may be called twice."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def handle(self, asked: Asked) -> Reply | None:
        """Record the request and answer it, as injected or by the rules."""
        with self.lock:
            self.asked.append(asked)
            at = next((i for i, (path, _) in enumerate(self.said) if path == asked.path), None)
            if at is not None:
                return self.said.pop(at)[1]
            return self.answer(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # also while this process stands still


def _handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked = Asked(self.command, parts.path, query, headers, self.rfile.read(length))
            reply = service.handle(asked)
            service.answered(asked)
            if reply is None:
                service.closing.wait()
                self.close_connection = True
                return
            body = reply.body
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Handler
