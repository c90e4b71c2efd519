"""Another tool's credential_process, real programs all of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.base.errors import SourceError
from rolehop.handover.environment import OWN_SECRETS
from rolehop.plan.model import Stamp
from rolehop.sources import programs, stamp_of
from rolehop.sources.program_state import program_state
from rolehop.sources.programs import program_environment, program_output
from tests.doubles.metadata import session_of
from tests.doubles.sts_world import Key
from tests.sources.machines import (
    answer,
    chained_plan,
    context_of,
    failure,
    program,
    role_for,
    source_of,
    use,
    walked,
)
from tests.support.world import HUB, MFA_SERIAL, SCRIPT, World


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


def keys_of(world: World) -> dict[str, object]:
    """Return what a process prints that has an IAM user's own keys."""
    key = world.alice.key
    fields = {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret}
    return {"Version": 1, **fields}


def printing(world: World, text: str) -> None:
    (world.home / "runs").unlink(missing_ok=True)
    program(
        world,
        f"open({str(world.home / 'runs')!r}, 'a').write(repr(sys.argv[1:]) + chr(10))\n"
        f"print({text!r})",
    )


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

    def test_no_shell_reads_its_arguments_and_its_session_is_stored(
        self, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key)))
        for _ in range(2):
            assert world.rolehop("credential-process", "own").code == 0
        assert (world.home / "runs").read_text() == "['an argument', '$HOME']\n"

    def test_two_configs_with_a_program_of_their_own_share_no_session(
        self, world: World, key: Key
    ) -> None:
        assert key.role is not None
        other = session_of(world.sts.world, key.role, "other")
        for name, session in (("one", key), ("two", other)):
            folder = world.home / name
            folder.mkdir()
            (folder / "login").write_text(f"#!/bin/sh\necho '{json.dumps(answer(session))}'\n")
            (folder / "login").chmod(0o700)
            (folder / "c.toml").write_text(
                'version = 1\n[sources.s]\ntype = "process"\ncommand = ["./login"]\n'
                '[chains.own]\nsource = "s"\n'
            )

        def key_id(name: str) -> object:
            config = str(world.home / name / "c.toml")
            done = world.rolehop("--config", config, "credential-process", "own")
            assert done.code == 0, done.err
            return done.json["AccessKeyId"]

        assert key_id("one") == key.access_key_id
        assert key_id("two") == other.access_key_id
        assert key_id("one") == key.access_key_id

    def test_its_session_is_that_of_the_profile_that_it_inherits(
        self, world: World, key: Key
    ) -> None:
        assert key.role is not None
        other = session_of(world.sts.world, key.role, "other")
        text = {"": json.dumps(answer(key)), "x": json.dumps(answer(other))}
        program(world, f"import os\nprint({text!r}[os.environ.get('AWS_PROFILE', '')])")
        for name, session in (("", key), ("x", other), ("", key)):
            done = world.rolehop("credential-process", "own", env={"AWS_PROFILE": name or None})
            assert done.json["AccessKeyId"] == session.access_key_id

    def test_its_stamp_is_what_can_be_seen_of_it(self, world: World, key: Key) -> None:
        printing(world, "{}")
        source, context = source_of(world), context_of(world)
        state = program_state(source.settings["command"], context)  # type: ignore[arg-type]
        assert stamp_of(source, context) == Stamp(
            state, long_lived=False, stored=True, may_be_keys=True
        )

    @pytest.mark.parametrize(
        ("changes", "cause"),
        [
            ({"Version": "1"}, "Version must be the number 1"),
            ({"Version": True}, "Version must be the number 1"),
            ({"Version": 2}, "Version must be the number 1"),
            ({"Version": None}, "Version must be the number 1"),
            ({"AccessKeyId": None}, "AccessKeyId is missing"),
            ({"AccessKeyId": "short"}, "AccessKeyId is not an access key ID"),
            ({"SecretAccessKey": ""}, "SecretAccessKey is empty"),
            ({"SessionToken": ""}, "SessionToken is empty"),
            ({"SessionToken": "two\nlines"}, "SessionToken holds characters that cannot be sent"),
            ({"Expiration": "2126-08-01T12:00:00"}, "Expiration has no time zone"),
            ({"Expiration": 4941262800}, "Expiration is not text"),
        ],
    )
    def test_its_answer_must_follow_the_contract(
        self, changes: dict[str, object], cause: str, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key, **changes)))
        error = failure(world)
        assert (error.exit_code, error.cause) == (4, cause)
        assert key.secret not in f"{error.what}{error.cause}{error.fix}"

    @pytest.mark.parametrize("text", ["signed in!", "[]", "null", '{"Version": 1} {}'])
    def test_what_is_no_json_object_is_not_quoted(self, text: str, world: World, key: Key) -> None:
        printing(world, text)
        assert failure(world).cause == "it is not a JSON object"

    def test_a_program_that_prints_nothing_is_reported(self, world: World, key: Key) -> None:
        printing(world, "")
        assert failure(world).cause == "it printed nothing"

    def test_expired_credentials_are_reported(self, world: World, key: Key) -> None:
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

    def test_a_failure_is_reported_with_its_own_message(self, world: World, key: Key) -> None:
        program(world, "print('no ticket here: run kinit', file=sys.stderr)\nsys.exit(3)")
        error = failure(world)
        assert error.what == "the process of source 's' failed"
        assert error.cause == "no ticket here: run kinit"

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
        assert failure(world).what == "the process of source 's' printed far too much"

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
        assert program_environment(own) == {"ROLEHOP_CHAIN": "x"}

    @pytest.mark.parametrize("end", OWN_SECRETS)
    def test_the_same_secrets_are_withheld_from_it_as_from_other_children(self, end: str) -> None:
        assert program_environment({f"ROLEHOP_X_{end}": "x", "X": "y"}) == {"X": "y"}

    def test_a_process_that_is_rolehop_for_the_same_chain_is_a_loop(self, world: World) -> None:
        script = world.home / "hidden"
        script.write_text(f"#!/bin/sh\nexec {SCRIPT} credential-process there\n")
        script.chmod(0o700)
        use(world, f'type = "process"\ncommand = ["{script}"]')
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        loop = "the process of source 's' leads back to itself: source 's' -> source 's'"
        assert done.err.splitlines()[-2:] == [
            f"  cause  {loop}",
            f"  try    run {script} by hand, then correct the config",
        ]
        assert world.sts.calls == []

    @pytest.mark.parametrize("chain", ["there", "own"])
    def test_a_command_that_is_rolehop_is_read_before_it_runs(
        self, world: World, chain: str
    ) -> None:
        use(world, f'type = "process"\ncommand = "rolehop credential-process {chain}"')
        loop = f"source 's' -> chain '{chain}' -> source 's'"
        for command in (("plan", "there"), ("credential-process", "own"), ("source", "test", "s")):
            done = world.rolehop(*command)
            assert (done.code, loop in done.err) == (4, True), done.err
        (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
        assert row["problem"] == "the process of source 's' leads back to itself"

    def test_a_loop_through_a_profile_and_another_source_is_shown_whole(self, world: World) -> None:
        use(world, 'type = "process"\ncommand = "rolehop credential-process other"')
        config = world.config_file.read_text()
        other = '[sources.o]\ntype = "profile"\nprofile = "p"\n[chains.other]\nsource = "o"\n'
        world.config_file.write_text(config + other)
        installed = "/v/python -IS /v/launcher.py /v/rolehop credential-process own"
        world.aws_config(f"[profile p]\ncredential_process = {installed}\n")
        done = world.rolehop("plan", "there")
        assert done.code == 4
        loop = "source 's' -> chain 'other' -> profile 'p' -> chain 'own' -> source 's'"
        assert f"cause  {loop}" in done.err

    def test_iam_user_keys_are_never_handed_out(self, world: World) -> None:
        printing(world, json.dumps(keys_of(world)))
        for _ in range(2):
            done = world.rolehop("credential-process", "own")
            assert done.code == 0, done.err
            assert done.json["AccessKeyId"] != world.alice.key.access_key_id
            assert done.json["SessionToken"]
        assert [call.action for call in world.sts.calls] == ["GetSessionToken", "GetCallerIdentity"]
        assert (world.home / "runs").read_text().count("argument") == 1

    def test_the_plan_holds_for_iam_user_keys_too(self, world: World) -> None:
        world.sts.world.role(HUB, trusts=[world.alice.arn], max_session=43_200)
        printing(world, json.dumps(keys_of(world)))
        hops = world.rolehop("plan", "there", "--format", "json").json["hops"]
        assert any("GetSessionToken comes first" in note for note in hops[0]["notes"])
        assert chained_plan(world) == [3600, 3600]
        walked(world)
        assert world.sts.calls[0].action == "GetSessionToken"
        done = world.rolehop("source", "test", "s")
        assert "does not end: IAM user keys" in done.out
        assert "1 h at most: these IAM user keys become a session first" in done.out
        tested = world.rolehop("source", "test", "s", "--format", "json").json
        assert (tested["expires_at"], tested["next_hop_ceiling"]) == (None, 3600)

    def test_keys_behind_an_aws_profile_open_a_session_with_its_device(self, world: World) -> None:
        printing(world, json.dumps(keys_of(world)))
        world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
        world.aws_config(
            f"[profile tool]\ncredential_process = {world.folder / 'tool'}\n"
            f"[profile hub]\nrole_arn = {HUB}\nsource_profile = tool\nmfa_serial = {MFA_SERIAL}\n"
        )
        (hop,) = world.rolehop("plan", "hub", "--format", "json").json["hops"]
        assert "GetSessionToken with an MFA code comes first" in " ".join(hop["notes"])
        code = world.device.code(datetime.now(UTC))
        for given in (code, None):  # the second is answered from the keyring
            done = world.rolehop("export", "hub", "--mfa-stdin", input=given)
            assert done.code == 0, done.err
        assert [call.action for call in world.sts.calls] == ["GetSessionToken", "AssumeRole"]

    def test_a_session_without_an_end_is_never_stored_or_shown_as_endless(
        self, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key, Expiration=None)))
        own = world.rolehop("credential-process", "own")
        assert own.code == 4
        assert "Expiration from a credential_process" in own.err
        for _ in range(2):
            assert world.rolehop("credential-process", "there").code == 0
        assert (world.home / "runs").read_text().count("argument") == 2  # the hops were stored
        tested = world.rolehop("source", "test", "s")
        assert "lasts     end unknown" in tested.out
        assert "1 h at most: a session that assumes a role is chaining" in tested.out
        status = world.rolehop("status", "--format", "json").json["sessions"]
        assert {each["hop"] for each in status} == {1, 2}

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ('["/nonexistent/tool"]', "the source's program, /nonexistent/tool: it is not there"),
            ('"no-such-tool x"', "the source's program, no-such-tool: it is not on PATH"),
            ('["/tmp"]', "the source's program, /tmp: it is not executable"),
        ],
    )
    def test_a_program_that_is_not_there_is_seen_by_plan_list_and_test(
        self, command: str, words: str, world: World
    ) -> None:
        use(world, f'type = "process"\ncommand = {command}')
        planned = world.rolehop("plan", "there", "--format", "json").json
        assert planned["hops"][0]["will_fail"] == words
        (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
        assert (row["state"], row["problem"]) == ("not ready", words)
        tested = world.rolehop("source", "test", "s")
        assert (tested.code, f"✗ {words}" in tested.out) == (4, True)

    def test_a_plan_that_needs_the_program_no_more_does_not_fail(
        self, world: World, key: Key
    ) -> None:
        printing(world, json.dumps(answer(key)))
        assert world.rolehop("credential-process", "there").code == 0
        (world.folder / "tool").unlink()
        hops = world.rolehop("plan", "there", "--format", "json").json["hops"]
        assert [(hop["cache"], hop["will_fail"]) for hop in hops] == [("fresh", None)] * 2

    def test_another_principal_than_the_pinned_one_is_refused(self, world: World, key: Key) -> None:
        printing(world, json.dumps(answer(key)))
        config = world.config_file.read_text()
        pin = 'type = "process"\nprincipal = "arn:aws:iam::111111111111:role/Other"'
        world.config(config.replace('type = "process"', pin))
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        assert "assumed-role/Start/tool" in done.err
        assert world.sts.roles_called == []


class TestPrograms:
    def test_a_child_that_keeps_the_pipe_open_does_not_hold_up_the_walk(self) -> None:
        script = "sleep 30 & echo done"
        said = program_output(["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, what="x", say=print)
        assert said == b"done\n"

    def test_an_empty_command_is_no_program(self) -> None:
        with pytest.raises(SourceError, match="cannot be started"):
            program_output([""], {}, what="x", say=print)
