"""The config: whether it can be read, whether it has chains, and names that mean two things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.errors import RolehopError
from rolehop.show.doctor.finding import DoctorFinding, fine, from_error, look
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App

TOPIC = "config"
_SHOWN = 3
_CALLS_ROLEHOP = "rolehop"


def check_rolehop_config(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the config files, or how many chains they have."""
    from rolehop.app.config_files import check_config

    try:
        summary = check_config(app)
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    for each in summary.suspicious[:_SHOWN]:
        yield look(TOPIC, str(each), "it may not be what was meant", "rolehop config check")
    if not summary.chains:
        yield look(TOPIC, "there is no chain yet", "nothing can be assumed", "rolehop config init")
        return
    counts = f"{pluralize(summary.chains, 'chain')} from {pluralize(summary.sources, 'source')}"
    yield fine(TOPIC, f"{counts}, in {', '.join(summary.files)}")


def check_shadows(app: App) -> Iterator[DoctorFinding]:
    """Yield AWS profiles with the name of a chain, unless they call rolehop for it."""
    try:
        chains, profiles = app.config.chains, app.aws_config.profiles
    except RolehopError:
        return  # the check of that file says it
    for name in sorted(chains.keys() & profiles.keys()):
        command = profiles[name].get("credential_process")
        if isinstance(command, str) and _CALLS_ROLEHOP in command:
            continue
        yield look(
            TOPIC,
            f"'{name}' is a chain and an AWS profile",
            f"rolehop assume {name} walks the chain, and aws --profile {name} uses the profile",
            Advice("rename one of them; the chain: rolehop show ", Argument(name)),
        )
