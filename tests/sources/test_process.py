"""Another tool's credential_process, real programs all of them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolehop.errors import RolehopError, SourceError
from rolehop.handover.child import OWN_SECRETS
from rolehop.plan import Stamp
from rolehop.sources import build_source, programs, stamp_of
from rolehop.sources.programs import environment_of_program, output_of
from tests.cli.world import SCRIPT, World
from tests.doubles.metadata import session_of
from tests.doubles.sts_world import Key
from tests.sources.machines import chained_plan, inputs_of, role_for, source_of, use, walked


@pytest.fixture
def world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
    ):
        yield world


@pytest.fixture
def key(world: World) -> Key:
    """The session that the other tool has."""
    role = role_for(world, {"AWS": "*"}, "sts:AssumeRole")
    return session_of(world.sts.world, role, "tool")


def answer(key: Key, **changes: object) -> dict[str, object]:
    told: dict[str, object] = {
        "Version": 1,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.token,
        "Expiration": f"{key.expires_at:%Y-%m-%dT%H:%M:%S+00:00}",
        "AccountId": "111111111111",
        "Unknown": {"members": "are ignored"},
    }
    told |= changes
    return {name: value for name, value in told.items() if value is not None}


def program(world: World, body: str) -> Path:
    path = world.folder / "tool"
    path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\n{body}\n")
    path.chmod(0o700)
    use(world, f'type = "process"\ncommand = ["{path}", "an argument", "$HOME"]')
    return path


def printing(world: World, text: str) -> None:
    (world.home / "runs").unlink(missing_ok=True)
    program(
        world,
        f"open({str(world.home / 'runs')!r}, 'a').write(repr(sys.argv[1:]) + chr(10))\n"
        f"print({text!r})",
    )


def failure(world: World, environ: dict[str, str] | None = None) -> RolehopError:
    with pytest.raises(RolehopError) as caught:
        build_source(source_of(world), inputs_of(world, environ)).load()
    return caught.value


class TestProcess:
    def test_its_session_signs_the_next_hop_and_no_secret_is_seen(
        self, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key), indent=2))
        assert chained_plan(world) == [3600, 3600]
        seen = walked(world)
        assert world.sts.calls[0].signer == key.arn
        assert key.secret not in seen
        assert str(key.token) not in seen

    def test_no_shell_reads_its_arguments_and_its_session_is_kept(
        self, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key)))
        for _ in range(2):
            assert world.rolehop("credential-process", "own").code == 0
        assert (world.home / "runs").read_text() == "['an argument', '$HOME']\n"

    def test_its_stamp_is_its_definition(self, world: World, key: Key) -> None:
        printing(world, "{}")
        stamp = stamp_of(source_of(world), inputs_of(world))
        assert stamp == Stamp("process", long_lived=False, kept=True)

    @pytest.mark.parametrize(
        ("changes", "cause"),
        [
            ({"Version": "1"}, "Version must be the number 1"),
            ({"Version": True}, "Version must be the number 1"),
            ({"Version": 2}, "Version must be the number 1"),
            ({"Version": None}, "Version must be the number 1"),
            ({"AccessKeyId": None}, "AccessKeyId is missing"),
            ({"AccessKeyId": "short"}, "AccessKeyId is no access key ID"),
            ({"SecretAccessKey": ""}, "SecretAccessKey is empty"),
            ({"SessionToken": ""}, "SessionToken is empty"),
            ({"SessionToken": "two\nlines"}, "SessionToken holds characters that cannot be sent"),
            ({"Expiration": "2126-08-01T12:00:00"}, "Expiration names no time zone"),
            ({"Expiration": 4941262800}, "Expiration is no text"),
        ],
    )
    def test_its_answer_is_held_to_the_contract(
        self, changes: dict[str, object], cause: str, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key, **changes)))
        error = failure(world)
        assert (error.exit_code, error.cause) == (4, cause)
        assert key.secret not in f"{error.what}{error.cause}{error.fix}"

    @pytest.mark.parametrize("text", ["", "signed in!", "[]", "null", '{"Version": 1} {}'])
    def test_what_is_no_json_object_is_not_quoted(self, text: str, world: World, key: Key) -> None:
        printing(world, text)
        assert failure(world).cause == "it is no JSON object"

    def test_expired_credentials_are_told(self, world: World, key: Key) -> None:
        printing(world, json.dumps(answer(key, Expiration="2020-01-01T00:00:00Z")))
        assert failure(world).cause == "they ended at 2020-01-01T00:00:00Z"

    def test_its_stderr_is_passed_on_without_control_characters(
        self, world: World, key: Key
    ) -> None:
        text = json.dumps(answer(key))
        program(world, f"print('\\x1b[31mtouch the key\\x07', file=sys.stderr)\nprint({text!r})")
        done = world.rolehop("credential-process", "own")
        assert done.code == 0
        assert "rolehop: [31mtouch the key\n" in done.err

    def test_a_failure_is_told_in_its_own_words(self, world: World, key: Key) -> None:
        program(world, "print('no ticket: sign in first', file=sys.stderr)\nsys.exit(3)")
        error = failure(world)
        assert error.what == "the process of source 's' failed"
        assert error.cause == "no ticket: sign in first"

    def test_a_failure_without_a_word_names_the_code(self, world: World, key: Key) -> None:
        path = program(world, "sys.exit(3)")
        assert failure(world).cause == f"{path} ended with code 3"

    def test_a_program_that_is_not_there_is_absent(self, world: World, key: Key) -> None:
        use(world, 'type = "process"\ncommand = ["/nonexistent/tool", "secret-argument"]')
        error = failure(world)
        assert error.what == "the process of source 's' cannot be started"
        assert error.cause == "/nonexistent/tool: no such file or directory"
        assert "secret-argument" not in f"{error.what}{error.cause}{error.fix}"

    def test_a_program_that_hangs_is_stopped(
        self, world: World, key: Key, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(programs, "DEADLINE", 0.5)
        program(world, "time.sleep(60)")
        error = failure(world)
        assert error.what == "the process of source 's' did not finish"
        assert "ran for 0.5 s and was stopped" in str(error.cause)

    def test_a_program_that_prints_without_end_is_stopped(self, world: World, key: Key) -> None:
        program(world, "while True: sys.stdout.write('x' * 65536)")
        assert failure(world).what == "the process of source 's' prints far too much"

    def test_it_gets_the_users_variables_and_none_of_our_secrets(self, world: World) -> None:
        seen = world.home / "seen"
        program(world, f"json.dump(dict(os.environ), open({str(seen)!r}, 'w'))\nprint('{{}}')")
        failure(world, {"ROLEHOP_MFA_CODE": "123456", "AWS_PROFILE": "tool", "ROLEHOP_CONFIG": "c"})
        environ = json.loads(seen.read_text())
        assert environ["AWS_ACCESS_KEY_ID"] == world.alice.key.access_key_id
        assert (environ["AWS_PROFILE"], environ["ROLEHOP_CONFIG"]) == ("tool", "c")
        assert "ROLEHOP_MFA_CODE" not in environ
        assert environ["ROLEHOP_RESOLVING"] == "source%3As"

    def test_a_session_of_rolehops_own_is_no_variable_of_the_users(self) -> None:
        own = {"ROLEHOP_CHAIN": "x", "AWS_SESSION_TOKEN": "t", "AWS_ACCESS_KEY_ID": "k"}
        assert environment_of_program(own) == {"ROLEHOP_CHAIN": "x"}

    @pytest.mark.parametrize("end", OWN_SECRETS)
    def test_the_same_secrets_are_kept_from_it_as_from_other_children(self, end: str) -> None:
        assert environment_of_program({f"ROLEHOP_X_{end}": "x", "X": "y"}) == {"X": "y"}

    def test_a_process_that_is_rolehop_for_the_same_chain_is_a_loop(self, world: World) -> None:
        script = world.home / "hidden"
        script.write_text(f"#!/bin/sh\nexec {SCRIPT} credential-process there\n")
        script.chmod(0o700)
        use(world, f'type = "process"\ncommand = ["{script}"]')
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        assert "source 's' -> source 's'" in done.err
        assert world.sts.calls == []


class TestPrograms:
    def test_a_child_that_keeps_the_pipe_open_holds_nobody_up(self) -> None:
        script = "sleep 30 & echo done"
        said = output_of(["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, what="x", say=print)
        assert said == b"done\n"

    def test_an_empty_command_is_no_program(self) -> None:
        with pytest.raises(SourceError, match="cannot be started"):
            output_of([""], {}, what="x", say=print)
