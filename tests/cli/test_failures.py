"""Messages and exit codes of failed walks, and no secret anywhere afterwards."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from tests.cli.failures import FAILURES, Failure
from tests.support.secrets import Watch, found_in, leaks, watched
from tests.support.world import CONFIG, World, ended

EVERY = pytest.mark.parametrize("failure", FAILURES, ids=str)


@EVERY
def test_a_failure_says_what_and_why_and_prints_nothing_on_stdout(
    world: World, failure: Failure
) -> None:
    env = {"AWS_REGION": "eu-west-1", **(failure.arrange(world) or {})}
    done = world.rolehop("credential-process", failure.chain, env=env)
    assert (done.code, done.out) == (failure.code, ""), done.err
    error_text = " ".join(done.err.split())
    assert done.err.startswith("rolehop: ")
    assert [words for words in failure.words if words not in error_text] == [], done.err
    assert "Traceback" not in done.err
    if failure.calls is not None:
        assert len(world.sts.calls) == failure.calls


@EVERY
def test_no_secret_is_anywhere_after_a_failure_with_debug(world: World, failure: Failure) -> None:
    env = {"AWS_REGION": "eu-west-1", **(failure.arrange(world) or {})}
    done = world.rolehop("--debug", "assume", failure.chain, env=env)
    assert (done.code, done.out) == (failure.code, "false\n"), done.err
    # What programs get that are started, and every other command: tests/planted.
    assert leaks(world, done, Watch(), failure.codes) == {}


@pytest.mark.parametrize("chain", ["admin", "own"])
def test_no_secret_is_anywhere_after_a_walk_with_debug(world: World, chain: str) -> None:
    done, watch = watched(world, "credential-process", chain, "--debug", env={})
    assert done.code == 0, done.err
    assert leaks(world, done, watch) == {}
    # The log is useful.
    assert "rolehop.vault.storage: the keyring is tests.doubles.keyrings.FileBacked" in done.err
    assert re.search(r"rolehop\.vault\.locks: hold lock \w+", done.err)
    assert re.search(r"rolehop\.aws\.query_api: \w+ at 127\.0\.0\.1:\d+: .*200", done.err)
    # And the search does find secrets.
    assert found_in(done.out, world) != []


def test_no_secret_is_in_a_lock_while_it_is_held(world: World) -> None:
    with world.sts.held(), world.fork("credential-process", "admin") as process:
        world.sts.wait_for_calls()
        texts = [path.read_bytes().decode("latin-1") for path in world.state.glob("locks/*")]
        world.sts.let_go()
        assert ended(process).code == 0
    assert len(texts) == 2
    assert [found_in(text, world) for text in texts] == [[], []]


def test_a_child_gets_the_session_and_nothing_else_that_is_secret(world: World) -> None:
    done, watch = watched(world, "exec", "admin", "--", "env", env={"ROLEHOP_MFA_CODE": "987654"})
    last = world.sts.world.keys[dict(re.findall(r"(\w+)=(.*)", done.out))["AWS_ACCESS_KEY_ID"]]
    assert last.arn.endswith("assumed-role/Admin/me")
    own = {
        secret
        for text in (last.secret, last.token or "")
        for secret in (text[:24], quote(text[:24], safe=""))
    }
    assert set(found_in(done.out, world, ("987654",))) <= own
    assert leaks(world, done, watch) == {}


def test_every_exit_code_of_the_table_is_among_the_failures() -> None:
    # 2 and 130 have tests of their own; 1 is an unexpected exception.
    assert {failure.code for failure in FAILURES} == {3, 4, 5, 6, 7, 8}


USAGE = [
    ("credential-process",),
    ("credential-process", "hub", "admin"),
    ("credential-process", "hub", "--min-ttl", "soon"),
    ("credential-process", "hub", "--nonsense"),
    ("credentials-process", "hub"),
    ("export", "hub", "--format", "xml"),
    ("export", "hub", "--format", "json", "--duration", "13h"),
    ("exec", "hub"),
    ("logout",),
    ("logout", "hub", "--all"),
    ("refresh",),
    ("plan",),
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_usage_error_is_2_and_names_the_help_command(
    shared_world: World, arguments: tuple[str, ...]
) -> None:
    done = shared_world.rolehop(*arguments)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.startswith(("rolehop: ", "{")), done.err
    assert shared_world.sts.calls == []


@pytest.mark.parametrize("style", ["json", "dotenv", "ini", "docker-env"])
def test_other_formats_print_nothing_on_failure(shared_world: World, style: str) -> None:
    done = shared_world.rolehop("export", "admn", "--format", style)
    assert (done.code, done.out) == (3, "")


def test_a_failure_as_json_has_every_key(world: World) -> None:
    world.sts.world.role("arn:aws:iam::333333333333:role/Admin", trusts=[])
    done = world.rolehop("export", "admin", "--format", "json", "-q")
    assert (done.code, done.out) == (5, "")
    document = json.loads(done.err)
    assert list(document) == ["schema", "code", "what", "cause", "fix", "chain", "hop"]
    assert (document["schema"], document["code"], document["chain"], document["hop"]) == (
        "rolehop.error/1",
        5,
        "admin",
        2,
    )


@pytest.mark.parametrize("command", ["export", "plan", "whoami"])
@pytest.mark.parametrize(
    ("chain", "more", "aws", "code"),
    [
        ("mine", 'type = "profile"\nprofile = "gone"', "", 4),
        ("mine", 'type = "process"\ncommand = "rolehop credential-process mine"', "", 4),
        ("mine", 'type = "nothing"', "", 3),
        ("admin", 'type = "keys"', "a line before any section\n", 3),
    ],
    ids=["no-profile", "a-loop", "broken-config", "broken-aws-config"],
)
def test_a_failure_before_there_is_a_plan_names_its_chain_too(
    world: World, command: str, chain: str, more: str, aws: str, code: int
) -> None:
    world.config(f'{CONFIG}[sources.s]\n{more}\n[chains.mine]\nsource = "s"\n')
    world.aws_config(aws)
    done = world.rolehop(command, chain, "--format", "json")
    assert done.code == code
    assert json.loads(done.err)["chain"] == chain


def test_temporary_failures_are_retried(world: World) -> None:
    world.sts.throttle(1)
    world.sts.drop(1)
    done = world.rolehop("credential-process", "hub")
    assert done.code == 0, done.err
    assert [call.refused for call in world.sts.calls] == ["Throttling", "drop", ""]


def test_a_closed_pipe_gives_no_traceback(world: World) -> None:
    done = world.run("bash", "-c", "set -o pipefail; rolehop config reference | true")
    assert "Traceback" not in done.err
