"""Files of sources that are no files: a pipe nobody writes into must not hold anybody up."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.doubles.roles_anywhere import ANCHOR, PROFILE
from tests.sources.machines import START, keyless_world, use
from tests.sources.pki import issue, key_pem, pem, write
from tests.support.world import World

ANYWHERE = (
    f'type = "roles-anywhere"\ntrust_anchor = "{ANCHOR}"\nprofile = "{PROFILE}"\nrole = "{START}"\n'
)
WEB = f'type = "web-identity"\nrole = "{START}"\n'
PAIR = 'certificate = "me.pem"\nprivate_key = "me.key"\n'
URL = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x"}

CASES = {
    "token_file": (WEB + 'token_file = "pipe"', {}, "use token_command"),
    "AWS_WEB_IDENTITY_TOKEN_FILE": (WEB, {"AWS_WEB_IDENTITY_TOKEN_FILE": "PIPE"}, "token_command"),
    "assertion_file": (
        'type = "saml"\nassertion_file = "pipe"',
        {},
        "name a file, or use assertion_command",
    ),
    "certificate": (ANYWHERE + PAIR.replace("me.pem", "pipe"), {}, "name another one"),
    "private_key": (ANYWHERE + PAIR.replace("me.key", "pipe"), {}, "name another one"),
    "certificate_chain": (
        ANYWHERE + PAIR + 'certificate_chain = "pipe"',
        {},
        "name another one",
    ),
    "pkcs12": (ANYWHERE + 'pkcs12 = "pipe"', {}, "name another one"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": (
        'type = "container"',
        {**URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "PIPE"},
        "put the token in AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ),
}


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        yield world


@pytest.mark.parametrize(("settings", "environ", "way_out"), CASES.values(), ids=CASES)
def test_a_pipe_is_refused_at_once_and_not_waited_for(
    world: World, settings: str, environ: dict[str, str], way_out: str
) -> None:
    folder = world.config_file.parent
    folder.mkdir(parents=True, exist_ok=True)
    leaf = issue("me")
    write(folder / "me.pem", pem(leaf.certificate))
    write(folder / "me.key", key_pem(leaf.key))
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    use(world, settings)
    world.more |= {name: value.replace("PIPE", str(pipe)) for name, value in environ.items()}

    planned = world.rolehop("plan", "there", "--format", "json")
    assert "it is a pipe, not a regular file" in planned.json["hops"][0]["will_fail"]
    (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
    assert (row["state"], "it is a pipe" in row["problem"]) == ("not ready", True)
    tested = world.rolehop("source", "test", "s")
    assert tested.code == 4
    assert "✗" in tested.out
    assert "it is a pipe" in tested.out
    walked = world.rolehop("credential-process", "there")
    assert walked.code == 4
    for done in (tested, walked):
        assert str(pipe) in done.err
        assert "it is a pipe, not a regular file" in done.err
        assert way_out in done.err
    assert world.sts.calls == []


def test_a_token_of_endless_length_is_cut_short_by_an_error(world: World) -> None:
    token = world.home / "token"
    token.write_text("x" * 100_001)
    use(world, f'{WEB}token_file = "{token}"')
    done = world.rolehop("source", "test", "s")
    assert done.code == 4
    assert "it is longer than 100,000 bytes" in done.err
