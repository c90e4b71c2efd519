"""A world in which every kind of source leads to a role that may assume the hub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.app.ports import Nobody
from rolehop.aws.net.loopback_pages import OneShotPage
from rolehop.awsconfig import parse_aws_config
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import replace
from rolehop.base.errors import RolehopError
from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.config.model import SourceConfig
from rolehop.sources import SOURCE_TABLES, build_source
from rolehop.sources.context import Document, SourceContext
from tests.doubles.sts_world import Key, Role
from tests.doubles.web import Asked, Service
from tests.support.world import ADMIN, HUB, World, ended, temporary_world

START = "arn:aws:iam::111111111111:role/Start"

CHAIN = f"""
[chains.there]
source = "s"
hops = [{{ role = "{HUB}", duration = "4h" }}, {{ role = "{ADMIN}" }}]
[chains.own]
source = "s"
"""


@contextmanager
def keyless_world() -> Iterator[World]:
    """Give a world whose environment holds no keys."""
    with temporary_world() as world:
        world.more = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        yield world


def role_for(world: World, principal: Mapping[str, str], *actions: str, **more: object) -> Role:
    """Make the role that a source gives; ``actions`` are what ``principal`` may do with it."""
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": list(actions)}],
    }
    role = world.sts.world.role(START, policy=document)
    world.sts.world.role(HUB, trusts=[START], max_session=43_200)
    for name, value in more.items():
        setattr(role, name, value)
    return role


def use(world: World, settings: str) -> None:
    """Let the world's config have the source ``s`` and two chains from it."""
    world.config(f'version = 1\n[defaults]\nsession_name = "me"\n[sources.s]\n{settings}\n{CHAIN}')


def offline_problem(world: World) -> str:
    """Return what plan and source list both say is wrong with the source ``s``, before any call."""
    done = world.rolehop("plan", "there", "--format", "json")
    assert done.code == 0, done.err
    problem = str(done.json["hops"][0]["will_fail"])
    [listed] = world.rolehop("source", "list", "--format", "json").json["sources"]
    assert (listed["state"], listed["problem"]) == ("not ready", problem)
    assert world.sts.calls == []
    return problem


def source_of(world: World) -> SourceConfig:
    """Return the source ``s`` as the loader reads it."""
    config = load_config(
        [world.config_file], explicit=True, read=read_trusted, source_types=SOURCE_TABLES
    )
    return config.sources["s"]


def failure(world: World, environ: Mapping[str, str] | None = None, **more: object) -> RolehopError:
    """Load the source ``s`` in this process and return why that fails."""
    with pytest.raises(RolehopError) as caught:
        build_source(source_of(world), context_of(world, environ, **more)).load()
    return caught.value


class MemoryTokens:
    """A token store in memory."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.generations: dict[str, str] = {}
        self._begun = 0

    def get(self, name: str) -> Document | None:
        return self.documents.get(name)

    def put(self, name: str, document: Document) -> None:
        self.documents[name] = document

    def begin(self, name: str, document: Document) -> str:
        self._begun += 1
        generation = f"generation-{self._begun}"
        self.documents[name] = {**document, "generation": generation}
        self.generations[name] = generation
        return generation

    def remove(self, name: str) -> bool:
        self.generations.pop(name, None)
        return self.documents.pop(name, None) is not None

    def generation(self, name: str) -> str | None:
        return self.generations.get(name)

    def end(self, name: str) -> None:
        del name

    def note_ended(self, name: str, *, ended: bool) -> None:
        del name, ended


class Typist:
    """Somebody at the terminal who answers what they were given."""

    can_ask = True
    has_browser = False

    def __init__(self, *answers: str, picks: str = "") -> None:
        self.answers = list(answers)
        self.picks = picks
        self.asked: list[str] = []

    def say(self, line: str) -> None:
        self.asked.append(line)

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        assert hidden, "a secret would be seen"
        self.asked.append(question)
        return self.answers.pop(0)

    def choose(self, question: str, options: object) -> int:
        assert isinstance(options, list)
        self.asked.extend(options)
        return options.index(self.picks)

    def show(self, *lines: str) -> bool:
        self.asked.extend(lines)
        return True

    def open_browser(self, page: OneShotPage) -> bool:
        return False


def context_of(
    world: World, environ: Mapping[str, str] | None = None, **more: object
) -> SourceContext:
    """Return what the source may use, in this process; nothing of it waits."""
    notes: list[str] = []
    context = SourceContext(
        environ={**world.environ, **(environ or {})},
        aws=parse_aws_config(None, None),
        aws_files=(world.home / "config", world.home / "credentials"),
        keys=_NoKeys(),
        now=lambda: datetime.now(UTC),
        person=Nobody("this is a test"),
        sleep=lambda seconds: None,
        note=notes.append,
    )
    return replace(context, **more)  # type: ignore[arg-type]


class _NoKeys:
    def get(self, name: str) -> None:
        return None

    def access_key_id(self, name: str) -> None:
        return None


def chained_plan(world: World) -> list[int]:
    """Return the planned durations of the chain, in seconds: hop 1 asks for four hours."""
    done = world.rolehop("plan", "there", "--format", "json")
    assert done.code == 0, done.err
    return [hop["duration"] for hop in json.loads(done.out)["hops"]]


def walked(world: World) -> str:
    """Walk the chain and return all that could be seen of it, its files included."""
    done = world.rolehop("--debug", "credential-process", "there")
    assert done.code == 0, done.err
    assert world.sts.roles_called == [HUB, ADMIN]
    durations = [
        call.params["DurationSeconds"] for call in world.sts.calls if call.action == "AssumeRole"
    ]
    assert durations == ["3600", "3600"], "hop 1 is chained"
    return done.err + "".join(_text(path) for path in world.files())


def _text(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


Refuse = Callable[[str], None]


def secret(text: str) -> Secret:
    return Secret(text)


def interrupted(world: World, service: Service, path: str) -> None:
    """Ask for chain own, and let its time be up when ``service`` is about to answer ``path``."""
    started = Future[subprocess.Popen[str]]()

    def interrupt(asked: Asked) -> None:
        if asked.path == path:
            started.result(60).send_signal(signal.SIGALRM)  # the timer's own signal, early

    service.answered = interrupt
    with world.fork("credential-process", "own") as process:
        started.set_result(process)
        done = ended(process)
    assert (done.code, done.out) == (6, ""), done.err
    assert "no session within 54 s" in done.err


def answer(key: Key, **changes: object) -> dict[str, object]:
    """Return what a program of a process source prints; ``None`` leaves a field out."""
    fields: dict[str, object] = {
        "Version": 1,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.token,
        "Expiration": f"{key.expires_at:%Y-%m-%dT%H:%M:%S+00:00}",
        "AccountId": "111111111111",
        "Unknown": {"members": "are ignored"},
    }
    fields |= changes
    return {name: value for name, value in fields.items() if value is not None}


def program(world: World, body: str) -> Path:
    """Let the source ``s`` run a Python program."""
    path = world.folder / "tool"
    path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\n{body}\n")
    path.chmod(0o700)
    use(world, f'type = "process"\ncommand = ["{path}", "an argument", "$HOME"]')
    return path
