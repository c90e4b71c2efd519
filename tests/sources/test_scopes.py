"""Every type of source, without a hop: what it gives is narrowed or refused, and never handed out whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from rolehop.config.read_only_policy import READ_ONLY_POLICY
from rolehop.sources import SOURCE_TYPES
from tests.doubles.metadata import Imds
from tests.doubles.sts import StrictSts
from tests.doubles.sts_params import Refused
from tests.doubles.sts_world import Key
from tests.planted.plant import SOURCES, START, planted
from tests.support.world import Done, World, temporary_world

POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'

KINDS = {
    "read-only": (("--read-only",), (READ_ONLY_POLICY,)),
    "policy": (("--session-policy", "p.json"), (POLICY,)),
    "duration": (("--duration", "15m"), ()),
    "two": (("--read-only", "--duration", "20m"), (READ_ONLY_POLICY,)),
}
"""The flags that make a scope, and the policies of the session that is handed out."""

NAMES = (*(each for each in SOURCES if each != "coded"), "profile", "machine")
"""The sources of the planted world, and two more."""

_MORE = """\
[sources.profile]
type = "profile"
profile = "alice"
[sources.machine]
type = "instance"
"""


@dataclass
class Scoped:
    """The world, and what its AWS does."""

    world: World
    machine: Imds

    @property
    def sts(self) -> StrictSts:
        return self.world.sts

    def export(self, source: str, *flags: str, **env: str | None) -> Done:
        command = ("export", f"own-{source}", "--format", "json", *flags)
        return self.world.rolehop(*command, env=env)

    def key(self, done: Done) -> Key:
        """The session that was handed out, as AWS knows it."""
        assert done.code == 0, done.err
        return self.sts.world.keys[json.loads(done.out)["AccessKeyId"]]


@pytest.fixture(scope="module")
def scoped() -> Iterator[Scoped]:
    with ExitStack() as stack:
        world = stack.enter_context(temporary_world())
        stack.enter_context(planted(world))
        start = world.sts.world.roles[START]
        machine = stack.enter_context(Imds(world.sts.world, start))
        world.more["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = machine.url
        chains = "".join(f"[chains.own-{name}]\nsource = '{name}'\n" for name in NAMES)
        world.config(world.config_file.read_text() + _MORE + chains)
        (world.home / "p.json").write_text(POLICY)
        keys = "".join(f"{k.lower()} = {v}\n" for k, v in world.alice.environ.items())
        world.aws_credentials(f"[alice]\n{keys}")
        yield Scoped(world, machine)


def test_every_type_of_source_is_here(scoped: Scoped) -> None:
    text = scoped.world.config_file.read_text()
    assert [each for each in SOURCE_TYPES if f'type = "{each}"' not in text] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", NAMES)
def test_it_is_narrowed(scoped: Scoped, source: str, kind: str) -> None:
    flags, layers = KINDS[kind]
    first = scoped.export(source, *flags)
    key = scoped.key(first)
    assert (key.scoped, key.layers) == (1, layers)
    # From the keyring: the same, but where only AWS, or the machine, says whose session it is.
    again = scoped.key(scoped.export(source, *flags))
    assert (again.scoped, again.layers) == (1, layers)


def test_less_time_than_asked_for_is_said(scoped: Scoped) -> None:
    """How long the container's session lasts is not known before it is loaded."""
    done = scoped.world.rolehop("exec", "own-pod", "--duration", "11h", "--", "true")
    assert done.code == 0
    said = " ".join(done.err.split())
    assert "scope: 11 h asked, 5 h 5" in said, said
    assert "given: a scope lasts no longer than the session it narrows" in said
    less = scoped.world.rolehop("exec", "own-pod", "--duration", "20m", "--", "true")
    assert "asked" not in less.err


ERRORS = {
    "not served": Refused("InvalidAction", "Could not find operation GetScopedCredentials"),
    "no session": Refused("InvalidSubjectCredentials", "The subject is not resolvable."),
    "too long": Refused("InsufficientSessionLifetime", "more than is left"),
    "malformed": Refused("MalformedPolicyDocument", "Syntax errors in policy."),
    "too large": Refused("PackedPolicyTooLarge", "5000 bytes exceed 4096 bytes"),
    "fourth": Refused("AccessDenied", "The session has 3 scoped policies, the limit.", 403),
    "denied": Refused(
        "AccessDenied",
        "User: me is not authorized to perform: sts:GetScopedCredentials with an explicit deny in"
        " a service control policy",
        403,
    ),
    "fault": Refused("InternalFailure", "try again", 500),
    "the whole": None,
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("source", NAMES)
def test_it_is_refused_and_nothing_is_handed_out(scoped: Scoped, source: str, error: str) -> None:
    """The kinds of scope take turns: the walk's own tests have every one with every error."""
    at = NAMES.index(source) + list(ERRORS).index(error)
    flags = [*KINDS.values()][at % len(KINDS)][0]
    refused, known = ERRORS[error], set(scoped.sts.world.keys)
    try:
        if refused is None:
            scoped.sts.echoes.add("GetScopedCredentials")
        else:
            scoped.sts.refusing["GetScopedCredentials"] = refused
        # Another reason is another scope, so none is in the keyring.
        done = scoped.export(source, *flags, "--reason", f"{error} {source}")
    finally:
        scoped.sts.echoes.clear()
        scoped.sts.refusing.clear()
    assert (done.code, done.out) == (6 if error in ("fault", "the whole") else 5, ""), done
    assert "hands out nothing" in done.err or error in ("fault", "the whole")
    assert not [key for key in known if key in done.err]


def test_the_global_endpoint_is_an_error_before_any_call(scoped: Scoped) -> None:
    calls = len(scoped.sts.calls)
    done = scoped.export("pod", "--read-only", AWS_ENDPOINT_URL_STS="https://sts.amazonaws.com")
    assert (done.code, done.out) == (3, ""), done
    assert "global" in done.err
    assert len(scoped.sts.calls) == calls
