"""A world with an OpenID Connect issuer and a role that trusts it."""

from __future__ import annotations

from rolehop.aws.net.client_settings import ClientSettings
from tests.doubles import browser
from tests.doubles.oidc import Issuer
from tests.support.world import Done, World

HOME = "111111111111"


DEPLOY = "arn:aws:iam::111111111111:role/Deploy"


HUB = "arn:aws:iam::222222222222:role/Hub"


SUBJECT = "repo:corp/app:ref:refs/heads/main"


AUDIENCE = "sts.amazonaws.com"


class Federated:
    """A world with one issuer that one account knows."""

    def __init__(self, world: World, issuer: Issuer) -> None:
        self.world = world
        self.issuer = issuer
        self.log = world.folder / "browser"
        self.token_file = world.home / "token"
        aws = world.sts.world
        known = [AUDIENCE, issuer.client_id]
        self.provider = aws.oidc_provider(HOME, issuer.url, issuer.key.public_key(), known)
        aws.web_role(DEPLOY, self.provider)
        aws.role(HUB, trusts=[DEPLOY], max_session=43200)
        world.more = {
            "BROWSER": browser.as_variable(self.log),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_REGION": "eu-west-1",
        }

    def source(self, *lines: str, role: str | None = DEPLOY) -> None:
        named = [] if role is None else [f'role = "{role}"']
        body = "\n".join(['[sources.ci]\ntype = "web-identity"', *named, *lines])
        self.world.config(
            f'version = 1\n{body}\n[chains.own]\nsource = "ci"\n'
            f'[chains.hub]\nsource = "ci"\nhops = [{{ role = "{HUB}", duration = "2h" }}]\n'
        )

    def export(self, chain: str = "hub", **env: str) -> Done:
        return self.world.rolehop("export", chain, "--format", "json", env=env)

    def actions(self) -> list[str]:
        return [each.action for each in self.world.sts.calls]


IMPATIENT = ClientSettings("eu-west-1", read_timeout_seconds=0.2, max_attempts=1)


def planned_problem(federated: Federated) -> str:
    """Return the problem that plan and source list show; neither makes a call."""
    done = federated.world.rolehop("plan", "hub", "--format", "json")
    assert done.code == 0, done.err
    problem = str(done.json["hops"][0]["will_fail"])
    listed = federated.world.rolehop("source", "list", "--format", "json").json["sources"]
    assert [(each["state"], each["problem"]) for each in listed] == [("not ready", problem)]
    assert federated.actions() == []
    return problem
