"""The config: whether it can be read, whether it has chains, and names that mean two things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    from rolehop.app.config_files import check_config, first_step

    try:
        summary = check_config(app)
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    for each in summary.suspicious[:_SHOWN]:
        yield look(TOPIC, str(each), "it may not be what was meant", "rolehop config check")
    if not summary.chains:
        yield look(TOPIC, "there is no chain yet", "nothing can be assumed", first_step(app))
        return
    counts = f"{pluralize(summary.chains, 'chain')} from {pluralize(summary.sources, 'source')}"
    yield fine(TOPIC, f"{counts}, in {', '.join(summary.files)}")


def check_shadows(app: App) -> Iterator[DoctorFinding]:
    """Yield AWS profiles with the name of a chain, unless they call rolehop for it, as one finding.

    There are many where chains were made of the profiles by ``config import``.
    """
    try:
        chains, profiles = app.config.chains, app.aws_config.profiles
    except RolehopError:
        return  # the check of that file says it
    both = [name for name in sorted(chains.keys() & profiles.keys()) if not _runs(profiles[name])]
    if not both:
        return
    first = both[0]
    yield look(
        TOPIC,
        f"'{first}' is a chain and an AWS profile" if len(both) == 1 else _many_shadows(both),
        f"rolehop assume {first} walks the chain, and aws --profile {first} uses the profile",
        Advice("rename one of them; the chain: rolehop show ", Argument(first))
        if len(both) == 1
        else "delete those profiles, then let SDKs use the chains: rolehop profile install",
    )


def _runs(profile: Mapping[str, object]) -> bool:
    command = profile.get("credential_process")
    return isinstance(command, str) and _CALLS_ROLEHOP in command


def _many_shadows(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"{len(names)} chains have the name of an AWS profile: {shown}{more}"
