"""A world with a source of every kind, whose secrets are all known."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.doubles import browser
from tests.doubles.console import ConsoleDouble
from tests.doubles.metadata import ContainerAgent
from tests.doubles.oidc import Issuer
from tests.doubles.roles_anywhere import ANCHOR, PROFILE, RolesAnywhere
from tests.doubles.saml import IdentityProvider
from tests.doubles.sso import Center
from tests.doubles.sts_world import Key
from tests.doubles.web import Reply
from tests.planted import token as pkcs11_token
from tests.sources import pki
from tests.support import fork_server
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, HUB, LONGEST_RUN, MFA_SERIAL, SCRIPT, Done, World

CODE = "735921"
"""An MFA code, which is wrong: what is refused is shown most readily."""

PROXY_PASSWORD = "PlantedProxyPassword/0123456789+"
DB_PASSWORD = "PlantedPasswordOfAnother%Program!"
PASSPHRASE = 'Planted"Passphrase" of the key'
CLIENT_SECRET = "PlantedSecretOf+This/Client 0123"
REQUEST_TOKEN = "PlantedTokenThatRequests.GitHub/s"
EXTERNAL_ID = "an-external-id-is-no-secret"
START = "arn:aws:iam::111111111111:role/Start"
_SAML = "arn:aws:iam::111111111111:saml-provider/Corp"

INHERITED = {
    *("OIDC token", "SAML assertion", "container token", "password of another program"),
    *("proxy password", "proxy password as it is written", "GitHub's request token"),
}
"""Secrets in variables of the user's own, which a program that is started has, too."""

SOURCES = (
    *("stored", "env", "web", "job", "login", "saml", "sso", "pod", "anywhere", "program"),
    *(["on-token"] if pkcs11_token.IS_THERE else []),
    "coded",
)
"""Each has a chain of its name, to the hub; the code of the last is wrong."""

_CONFIG = f"""\
version = 1
[defaults]
session_name = "me"
[sources.stored]
type = "keys"
[sources.env]
type = "environment"
[sources.coded]
type = "environment"
mfa_serial = "{MFA_SERIAL}"
mfa_command = ["MINE/code"]
[sources.web]
type = "web-identity"
role = "{START}"
token_env = "OIDC_TOKEN"
[sources.job]
type = "web-identity"
role = "{START}"
ci = "github"
[sources.login]
type = "web-identity"
role = "{START}"
issuer = "ISSUER"
client_id = "rolehop-client"
[sources.saml]
type = "saml"
assertion_env = "SAML"
[sources.sso]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Developer"
[sources.pod]
type = "container"
[sources.anywhere]
type = "roles-anywhere"
trust_anchor = "{ANCHOR}"
profile = "{PROFILE}"
role = "{START}"
certificate = "MINE/me.pem"
private_key = "MINE/me.key"
passphrase_command = ["MINE/passphrase"]
[sources.on-token]
type = "roles-anywhere"
trust_anchor = "{ANCHOR}"
profile = "{PROFILE}"
role = "{START}"
certificate = "MINE/me.pem"
pkcs11 = "{pkcs11_token.URI}"
passphrase_command = ["MINE/pin"]
[sources.program]
type = "process"
command = ["MINE/program"]
[fleets.spokes]
from = "stored"
role = "{{account}}:role/Audit"
accounts = ["444444444444", "555555555555"]
[chains.narrow]
from = "stored"
scope = {{ read_only = true, description = "planted" }}
[chains.admin]
from = "stored"
hops = [{{ role = "{ADMIN}", external_id = "{EXTERNAL_ID}" }}]
""" + "".join(
    f'[chains.{name}]\nsource = "{name}"\nhops = [{{ role = "{HUB}" }}]\n' for name in SOURCES
)

_MANY = 10_000  # requests; more than there are
_LONG = timedelta(hours=6)  # that tokens last, however slow this machine is

# It notes what it was given, then does what follows it.
_SPY = """\
#!/bin/sh
tr '\\0' '\\n' </proc/$$/cmdline >{spied}/$$.arguments
tr '\\0' '\\n' </proc/$$/environ >{spied}/$$.environment
{then}
"""


@dataclass
class Planted:
    """The world; ``issued`` says whose secrets are which, as far as the doubles have made them."""

    world: World
    center: Center
    console: ConsoleDouble
    issuer: Issuer
    silent_url: str
    """Where calls are taken and never answered."""
    fixed: dict[str, str]
    """Secrets that last as long as the world, by name."""
    mine: Path
    """Programs of the test, and what they print."""
    spied: Path
    folders: tuple[Path, ...]
    """Those that a run may write in."""
    _saved: dict[Path, Path] = field(default_factory=dict)
    _keys: list[Key] = field(default_factory=list)
    _refreshes: dict[str, str] = field(default_factory=dict)

    def secrets(self) -> dict[str, str]:
        """Every secret there is by now, by name."""
        found = dict(self.fixed)
        for number, key in enumerate((*self.world.sts.world.keys.values(), *self.world.alice.keys)):
            found[f"secret key {number} of {key.arn}"] = key.secret
            if key.token:
                found[f"session token {number} of {key.arn}"] = key.token
        issued = [
            *self.center.secrets(),
            *self.center.devices,
            *self.center.codes,
            *self.console.tokens,
            *(each.rpartition(".")[2] for each in self.issuer.given),
        ]
        known = self.fixed.values()
        return found | {
            f"token {number}": each for number, each in enumerate(issued) if each not in known
        }

    def handed_over(self, text: str) -> set[str]:
        """The names of the secrets of the sessions whose access key IDs are in ``text``."""
        keys = self.world.sts.world.keys.values()
        return {
            name
            for name, secret in self.secrets().items()
            for key in keys
            if key.access_key_id in text and secret in (key.secret, key.token)
        }

    def save(self) -> None:
        """Let `restore` come back to how the folders are now, and alice's keys."""
        self._keys = list(self.world.alice.keys)
        self._refreshes = dict(self.issuer.refreshes)
        for folder in (*self.folders, self.world.vault):
            kept = folder.with_name(f"{folder.name}-kept")
            shutil.copytree(folder, kept, symlinks=True)
            self._saved[folder] = kept

    def restore(self) -> None:
        """Begin again: with what `save` has saved, and an AWS that answers."""
        # A program that was interrupted may still be about to end.
        shutil.rmtree(self.spied, ignore_errors=True)
        self.spied.mkdir(exist_ok=True)
        for folder, kept in self._saved.items():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        if self._keys:  # `keys rotate` has replaced them
            self.world.alice.keys[:] = self._keys
            for each in self._keys:
                each.active = True
            self.world.sts.world.keys |= {each.access_key_id: each for each in self._keys}
        self.issuer.refreshes.update(self._refreshes)  # good once
        self.world.sts.recover()
        self.world.sts.world.role(HUB, trusts=self._trusted(), max_session=43_200)

    @property
    def credentials_file(self) -> Path:
        """The AWS file in which alice's keys stand once `write_keys` wrote them."""
        return self.world.home / ".aws" / "credentials"

    def write_keys(self) -> None:
        """Write alice's keys into the AWS file, as a profile of a chain's name."""
        key = self.world.alice.key
        self.world.aws_credentials(
            f"[stored]\naws_access_key_id = {key.access_key_id}\n"
            f"aws_secret_access_key = {key.secret}\n"
        )

    def refuse(self) -> None:
        self.world.sts.world.role(HUB, trusts=[])

    def run(
        self,
        arguments: list[str],
        env: Mapping[str, str | None],
        conditions: Mapping[str, object] = {},
        text: str | None = None,
    ) -> Done:
        """Run rolehop in a fork; ``conditions`` are those of `tests.storm.process_conditions`."""
        environ = self.world.environ_with(env)
        assert fork_server.may_serve(environ)
        done = fork_server.run(
            [SCRIPT, *arguments], environ, self.world.home, text, LONGEST_RUN, conditions=conditions
        )
        assert done is not None
        return Done(*done)

    def _trusted(self) -> list[str]:
        developer = self.center.assign("alice", "111111111111", "Developer")
        return [self.world.alice.arn, START, developer]


def _spy(path: Path, spied: Path, then: str) -> None:
    path.write_text(_SPY.format(spied=spied, then=then))
    path.chmod(0o700)


def _trust(provider: str) -> Mapping[str, object]:
    """Return a trust policy that lets everybody in whom one of the sources speaks for."""
    services = ["rolesanywhere.amazonaws.com", "pods.eks.amazonaws.com"]
    plain = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    allowed: list[tuple[dict[str, object], list[str]]] = [
        ({"Federated": provider}, ["sts:AssumeRoleWithWebIdentity"]),
        ({"Federated": _SAML}, ["sts:AssumeRoleWithSAML"]),
        ({"Service": services}, plain),
    ]
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": actions}
        for principal, actions in allowed
    ]
    return {"Version": "2012-10-17", "Statement": statements}


@contextmanager
def planted(world: World) -> Iterator[Planted]:
    """Plant a secret of every kind in ``world``; whatever I keep of them is in its folder ``mine``."""
    mine, spied, tmp, run = (world.folder / name for name in ("mine", "spied", "tmp", "run"))
    for folder in (mine, spied, tmp, run):
        folder.mkdir(mode=0o700)
    aws, root = world.sts.world, pki.issue("root", authority=True)
    leaf = pki.issue("me", root)
    key = pki.key_pem(leaf.key, passphrase=PASSPHRASE)
    pki.write(mine / "me.pem", pki.pem(leaf.certificate))
    pki.write(mine / "me.key", key)
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer())
        issuer.seconds = int(_LONG.total_seconds())
        center = stack.enter_context(Center(world.sts))
        console = stack.enter_context(ConsoleDouble(world.sts))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        provider = aws.oidc_provider(
            "111111111111", issuer.url, issuer.key.public_key(), [issuer.client_id]
        )
        start = aws.role(START, policy=_trust(provider), max_session=43_200)
        agent = stack.enter_context(ContainerAgent(aws, start))
        anywhere = stack.enter_context(RolesAnywhere(aws, root.certificate))
        anywhere.profile.roles.append(START)
        aws.saml_providers[_SAML] = identity = IdentityProvider(_SAML)
        token, assertion = issuer.token("me"), identity.assertion([START], lasts=_LONG)
        given = aws.issue(
            3600, account="111111111111", arn=world.alice.arn, user_id="x", user=world.alice
        )
        output = {
            "Version": 1,
            "AccessKeyId": given.access_key_id,
            "SecretAccessKey": given.secret,
            "SessionToken": given.token,
            "Expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        }
        (mine / "output").write_text(json.dumps(output))
        (mine / "passphrase-text").write_text(PASSPHRASE)
        _spy(mine / "code", spied, f"cat {mine}/code-text")
        (mine / "code-text").write_text(CODE)
        _spy(mine / "passphrase", spied, f"cat {mine}/passphrase-text")
        _spy(mine / "pin", spied, f"cat {mine}/pin-text")
        (mine / "pin-text").write_text(pkcs11_token.PIN)
        _spy(mine / "program", spied, f"cat {mine}/output")
        _spy(mine / "child", spied, "exit 0")
        proxy = f"http://me:{PROXY_PASSWORD.replace('/', '%2F').replace('+', '%2B')}@127.0.0.1:9"
        world.more = {
            **center.environ,
            **console.environ,
            "BROWSER": browser.as_variable(world.folder / "browser"),
            "TMPDIR": str(tmp),
            "OIDC_TOKEN": token,
            "SAML": assertion,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + agent.PATH,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": str(agent.token),
            "AWS_ENDPOINT_URL_ROLESANYWHERE": anywhere.url,
            "ROLEHOP_MFA_CODE": CODE,
            "DB_PASSWORD": DB_PASSWORD,
            "HTTP_PROXY": proxy,
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1",
            "AWS_METADATA_SERVICE_TIMEOUT": "60",
            "AWS_REGION": "eu-west-1",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/request?api-version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }
        if pkcs11_token.IS_THERE:
            world.more |= pkcs11_token.make_token(mine / "hsm", pki.key_pem(leaf.key))
        issuer.client_secret = CLIENT_SECRET
        issuer.say("/request", Reply(json={"value": issuer.token("me")}), _MANY)
        world.config(_CONFIG.replace("MINE", str(mine)).replace("ISSUER", issuer.url))
        private = "".join(key.decode().splitlines()[2:-1])
        fixed = {
            "OIDC token": token.rpartition(".")[2],
            "SAML assertion": assertion[400:],
            "container token": str(agent.token),
            "private key": private,
            "passphrase": PASSPHRASE,
            "PIN of the token": pkcs11_token.PIN,
            "client secret": CLIENT_SECRET,
            "GitHub's request token": REQUEST_TOKEN,
            "proxy password": PROXY_PASSWORD,
            "proxy password as it is written": proxy.split(":")[2].partition("@")[0],
            "password of another program": DB_PASSWORD,
        }
        folders = (world.home, tmp, run)
        made = Planted(world, center, console, issuer, silent_url, fixed, mine, spied, folders)
        made.restore()
        for line in (["keys", "add", "stored", "--from-env"], ["source", "login", "sso"]):
            done = made.run(line, {})
            assert done.code == 0, done.err
        with OnTerminal(world, SCRIPT, "source", "login", "login") as person:
            person.expect("client secret")
            person.types(CLIENT_SECRET)
            assert person.ended().code == 0
        world.vault.mkdir(exist_ok=True)
        made.save()
        yield made
