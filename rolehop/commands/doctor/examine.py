"""Run every check, what is quick first and the network last, and repair what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rolehop.base.errors import RolehopError
from rolehop.commands.doctor.finding import DoctorFinding, State

if TYPE_CHECKING:
    from rolehop.app.context import App

Check = Callable[["App"], Iterator[DoctorFinding]]


def examine(app: App) -> Iterator[DoctorFinding]:
    """Yield each finding as soon as it is known: what is quick first, the network last.

    It calls AWS without credentials, writes one item to the keyring and deletes it, and changes
    nothing else.
    """
    for check in _checks():
        yield from check(app)


def _checks() -> tuple[Check, ...]:
    from rolehop.commands.doctor.config_checks import (
        check_rolehop_config,
        check_sdk_problems,
        check_shadows,
        check_sources,
        check_variables,
    )
    from rolehop.commands.doctor.file_checks import check_aws_files, check_profiles, check_state
    from rolehop.commands.doctor.service_checks import check_keyring, check_network
    from rolehop.commands.doctor.shell_checks import check_installation, check_shell

    return (
        check_installation,
        check_shell,
        check_variables,
        check_rolehop_config,
        check_shadows,
        check_sources,
        check_sdk_problems,
        check_aws_files,
        check_profiles,
        check_state,
        check_keyring,
        check_network,
    )


def repair(finding: DoctorFinding) -> str | None:
    """Make the change that ``finding`` proposes; return why it could not be made, ``None`` if it was."""
    if finding.repair is None:
        return "there is nothing to change"
    try:
        finding.repair.make()
    except OSError as error:
        return f"{finding.repair.path}: {error.strerror}"
    except RolehopError as error:
        return error.what
    return None


__all__ = ["DoctorFinding", "State", "examine", "repair"]
