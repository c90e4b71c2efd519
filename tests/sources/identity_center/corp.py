"""A world with an Identity Center and a role that trusts one of its permission sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from rolehop.app.ports import Nobody, Unseen
from rolehop.awsconfig import AwsConfig
from rolehop.config.model import SourceConfig
from rolehop.sources.cli_sign_in import endpoints_digest
from rolehop.sources.context import KeyStore, SourceContext
from tests.doubles import browser
from tests.doubles.sso import Center
from tests.sources.machines import MemoryTokens
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

HUB = "arn:aws:iam::222222222222:role/Hub"


HOME = "111111111111"


CONFIG = """\
version = 1
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Developer"

[chains.own]
source = "corp"

[chains.hub]
source = "corp"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub", duration = "2h" }]
"""


PICKED = CONFIG.replace('account = "111111111111"\nrole = "Developer"\n', "")


SESSION = """\
[sso-session my-sso]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
"""


BY_SESSION = CONFIG.replace(
    'start_url = "https://corp.awsapps.com/start"\nsso_region = "eu-west-1"',
    'sso_session = "my-sso"',
)


class Corp:
    """A world with one Identity Center in it."""

    def __init__(self, world: World, center: Center) -> None:
        self.world = world
        self.center = center
        self.log = world.folder / "browser"
        developer = center.assign("alice", HOME, "Developer")
        world.sts.world.role(HUB, trusts=[developer], max_session=43200)
        world.config(CONFIG)
        world.more = {
            **center.environ,
            "BROWSER": browser.as_variable(self.log),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
        }

    def login(self, *options: str) -> None:
        with OnTerminal(self.world, SCRIPT, "source", "login", "corp", *options) as person:
            done = person.ended()
        assert done.code == 0, done.err

    def cli_cache(self, name: str) -> Path:
        """Return the file of the AWS CLI's cache for an sso-session or a start URL."""
        digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        return self.world.home / ".aws" / "sso" / "cache" / f"{digest}.json"

    def cli_signs_in(
        self,
        *,
        lasts: timedelta,
        url: str | None = None,
        marked: bool = True,
        renewable: bool = False,
    ) -> Path:
        """Sign in for the AWS CLI: take a session of the double's and write the CLI's file.

        ``url`` is the start URL in the file, the double's own by default. The file is ``marked``
        with the double's endpoints, as rolehop does when it shares a sign-in; the CLI does not. One that
        is ``renewable`` has what renews it, as those of an sso-session have.
        """
        self.login()
        session = self.center.sessions[-1]
        self.world.rolehop("source", "logout", "corp")
        session.ended = False
        path = self.cli_cache("my-sso")
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "startUrl": self.center.start_url if url is None else url,
            "region": "eu-west-1",
            "accessToken": session.access,
            "expiresAt": f"{self.center.now + lasts:%Y-%m-%dT%H:%M:%SZ}",
        }
        if renewable:
            client = self.center.clients[session.client]
            document["refreshToken"] = session.refresh
            document |= {"clientId": session.client, "clientSecret": client.secret}
            document["registrationExpiresAt"] = f"{client.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        if marked:
            url = self.center.url
            document["rolehopEndpoints"] = endpoints_digest((("sso", url), ("sso-oidc", url)))
        path.write_text(json.dumps(document))
        path.chmod(0o600)
        return path


class _AtTerminal(Unseen):
    def show(self, *lines: str) -> bool:
        del lines
        return True


def here(
    corp: Corp, keys: KeyStore, sleep: Callable[[float], object]
) -> tuple[SourceConfig, SourceContext]:
    """Return the source and what it may use, in this process."""
    context = SourceContext(
        environ=corp.center.environ,
        aws=AwsConfig(),
        aws_files=(Path("config"), Path("credentials")),
        keys=keys,
        now=lambda: corp.center.now,
        person=Nobody("this is a test", seen_by=_AtTerminal()),
        home=corp.world.home,
        sleep=sleep,
        tokens=MemoryTokens(),
    )
    settings = {"start_url": corp.center.start_url, "sso_region": "eu-west-1"}
    settings |= {"account": HOME, "role": "Developer"}
    return SourceConfig("corp", "identity-center", settings), context


class ApprovedAtOnce(dict[str, tuple[str, bool]]):
    """Device codes that somebody approves the moment they are shown."""

    def __setitem__(self, code: str, device: tuple[str, bool]) -> None:
        super().__setitem__(code, (device[0], True))
