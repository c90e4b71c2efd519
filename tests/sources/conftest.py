"""A home of its own for each test: AWS files, a key store, a clock, and services on loopback."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rolehop.app.ports import Nobody
from rolehop.awsconfig import parse_aws_config
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import RolehopError
from rolehop.config.model import SourceConfig
from rolehop.sources import build_source, expand
from rolehop.sources.context import SourceContext
from tests.doubles.oidc import Issuer
from tests.doubles.sso import Center
from tests.sources.identity_center.corp import Corp
from tests.sources.web_identity.federated import Federated
from tests.support.world import temporary_world

SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"
TOKEN = "IQoJTOKENTOKENTOKEN=="
NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let HOME be the folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@dataclass
class MemoryKeyStore:
    """A key store in memory; ``index`` may have lost what ``items`` has."""

    items: dict[str, Credentials] = field(default_factory=dict)
    index: dict[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def get(self, name: str) -> Credentials | None:
        self.read.append(name)
        return self.items.get(name)

    def access_key_id(self, name: str) -> str | None:
        return self.index.get(name)


@dataclass
class Home:
    """The AWS files of one test, and what is made of them."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)
    chains: dict[str, str] = field(default_factory=dict)
    """Chain name to the AWS profile it starts from."""

    now: datetime = NOW

    def write(self, config: str, credentials: str = "") -> None:
        (self.path / ".aws").mkdir(exist_ok=True)
        (self.path / ".aws" / "config").write_text(config)
        (self.path / ".aws" / "credentials").write_text(credentials)

    def script(self, name: str, body: str) -> Path:
        """Write an executable Python script."""
        path = self.path / name
        path.write_text(f"#!{sys.executable} -I\n{body}")
        path.chmod(0o700)
        return path

    def printing(self, document: Mapping[str, object], *, name: str = "process") -> Path:
        """Write a credential process that prints ``document`` and counts its runs."""
        return self.script(
            name,
            "import os\n"
            f"open({str(self.path / 'runs')!r}, 'a').write('x')\n"
            f"print({json.dumps(document)!r})\n",
        )

    def noting_variables(self, document: Mapping[str, object]) -> Path:
        """Write a credential process that prints ``document`` and notes its environment."""
        return self.script(
            "noting",
            "import json, os\n"
            f"json.dump(dict(os.environ), open({str(self.path / 'variables')!r}, 'w'))\n"
            f"print({json.dumps(document)!r})\n",
        )

    def variables(self) -> dict[str, str]:
        """Return the environment that the process of `noting_variables` had."""
        noted: dict[str, str] = json.loads((self.path / "variables").read_text())
        return noted

    def context(self, keys: MemoryKeyStore | None = None) -> SourceContext:
        config, credentials = (self.path / ".aws" / name for name in ("config", "credentials"))
        return SourceContext(
            environ={
                "PATH": os.environ["PATH"],
                "HOME": str(self.path),
                "AWS_METADATA_SERVICE_TIMEOUT": "60",  # seconds, for a machine that stalls
                **self.environ,
            },
            aws=parse_aws_config(
                config.read_text() if config.exists() else None,
                credentials.read_text() if credentials.exists() else None,
            ),
            aws_files=(config, credentials),
            keys=keys or MemoryKeyStore(),
            now=lambda: self.now,
            person=Nobody("this is a test"),
            source_of_chain=lambda name: (
                self.source(self.chains[name]) if name in self.chains else None
            ),
        )

    def source(self, profile: str, region: str | None = None) -> SourceConfig:
        return SourceConfig("x", "profile", {"profile": profile}, region=region)

    def load(self, profile: str, region: str | None = None) -> Credentials | None:
        """Load the base of ``profile``, as a walk does."""
        context = self.context()
        base, _, _ = expand(self.source(profile, region), context.aws)
        return build_source(base, context).load()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def key_store() -> MemoryKeyStore:
    return MemoryKeyStore(items={"alice": Credentials("AKIAALICE", Secret(SECRET))})


@pytest.fixture
def tells_no_secret() -> Callable[[RolehopError], None]:
    """Search all that could be printed of an error, its traceback included, for secrets."""

    def search(error: RolehopError) -> None:
        shown = "".join(traceback.format_exception(error))
        shown += repr([error.what, error.cause, error.fix, error.args])
        assert SECRET not in shown
        assert TOKEN not in shown

    return search


Answer = tuple[int, str]
Answers = Callable[[str, str, Mapping[str, str]], Answer]


@dataclass
class Loopback:
    """One HTTP server on loopback; ``answers`` maps method, path and headers to an answer."""

    url: str
    answers: list[Answers] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    found: Loopback

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append((self.command, self.path, headers))
            status, text = found.answers[0](self.command, self.path, headers)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Loopback(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def corp() -> Iterator[Corp]:
    """A world with an Identity Center."""
    with temporary_world() as world, Center(world.sts) as center:
        yield Corp(world, center)


@pytest.fixture
def federated() -> Iterator[Federated]:
    """A world with an OpenID Connect provider."""
    with temporary_world() as world, Issuer() as issuer:
        yield Federated(world, issuer)
