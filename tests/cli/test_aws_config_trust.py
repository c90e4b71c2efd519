"""Nothing is followed that an AWS file says which others can write; who does not use it is not disturbed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.other_users import AS_ROOT, SOMEBODY, USER, set_acl
from tests.support.world import CONFIG, HUB, SCRIPT, World

PROCESS = """\
[profile tool]
credential_process = {command}

[profile keys]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
"""


@pytest.fixture
def marked(world: World) -> tuple[World, Path]:
    """A world whose AWS config has a command that leaves a mark when it is run."""
    mark = world.home / "mark"
    alice = world.alice.environ
    world.aws_config(
        PROCESS.format(
            command=f"touch {mark}",
            key=alice["AWS_ACCESS_KEY_ID"],
            secret=alice["AWS_SECRET_ACCESS_KEY"],
        )
    )
    return world, mark


@pytest.mark.parametrize("file", ["config", "credentials"])
def test_no_command_of_a_file_that_others_can_write_is_run(
    marked: tuple[World, Path], file: str
) -> None:
    world, mark = marked
    if file == "credentials":
        world.aws_credentials(f"[tool]\ncredential_process = touch {mark}\n")
    path = world.home / ".aws" / file
    path.chmod(0o666)
    for command in ("export tool", "whoami tool"):
        done = world.rolehop(*command.split())
        assert done.code == 4, done.err
        assert "AWS profile 'tool' is not followed" in done.err
        assert "everybody on this machine can write it" in done.err
        assert f"chmod go-w {path}" in done.err
    assert "AWS profile 'tool' is not followed" in world.rolehop("plan", "tool").err
    assert not mark.exists()


def test_no_sign_in_of_a_file_that_others_can_write_is_followed(world: World) -> None:
    """Its start URL chooses who asks for the person's password."""
    world.aws_config(
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
    )
    world.config(
        'version = 1\n[sources.corp]\ntype = "identity-center"\nsso_session = "corp"\n'
        'account = "111111111111"\nrole = "A"\n[chains.c]\nsource = "corp"\n'
    )
    assert "is not followed" not in world.rolehop("plan", "c").err
    (world.home / ".aws" / "config").chmod(0o666)
    for command in ("export c", "source login corp"):
        done = world.rolehop(*command.split())
        assert done.code == 4, done.err
        assert "the sso-session 'corp' is not followed" in done.err


ELSEWHERE = {
    "endpoint_url": ("config", "endpoint_url = {url}\n", "endpoint_url of AWS profile 'keys'"),
    "services": (
        "config",
        "services = s\n\n[services s]\nsts =\n  endpoint_url = {url}\n",
        "services",
    ),
    "credentials": ("credentials", "endpoint_url = {url}\n", "endpoint_url of AWS profile 'keys'"),
    "ca_bundle": ("config", "ca_bundle = /etc/hosts\n", "ca_bundle of AWS profile 'keys'"),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_nothing_is_sent_where_a_file_says_that_others_can_write(
    marked: tuple[World, Path], kind: str
) -> None:
    world, _ = marked
    file, text, refused = ELSEWHERE[kind]
    path, url = world.home / ".aws" / file, world.sts.url
    keys = path.read_text() if path.exists() else "[keys]\n"
    path.write_text(keys + text.format(url=url))
    none = {
        "AWS_ENDPOINT_URL": None,
        "AWS_ENDPOINT_URL_STS": None,
        "AWS_CA_BUNDLE": None,
        "AWS_PROFILE": "keys",
    }
    path.chmod(0o666)
    done = world.rolehop("export", "hub", env=none)
    assert (done.code, world.sts.calls) == (4, []), done.err
    assert refused in done.err
    assert "not followed" in done.err
    assert f"try    chmod go-w {path}" in done.err
    # Variables replace them, and nobody else can set those.
    own = {
        **none,
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    }
    assert world.rolehop("export", "hub", env=own).code == 0


def test_the_metadata_service_is_not_one_that_others_named(world: World) -> None:
    world.aws_config(f"[default]\nec2_metadata_service_endpoint = {world.sts.url}\n")
    world.config('version = 1\n[sources.i]\ntype = "instance"\n[chains.c]\nsource = "i"\n')
    (world.home / ".aws" / "config").chmod(0o666)
    done = world.rolehop("export", "c")
    assert (done.code, world.sts.calls) == (4, [])
    assert "ec2_metadata_service_endpoint of AWS profile 'default' is not followed" in done.err


@AS_ROOT
def test_the_advice_fits_the_reason(marked: tuple[World, Path]) -> None:
    world, _ = marked
    path = world.home / ".aws" / "config"
    set_acl(path, (USER, 6, SOMEBODY))
    assert f"try    setfacl --remove-all {path}\n" in world.rolehop("export", "tool").err
    os.removexattr(path, "system.posix_acl_access")
    path.chmod(0o600)
    os.chown(path, SOMEBODY, -1)
    said = world.rolehop("export", "tool").err
    # Not chown: root may be a container's, and the file its user's, who has mounted it.
    assert (
        f"try    run it as its owner (docker run --user {SOMEBODY}:0), or give root a copy" in said
    )
    assert "chown" not in said


def test_a_trusted_files_command_is_run(marked: tuple[World, Path]) -> None:
    world, mark = marked
    assert world.rolehop("export", "tool").code == 4  # touch prints no credentials
    assert mark.exists()


@pytest.mark.parametrize("file", ["config", "credentials"])
def test_nobody_else_chooses_the_keys_and_roles_of_a_profile(
    marked: tuple[World, Path], file: str
) -> None:
    world, _ = marked
    world.aws_credentials("[other]\naws_access_key_id = a\naws_secret_access_key = b\n")
    folder = world.home / ".aws"
    (folder / "config").write_text(
        f"{(folder / 'config').read_text()}\n"
        f"[profile role]\nsource_profile = keys\nrole_arn = {HUB}\n"
    )
    assert world.rolehop("export", "role").code == 0
    (folder / file).chmod(0o666)
    for name in ("keys", "role"):
        done = world.rolehop("whoami", name)
        assert done.code == 4
        assert f"AWS profile '{name}' is not followed" in done.err
        assert f"try    chmod go-w {folder / file}" in done.err
    assert world.rolehop("export", "hub").code == 0  # it uses no profile


def test_the_null_device_means_no_file(world: World) -> None:
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    done = world.rolehop("export", "hub", env=nothing)
    assert done.code == 0, done.err


def test_a_pipe_is_not_waited_for(world: World) -> None:
    os.mkfifo(world.home / ".aws" / "config")
    done = world.rolehop("export", "some-profile")
    assert done.code == 3, done.err
    assert "it is a pipe" in done.err


def test_a_ca_bundle_that_is_a_pipe_is_not_waited_for(world: World) -> None:
    pipe = world.home / "bundle"
    os.mkfifo(pipe)
    key = world.alice.key
    world.aws_config(
        f"[profile own]\naws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret}\n"
        f"[profile assumed]\nsource_profile = own\nrole_arn = {HUB}\nca_bundle = {pipe}\n"
    )
    secure = {"AWS_ENDPOINT_URL_STS": "https://127.0.0.1:9"}
    for name, more in (("assumed", {}), ("hub", {"AWS_CA_BUNDLE": str(pipe)})):
        done = world.rolehop("export", name, env={**secure, **more})
        assert done.code == 3, done.err
        assert "it is a pipe" in done.err


RULES = {
    "version": "1.0",
    "parameters": {},
    "rules": [{"conditions": [], "endpoint": {"url": "URL"}, "type": "endpoint"}],
}


@pytest.mark.parametrize("named", [True, False])
def test_no_endpoint_comes_from_a_folder_with_models_for_botocore(
    world: World, *, named: bool
) -> None:
    """Who could write there would be sent what is signed: botocore itself looks into ``~/.aws/models``."""
    models = world.folder / "models" if named else world.home / ".aws" / "models"
    rules = models / "sts" / "2011-06-15" / "endpoint-rule-set-1.json"
    rules.parent.mkdir(parents=True)
    rules.write_text(json.dumps(RULES).replace("URL", world.sts.url))
    token = world.folder / "token"
    token.write_text("a token")
    world.aws_config(
        f"[profile web]\nrole_arn = {HUB}\nweb_identity_token_file = {token}\nregion = eu-west-1\n"
    )
    world.config(
        CONFIG + '[sources.web]\ntype = "profile"\nprofile = "web"\n[chains.web]\nsource = "web"\n'
    )
    nowhere = {f"{each}_PROXY": "http://127.0.0.1:1" for each in ("HTTPS", "https")}
    env = {"AWS_ENDPOINT_URL_STS": None, "AWS_DATA_PATH": str(models) if named else None, **nowhere}
    for chain in ("hub", "web"):
        done = world.run(SCRIPT, "export", chain, "--region", "eu-west-1", env=env)
        assert (done.code, world.sts.calls) == (6, []), (chain, done)
