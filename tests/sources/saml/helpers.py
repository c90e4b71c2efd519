"""What the SAML tests share."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.errors import RolehopError
from tests.sources.machines import (
    use,
)
from tests.support.world import World

PROVIDER = "arn:aws:iam::111111111111:saml-provider/Corp"


OTHER = "arn:aws:iam::222222222222:role/Other"


THIRD = "arn:aws:iam::111111111111:role/Third"


def by_variable(world: World, assertion: str, more: str = "") -> None:
    use(world, f'type = "saml"\nassertion_env = "SAML"\n{more}')
    world.more["SAML"] = assertion


def clients(world: World, seconds: float) -> Callable[[str], StsClient]:
    """Return what makes clients that wait so long for an answer, once."""

    def client(region: str) -> StsClient:
        return StsClient(
            ClientSettings(
                region, endpoint_url=world.sts.url, read_timeout_seconds=seconds, max_attempts=1
            )
        )

    return client


def shown_cause(code: str, error: RolehopError) -> str:
    """Return the cause that is shown for AWS's message; for throttling it has the attempts, too."""
    attempts = str(error.cause).partition(" (")[2]
    return f"{code}: so it is ({attempts}" if attempts else f"{code}: so it is"
