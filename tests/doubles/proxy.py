"""A proxy on loopback: forwards plain requests, tunnels CONNECT, and remembers what it saw."""

from __future__ import annotations

import http.client
import select
import socket
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self


@dataclass
class ProxyDouble:
    """A context manager. ``wants`` is the Proxy-Authorization it asks for, if any."""

    wants: str | None = None
    routes: dict[str, str] = field(default_factory=dict)
    """Where a tunnel to ``host:port`` leads instead."""

    seen: list[str] = field(default_factory=list)
    """``POST http://…`` and ``CONNECT host:port``, in order, refused ones included."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self})
        )
        self._server.daemon_threads = False
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    proxy: ProxyDouble

    def do_POST(self) -> None:
        if not self._admitted():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        host, path = self.path.removeprefix("http://").split("/", 1)
        with closing(http.client.HTTPConnection(host, timeout=60)) as onward:
            headers = {k: v for k, v in self.headers.items() if not k.startswith("Proxy-")}
            onward.request("POST", f"/{path}", body, headers)
            answer = onward.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_CONNECT(self) -> None:
        if not self._admitted():
            return
        host, port = self.proxy.routes.get(self.path, self.path).rsplit(":", 1)
        with closing(socket.create_connection((host, int(port)), timeout=60)) as onward:
            self.send_response(200)
            self.end_headers()
            self._pump(onward)
        self.close_connection = True

    def _pump(self, onward: socket.socket) -> None:
        pair = {self.connection: onward, onward: self.connection}
        with suppress(OSError):
            while True:
                for ready in select.select(list(pair), [], [], 5)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready].sendall(data)

    def _admitted(self) -> bool:
        self.proxy.seen.append(f"{self.command} {self.path}")
        wanted = self.proxy.wants
        if wanted is None or self.headers.get("Proxy-Authorization") == wanted:
            return True
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, format: str, *args: Any) -> None:
        pass
