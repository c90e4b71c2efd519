"""The lines of the guide's page ``programs``, each run with a stand-in that speaks as the program does.

A stand-in knows the options that the program's own help has, and refuses others; it prints what the
program prints, on the stream on which it does, with values that are made up.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rolehop.guide import topic_text
from tests.doubles.oidc import Issuer
from tests.doubles.saml import IdentityProvider
from tests.sources.machines import START, keyless_world, role_for
from tests.sources.saml.helpers import PROVIDER
from tests.sources.web_identity.federated import AUDIENCE, SUBJECT, Federated
from tests.support.world import HUB, World, mfa_code, temporary_world

DEV = "arn:aws:iam::222222222222:role/Dev"

# Of each program's own help, as far as it is about a sign-in or a code.
OPTIONS = {
    "saml2aws": (
        *("--credential-process", "--idp-account", "--role", "--profile", "--cache-saml"),
        *("--cache-file", "--skip-prompt", "--session-duration", "--force"),
    ),
    "gimme-aws-creds": ("--profile", "--output-format", "--roles", "--action-configure"),
    "okta-aws-cli": (
        *("--format", "--open-browser", "--org-domain", "--oidc-client-id", "--profile"),
        *("--aws-acct-fed-app-id", "--aws-iam-idp", "--aws-iam-role", "--session-duration"),
    ),
    "aws-azure-login": ("--profile", "--no-prompt", "--mode", "--all-profiles"),
    "ykman": ("--single", "--device"),
    "op": ("--otp", "--in-file", "--account", "--vault"),
    "pass": (),
}

SAYS = {
    "saml2aws login": """
if "--credential-process" in given:
    print("Authenticating as me@example.com ...", file=sys.stderr)
    print(json.dumps({"Version": 1, **session, "Expiration": end[:19] + "Z"}))
else:
    print("Selected role: arn:aws:iam::111111111111:role/Developer")
    pathlib.Path(value("--cache-file")).write_text(os.environ["ASSERTION"])
""",
    "gimme-aws-creds": """
print("Using password from keyring for me@example.com", file=sys.stderr)
keys = {"aws_access_key_id": session["AccessKeyId"], "expiration": end}
keys |= {"aws_secret_access_key": session["SecretAccessKey"]}
keys |= {"aws_session_token": session["SessionToken"], "aws_security_token": session["SessionToken"]}
role = {"arn": "arn:aws:iam::222222222222:role/Dev", "name": "arn:aws:iam::222222222222:role/Dev"}
profile = {"name": "Dev", "derived_name": "Dev", "config_name": "role"}
assert value("--output-format") == "json"
print(json.dumps({"shared_credentials_file": "/x", "profile": profile, "role": role, "credentials": keys}))
""",
    "okta-aws-cli web": """
print("Open the following URL to begin Okta device authorization for the AWS CLI.", file=sys.stderr)
assert value("--format") == "process-credentials"
print(json.dumps({"Version": 1, **session, "Expiration": end[:19] + "Z"}, indent=2))
""",
    "aws-azure-login": """
print("Logging in with profile 'azure'...")
home = pathlib.Path.home() / ".aws"
lines = [f"[{value('--profile')}]", f"aws_access_key_id={session['AccessKeyId']}"]
lines += [f"aws_secret_access_key={session['SecretAccessKey']}"]
lines += [f"aws_session_token={session['SessionToken']}", f"aws_expiration={end[:19]}.000Z"]
(home / "credentials").write_text("\\n".join(lines) + "\\n")
(home / "credentials").chmod(0o600)
""",
    "ykman oath accounts code": 'print(os.environ["CODE"])',
    "op item get": 'print(os.environ["CODE"])',
    "pass otp": 'print(os.environ["CODE"])',
    "pass show": 'print(os.environ["KEY_ID"]); print(os.environ["KEY_SECRET"])',
    "op read": """
print(os.environ[{"access key id": "KEY_ID", "secret access key": "KEY_SECRET"}.get(
    given[-1].rpartition("/")[2], "TOKEN")])
""",
    "op inject": """
text = pathlib.Path(value("--in-file")).read_text()
text = text.replace("{{ op://Private/AWS/access key id }}", os.environ["KEY_ID"])
print(text.replace("{{ op://Private/AWS/secret access key }}", os.environ["KEY_SECRET"]))
""",
}

STAND_IN = """#!{python} -IS
import json, os, pathlib, sys
given, session, end = sys.argv[1:], {session!r}, {end!r}
options, says = {options!r}, {says!r}
unknown = [each for each in given if each.startswith("--") and each.partition("=")[0] not in options]
if unknown:
    sys.exit(f"unknown option {{unknown[0]}}")
def value(name):
    for word, after in zip(given, [*given[1:], ""]):
        if word.partition("=")[0] == name:
            return word.partition("=")[2] or after
    sys.exit(f"{{name}} is missing")
words = next((each for each in says if given[:len(each.split())] == each.split()), None)
if words is None:
    sys.exit("unknown command")
exec(says[words])
"""


def blocks() -> dict[str, Any]:
    """Return every source of the page."""
    found: dict[str, Any] = {}
    for part in topic_text("programs").split("```toml\n")[1:]:
        for name, source in tomllib.loads(part.partition("```")[0])["sources"].items():
            assert name not in found
            found[name] = source
    return found


def stand_ins(world: World) -> dict[str, str]:
    """Put the programs on PATH, and return the session of the role Dev that they give."""
    folder = world.folder / "bin"
    folder.mkdir()
    ends = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    role = world.sts.world.role(DEV)
    arn = "arn:aws:sts::222222222222:assumed-role/Dev/me"
    who = {"account": "222222222222", "arn": arn, "user_id": f"{role.role_id}:me"}
    key = world.sts.world.issue(600, **who, role=role, expires_at=ends)
    session = {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret}
    session |= {"SessionToken": key.token or ""}
    for program, options in OPTIONS.items():
        says = {
            key.partition(" ")[2]: each
            for key, each in SAYS.items()
            if key.partition(" ")[0] == program
        }
        file = folder / program
        file.write_text(
            STAND_IN.format(
                python=sys.executable,
                session=session,
                end=ends.isoformat(),
                options=options,
                says=says,
            )
        )
        file.chmod(0o755)
    world.more["PATH"] = f"{folder}:{world.environ['PATH']}"
    return session


@pytest.fixture
def world() -> Iterator[World]:
    with temporary_world() as world:
        key = world.alice.key
        world.more |= {"KEY_ID": key.access_key_id, "KEY_SECRET": key.secret}
        world.more |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
        yield world


@pytest.fixture
def session(world: World) -> dict[str, str]:
    return stand_ins(world)


def as_toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def config_of(name: str, **changes: object) -> str:
    """Return a config of one source of the page, and a chain that starts from it."""
    lines = (f"{key} = {as_toml(each)}" for key, each in {**blocks()[name], **changes}.items())
    table = "\n".join(lines)
    return (
        f'version = 1\n[sources."{name}"]\n{table}\n[chains.own]\nsource = "{name}"\n'
        f'[chains.hub]\nsource = "{name}"\nhops = [{{ role = "{HUB}" }}]\n'
    )


@pytest.mark.parametrize("name", ["saml2aws", "gimme", "okta"])
def test_a_program_that_signs_in_is_a_process(
    world: World, session: dict[str, str], name: str
) -> None:
    world.config(config_of(name))
    done = world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {key: found[key] for key in session} == session


def test_the_profile_that_aws_azure_login_writes_is_read_as_it_is(
    world: World, session: dict[str, str]
) -> None:
    world.config(config_of("azure"))
    assert world.rolehop("credential-process", "own").code == 4
    assert world.run("aws-azure-login", "--profile", "azure", "--no-prompt").code == 0
    done = world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    assert json.loads(done.out)["AccessKeyId"] == session["AccessKeyId"]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_a_program_prints_the_code(world: World, name: str) -> None:
    serial = world.device.serial
    world.config(config_of(name, mfa_serial=serial))
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
    world.more["CODE"] = mfa_code(world)
    pair = f"{world.alice.key.access_key_id}\n{world.alice.key.secret}\n"
    assert world.rolehop("keys", "add", name, "--stdin", input=pair).code == 0
    done = world.rolehop("credential-process", "hub")
    assert done.code == 0, done.err
    assert world.sts.roles_called == [HUB]


@pytest.mark.usefixtures("session")
def test_keys_move_from_a_password_manager_into_the_keyring(world: World) -> None:
    world.config('version = 1\n[sources.alice]\ntype = "keys"\n[chains.own]\nsource = "alice"\n')
    block = topic_text("programs").partition("```console\n")[2].partition("```")[0]
    lines = [each.removeprefix("$ ") for each in block.splitlines()]
    assert len(lines) == 2
    for line in lines:
        done = world.run("sh", "-c", line)
        assert done.code == 0, done.err
        assert world.rolehop("whoami", "own").code == 0
        assert world.rolehop("keys", "remove", "alice", "--yes").code == 0


@pytest.mark.usefixtures("session")
def test_keys_that_stay_in_1password_are_read_for_each_session(world: World) -> None:
    text = " ".join(topic_text("programs").split())
    template = text.partition("The template has `")[2].partition("`")[0]
    file = world.home / "aws.tpl"
    file.write_text(template)
    command = [*blocks()["one-password"]["command"][:-1], str(file)]
    world.config(config_of("one-password", command=command))
    done = world.rolehop("credential-process", "hub")
    assert done.code == 0, done.err


def test_an_assertion_is_printed() -> None:
    with keyless_world() as world:
        role_for(world, {"Federated": PROVIDER}, "sts:AssumeRoleWithSAML")
        idp = IdentityProvider(PROVIDER)
        world.sts.world.saml_providers[PROVIDER] = idp
        stand_ins(world)
        world.more["ASSERTION"] = idp.assertion([START])
        world.config(config_of("saml2aws-assertion", role=START))
        done = world.rolehop("credential-process", "own")
        assert done.code == 0, done.err


def test_a_token_is_printed() -> None:
    with keyless_world() as world, Issuer() as issuer:
        federated = Federated(world, issuer)
        stand_ins(world)
        world.more["TOKEN"] = issuer.token(SUBJECT, AUDIENCE)
        world.config(config_of("ci"))
        done = world.rolehop("credential-process", "own")
        assert done.code == 0, done.err
        assert federated.actions()[0] == "AssumeRoleWithWebIdentity"


def test_every_source_of_the_page_is_run_here() -> None:
    run = {"saml2aws", "gimme", "okta", "azure", "alice", "bob", "carol"}
    assert blocks().keys() == run | {"one-password", "saml2aws-assertion", "ci"}
