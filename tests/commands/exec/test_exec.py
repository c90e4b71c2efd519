"""``exec`` and ``export``: a session in a command's environment, and in file formats."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.support.environment import HANDOVER_VARIABLES, REGION_VARIABLES
from tests.support.world import CONFIG, SCRIPT, World, ended


@pytest.fixture(scope="module")
def walked(shared_world: World) -> Iterator[World]:
    assert shared_world.rolehop("credential-process", "admin").code == 0
    yield shared_world
    assert shared_world.sts.roles_called.count("arn:aws:iam::333333333333:role/Admin") == 1


@pytest.mark.parametrize("code", [0, 1, 3, 77, 255])
def test_the_exit_code_is_the_commands(walked: World, code: int) -> None:
    assert walked.rolehop("exec", "admin", "--", "sh", "-c", f"exit {code}").code == code


def test_a_command_that_is_not_there_is_127_and_one_that_cannot_run_126(walked: World) -> None:
    done = walked.rolehop("exec", "admin", "--", "no-such-command")
    assert (done.code, done.out) == (127, "")
    assert done.err == "rolehop: no-such-command: no such command\n"
    done = walked.rolehop("exec", "admin", "--", "")
    assert (done.code, done.err) == (127, "rolehop: : no such command\n")
    (walked.home / "text").write_text("x")
    done = walked.rolehop("exec", "admin", "--", str(walked.home / "text"))
    assert (done.code, done.out) == (126, "")


def test_the_command_replaces_rolehop_so_signals_reach_it(walked: World) -> None:
    assert (
        walked.rolehop("exec", "admin", "--", "sh", "-c", "kill -TERM $$").code == -signal.SIGTERM
    )
    with walked.start(
        SCRIPT, "exec", "admin", "--", "sh", "-c", "echo $$; exec sleep 600"
    ) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid
        child.send_signal(signal.SIGINT)
        assert ended(child).code == -signal.SIGINT


def test_the_command_gets_stdin_and_stdout(walked: World) -> None:
    done = walked.rolehop("exec", "admin", "--", "cat", input="through\n")
    assert (done.code, done.out, done.err) == (0, "through\n", "")


STALE = {
    "AWS_SECURITY_TOKEN": "stale",
    "AWS_SESSION_EXPIRATION": "stale",
    "AWS_CREDENTIAL_SCOPE": "stale",
    "AWS_PROFILE": "other",
    "AWS_DEFAULT_PROFILE": "other",
    "AWS_ACCOUNT_ID": "999999999999",
}


def test_stale_variables_are_removed_and_all_others_stay(walked: World) -> None:
    walked.aws_config("[profile other]\nregion = us-west-2\n")
    env = {**STALE, "AWS_SECURITY_TOKEN": None, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x/"}
    done = walked.rolehop("exec", "admin", "--", "env", env={**env, "MINE": "1"})
    child = dict(re.findall(r"^(\w+)=(.*)$", done.out, re.M))
    assert child.keys() >= HANDOVER_VARIABLES | REGION_VARIABLES
    assert not child.keys() & (STALE.keys() - {"AWS_ACCOUNT_ID"})
    assert child["AWS_ACCOUNT_ID"] == "333333333333"
    assert (child["MINE"], child["AWS_CONTAINER_CREDENTIALS_FULL_URI"]) == ("1", "http://x/")


def test_boto3_in_the_command_has_the_chains_identity(walked: World) -> None:
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = walked.rolehop("exec", "admin", "--", sys.executable, "-W", "ignore", "-c", code)
    assert done.out == "arn:aws:sts::333333333333:assumed-role/Admin/me\n", done.err


# ---- export

AWS = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
]


@pytest.mark.parametrize("style", ["dotenv", "docker-env"])
def test_env_files_have_the_aws_variables(walked: World, style: str) -> None:
    done = walked.rolehop("export", "admin", "--format", style)
    assert (done.code, done.err) == (0, "")
    assert [line.partition("=")[0] for line in done.out.splitlines()] == AWS
    variables = dict(line.split("=", 1) for line in done.out.splitlines())
    session = walked.sts.world.keys[variables["AWS_ACCESS_KEY_ID"]]
    assert (variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_SESSION_TOKEN"]) == (
        session.secret,
        session.token,
    )
    assert variables["AWS_REGION"] == "eu-west-1"


def test_ini_is_a_section_that_boto3_reads(walked: World) -> None:
    done = walked.rolehop("export", "admin", "--format", "ini")
    assert done.out.startswith("[admin]\naws_access_key_id = ASIA")
    walked.aws_credentials(done.out)
    code = "import boto3; print(boto3.Session(profile_name='admin').client('sts').get_caller_identity()['Arn'])"
    done = walked.run(sys.executable, "-W", "ignore", "-c", code)
    assert done.out == "arn:aws:sts::333333333333:assumed-role/Admin/me\n", done.err


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("sh", "export AWS_ACCOUNT_ID='333333333333';"),
        ("zsh", "export AWS_ACCOUNT_ID='333333333333';"),
        ("fish", "set -gx AWS_ACCOUNT_ID '333333333333';"),
        ("powershell", "$env:AWS_ACCOUNT_ID = '333333333333';"),
    ],
)
def test_env_is_what_assume_prints(walked: World, shell: str, words: str) -> None:
    done = walked.rolehop("export", "admin", "--shell", shell)
    assert words in done.out.splitlines()
    assert walked.rolehop("assume", "admin", "--shell", shell) == done


def test_an_unknown_shell_is_refused_before_the_walk(world: World) -> None:
    done = world.rolehop("export", "admin", "--shell", "no-such-shell")
    assert (done.code, done.out) == (2, "false\n")
    assert world.sts.calls == []


def test_a_region_by_flag_is_used_for_sts_and_exported(world: World) -> None:
    world.sts.region = "us-west-2"
    world.config(CONFIG)
    done = world.rolehop("export", "admin", "--region", "us-west-2", "--format", "dotenv")
    assert done.code == 0, done.err
    assert "AWS_REGION=us-west-2\n" in done.out


def test_the_child_gets_signals_as_rolehop_found_them(walked: World) -> None:
    """Python ignores SIGPIPE for itself; a child that inherited that would fail at a closed pipe."""
    done = walked.run("sh", "-c", f"{SCRIPT} exec admin -- yes | head -n 1")
    assert (done.out, done.err) == ("y\n", "")


def test_options_after_the_dashes_are_the_commands_and_an_unknown_one_before_is_an_error(
    walked: World,
) -> None:
    done = walked.rolehop("exec", "admin", "-q", "--", "echo", "-q", "--", "--duration")
    assert (done.code, done.out) == (0, "-q -- --duration\n")
    done = walked.rolehop("exec", "admin", "--typo", "--", "echo")
    assert (done.code, done.out) == (2, "")
    assert walked.rolehop("exec", "admin").code == 2
    assert walked.rolehop("exec", "admin", "--").code == 2
