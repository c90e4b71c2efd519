"""A world with an Identity Center and a role that trusts one of its permission sets."""

from __future__ import annotations

from tests.doubles import browser
from tests.doubles.sso import Center
from tests.support.world import World

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
        done = self.world.rolehop("source", "login", "corp", *options)
        assert done.code == 0, done.err
