"""How `credential-process` failed, as long as something may ask for that chain again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.errors import ConfigError
from rolehop.state.sdk_problems import sdk_problems

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.state.sdk_problems import SdkProblem

_UNKNOWN_LASTS = timedelta(hours=1)


def sdk_failures(app: App) -> list[SdkProblem]:
    """Return how chains failed for SDKs in the last week, the latest first.

    A name that neither the config nor an AWS profile has, such as a typo, is left out after an hour:
    what still asks for it, from an AWS config elsewhere, asks again.
    """
    now = app.now()
    return [
        each
        for each in sdk_problems(app.state_folder, now)
        if now - each.at < _UNKNOWN_LASTS or _may_be_asked_for(app, each.chain)
    ]


def _may_be_asked_for(app: App, name: str) -> bool:
    """True if the config or an AWS profile has a chain's name, or it is not known what they have."""
    from rolehop.app.planning import is_chain

    try:
        if app.config_problem is not None or is_chain(app, name):
            return True
        return name.partition("/")[0] in app.config.listed_fleets or name in _chains_of_lines(app)
    except ConfigError:
        return True


def _chains_of_lines(app: App) -> set[str]:
    """Return the chains for which a profile of the AWS files runs `credential-process`."""
    from rolehop.awsconfig.process_line import own_line

    aws = app.aws_config
    sections = [*aws.config_profiles.values(), *aws.credentials_sections.values()]
    values = (each.get("credential_process") for each in sections)
    lines = (own_line(each) for each in values if isinstance(each, str))
    return {each.chain for each in lines if each is not None}
