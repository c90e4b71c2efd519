"""``keys`` and ``config``: the commands before the first walk."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rolehop.app.config_files import first_step
from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.app.ports import PromptedPerson
from rolehop.base.errors import ConfigError, UsageError
from rolehop.commands.doctor.config_checks import check_rolehop_config
from rolehop.commands.keys.command import _read
from rolehop.config.schema import HOP
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import Watch, found_in
from tests.support.world import CONFIG, HUB, SCRIPT, World

WITH_KEYS = CONFIG.replace('type = "environment"', 'type = "keys"')


@pytest.fixture
def ready(world: World) -> World:
    """A world whose config has a source of type keys, and nothing in the environment."""
    world.config(WITH_KEYS)
    world.more = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    return world


def as_two_lines(key_id: str, secret: str) -> str:
    return f"{key_id}\n{secret}\n"


def as_object(key_id: str, secret: str) -> str:
    return json.dumps({"AccessKeyId": key_id, "SecretAccessKey": secret})


def as_aws_answers(key_id: str, secret: str) -> str:
    access_key = {"UserName": "alice", "AccessKeyId": key_id, "Status": "Active"}
    return json.dumps(
        {"AccessKey": {**access_key, "SecretAccessKey": secret, "CreateDate": "2026"}}
    )


@pytest.mark.parametrize("form", [as_two_lines, as_object, as_aws_answers])
def test_keys_come_from_stdin_in_three_forms(ready: World, form: Callable[[str, str], str]) -> None:
    key = ready.alice.key
    with Watch() as watch:
        done = ready.rolehop(
            "keys", "add", "me", "--stdin", input=form(key.access_key_id, key.secret)
        )
    assert (done.code, done.out) == (0, ""), done.err
    assert key.access_key_id not in done.err  # shortened
    assert found_in(done.err + b"\n".join(watch.seen).decode("latin-1"), ready) == []
    assert ready.rolehop("credential-process", "hub").code == 0
    assert ready.sts.calls[0].access_key_id == key.access_key_id


def test_keys_come_from_the_environment(ready: World) -> None:
    done = ready.rolehop("keys", "add", "me", "--from-env", env={**ready.alice.environ})
    assert done.code == 0, done.err
    assert ready.rolehop("credential-process", "hub").code == 0


def test_keys_are_asked_for_and_the_secret_is_not_echoed(ready: World) -> None:
    key = ready.alice.key
    with OnTerminal(ready, SCRIPT, "keys", "add", "me", input="not for you\n") as person:
        person.expect("Access key ID: ")
        person.types(key.access_key_id)
        person.expect("Secret access key: ")
        person.types(key.secret)
        done = person.ended()
        shown = person.shown
    assert done.code == 0, done.err
    assert key.access_key_id in shown
    assert found_in(shown + done.out + done.err, ready) == []
    assert ready.rolehop("credential-process", "hub").code == 0


def test_without_a_terminal_keys_add_is_8(ready: World) -> None:
    done = ready.rolehop("keys", "add", "me")
    assert (done.code, done.out) == (8, "")
    assert "an access key ID is needed and there is no terminal" in done.err


def test_stored_keys_are_replaced_only_with_replace(ready: World) -> None:
    first, second = ready.alice.key, ready.sts.world.new_key(ready.alice)
    for key, more, code in ((first, [], 0), (second, [], 2), (second, ["--replace"], 0)):
        text = as_two_lines(key.access_key_id, key.secret)
        done = ready.rolehop("keys", "add", "me", "--stdin", *more, input=text)
        assert done.code == code, done.err
        assert found_in(done.err, ready) == []
    assert ready.rolehop("credential-process", "hub").code == 0
    assert ready.sts.calls[0].access_key_id == second.access_key_id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ASIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMIbPxRfiCYEXAMPLEKEY\n", "keys of a session"),
        (
            (
                '{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMIbPx",'
                ' "SessionToken": "FwoGZXIvYXdzEXAMPLE"}'
            ),
            "keys of a session",
        ),
        ("AKIAIOSFODNN7EXAMPLE\n", "prints, or two lines: the"),
        ("", "prints, or two lines: the"),
        ('{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}', "SecretAccessKey"),
        ('{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAcc', "looks like JSON but is not valid"),
        ("wJalrXUtnFEMI/K7MDENG\nAKIAIOSFODNN7EXAMPLE\n", "the access key ID is not valid"),
        ("AKIAIOSFODNN7EXAMPLE\nwJalr XUtnFEMI\n", "whitespace"),
    ],
)
def test_anything_but_a_users_key_is_refused_and_never_quoted(
    shared_world: World, text: str, words: str
) -> None:
    done = shared_world.rolehop("keys", "add", "other", "--stdin", input=text)
    assert (done.code, done.out) == (2, ""), done.err
    assert words in done.err
    assert "wJalr" not in done.err
    assert "FwoGZ" not in done.err
    assert shared_world.items() == []


def test_a_session_in_the_environment_is_refused(shared_world: World) -> None:
    env = {"AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLE"}
    done = shared_world.rolehop("keys", "add", "other", "--from-env", env=env)
    assert done.code == 2
    assert "sessions end" in done.err


def read_keys(folder: Path, environ: dict[str, str], answers: list[str]) -> object:
    app = App(environ, folder, person=PromptedPerson(lambda question: answers.pop(0)))
    cli: Any = SimpleNamespace(app=app, environ=environ)
    return _read(cli, from_stdin=False, from_env=not answers)


@pytest.mark.parametrize(
    ("environ", "answers", "cause"),
    [
        ({}, [], "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"),
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, [], "AWS_ACCESS_KEY_ID is not set"),
        ({}, ["foo"], "the access key ID is not valid"),
        ({}, ["ASIAIOSFODNN7EXAMPLE"], "keys of an IAM user begin with AKIA"),
    ],
    ids=["no-variable", "one-variable", "no-key-id", "of-a-session"],
)
def test_what_is_wrong_is_said_before_a_secret_is_asked_for(
    tmp_path: Path, environ: dict[str, str], answers: list[str], cause: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_keys(tmp_path, environ, answers)
    assert (caught.value.cause or "").startswith(cause)


def with_keys(ready: World) -> World:
    assert ready.rolehop("keys", "add", "me", "--from-env", env={**ready.alice.environ}).code == 0
    return ready


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("", 130), ("no", 130)])
def test_keys_remove_asks_and_names_the_key_and_what_ends_it(
    ready: World, answer: str, code: int
) -> None:
    key_id = ready.alice.key.access_key_id
    user = "USER"
    if answer == "y":
        user, text = "alice", ready.config_file.read_text()
        ready.config(text.replace('"keys"', f'"keys"\nprincipal = "{ready.alice.arn}"', 1))
    with OnTerminal(with_keys(ready), SCRIPT, "keys", "remove", "me", stderr_too=True) as person:
        person.expect("[y/N]")
        person.types(answer)
        done = person.ended()
    assert f"Remove access key {key_id} of 'me'?" in person.shown
    assert done.code == code
    assert len(ready.items()) == (1 if code else 0)
    shown = " ".join(person.shown.split())
    ends_it = f"aws iam delete-access-key --access-key-id {key_id} --user-name {user}"
    assert shown.count(ends_it) == (1 if code else 2)
    assert shown.index(ends_it) < shown.index("[y/N]")


def test_keys_remove_without_a_terminal_needs_yes(ready: World) -> None:
    done = with_keys(ready).rolehop("keys", "remove", "me")
    assert done.code == 8
    assert "  rolehop keys remove me --yes" in done.err
    assert len(ready.items()) == 1


def test_keys_remove_and_list(ready: World) -> None:
    ready.rolehop("keys", "add", "me", "--from-env", env={**ready.alice.environ})
    assert f"AKIA…{ready.alice.key.access_key_id[-4:]}" in ready.rolehop("keys", "list").out
    assert ready.rolehop("keys", "remove", "me", "--yes").code == 0
    assert ready.items() == []
    assert ready.rolehop("keys", "remove", "me", "--yes").code == 2
    done = ready.rolehop("credential-process", "hub")
    assert done.code == 4
    assert "rolehop keys add me" in done.err


def test_a_lost_index_does_not_lose_the_keys(ready: World) -> None:
    ready.rolehop("keys", "add", "me", "--from-env", env={**ready.alice.environ})
    (ready.state / "index.json").unlink()
    assert ready.rolehop("credential-process", "hub").code == 0


# ---- config


@pytest.fixture
def bare(world: World) -> World:
    world.config_file.unlink()
    return world


def test_config_init_writes_a_commented_example_without_a_terminal(bare: World) -> None:
    done = bare.rolehop("config", "init")
    assert (done.code, done.out) == (0, "")
    assert "~/.config/rolehop/config.toml" in done.err
    assert stat.S_IMODE(bare.config_file.stat().st_mode) == 0o600
    assert bare.rolehop("config", "check").code == 0
    assert "# role" in bare.config_file.read_text()
    before = bare.config_file.read_bytes()
    done = bare.rolehop("config", "init")
    assert done.code == 2
    assert "already exists" in done.err
    assert bare.config_file.read_bytes() == before


def test_config_init_is_advised_for_the_config_that_lacks_a_chain(tmp_path: Path) -> None:
    def advised(file: str | None) -> set[str]:
        app = App({"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path, config_file=file)
        (finding,) = check_rolehop_config(app)
        with pytest.raises(ConfigError) as unknown:
            Planning(app).resolve("hub")
        return {str(first_step(app)), str(finding.fix), str(unknown.value.fix)}

    assert advised(None) == {"rolehop config init"}
    file = tmp_path / "my config.toml"
    file.write_text("version = 1\n")
    assert advised(str(file)) == {f"rolehop --config '{file}' config init"}


@pytest.mark.parametrize("command", ["list", "source list", "profile install"])
def test_where_a_config_without_a_chain_is_it_is_added_to(bare: World, command: str) -> None:
    bare.rolehop("config", "init")
    done = bare.rolehop(*command.split())
    assert "rolehop config init" in done.err


def test_config_path_is_where_the_config_is_or_would_be(bare: World) -> None:
    assert bare.rolehop("config", "path").out == f"{bare.config_file}\n"
    named = str(bare.home / "other.toml")
    assert bare.rolehop("config", "path", env={"ROLEHOP_CONFIG": named}).out == f"{named}\n"
    assert bare.rolehop("config", "path", "--config", named).out == f"{named}\n"
    assert bare.rolehop("--config", named, "config", "path").out == f"{named}\n"


def test_config_check_shows_every_problem_with_its_line(world: World) -> None:
    assert world.rolehop("config", "check").code == 0
    world.config(CONFIG.replace("role =", "rol =").replace('region = "eu', 'regoin = "eu'))
    done = world.rolehop("config", "check")
    assert (done.code, done.out) == (3, "")
    assert done.err.count("config.toml:") >= 3
    assert 'did you mean "region"?' in done.err
    assert 'did you mean "role"?' in done.err


def test_without_a_config_the_next_step_is_shown(bare: World) -> None:
    done = bare.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (3, "")
    assert "rolehop config init" in done.err
    assert bare.rolehop("list").code == 0
    assert bare.rolehop("config", "check").code == 0


def test_config_reference_names_every_key_of_a_hop(shared_world: World) -> None:
    out = shared_world.rolehop("config", "reference").out
    assert [key.name for key in HOP.keys if key.name not in out] == []


# ---- profiles of the AWS config, without a config of rolehop's own

AWS_CONFIG = """\
[profile base]
region = eu-west-1
[profile hub]
role_arn = arn:aws:iam::222222222222:role/Hub
source_profile = base
role_session_name = me
[profile admin]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = hub
role_session_name = me
[profile from-env]
role_arn = arn:aws:iam::222222222222:role/Hub
credential_source = Environment
role_session_name = me
"""


def test_an_aws_profile_with_a_role_is_walked_as_a_chain_and_every_hop_is_cached(
    bare: World,
) -> None:
    key = bare.alice.key
    bare.aws_config(AWS_CONFIG)
    bare.aws_credentials(
        f"[base]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
    )
    bare.more = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    first = bare.rolehop("credential-process", "admin")
    assert first.code == 0, first.err
    assert first.json["AccountId"] == "333333333333"
    assert bare.sts.roles_called == [HUB, "arn:aws:iam::333333333333:role/Admin"]
    assert bare.rolehop("credential-process", "admin") == first
    assert bare.rolehop("credential-process", "hub").code == 0
    assert len(bare.sts.calls) == 2
    hops = bare.rolehop("plan", "admin", "--format", "json").json["hops"]
    assert [hop["cache"] for hop in hops] == ["fresh", "fresh"]


def test_a_profile_with_a_credential_source_starts_from_the_environment(bare: World) -> None:
    bare.aws_config(AWS_CONFIG)
    done = bare.rolehop("credential-process", "from-env")
    assert done.code == 0, done.err
    assert bare.sts.roles_called == [HUB]


def test_a_profile_whose_process_is_rolehop_itself_is_a_loop(bare: World) -> None:
    bare.aws_config(f"[profile x]\ncredential_process = {SCRIPT} credential-process x\n")
    done = bare.rolehop("credential-process", "x")
    assert (done.code, done.out) == (4, "")
    assert "leads back to itself" in done.err
