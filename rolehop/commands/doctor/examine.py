"""Run every check, what is quick first and the network last, and repair what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rolehop.base.errors import RolehopError
from rolehop.base.text import clean
from rolehop.commands.doctor.finding import DoctorFinding, State, broken, from_error

if TYPE_CHECKING:
    from rolehop.app.context import App

Check = Callable[["App"], Iterator[DoctorFinding]]


def examine(app: App) -> Iterator[DoctorFinding]:
    """Yield each finding as soon as it is known: what is quick first, the network last.

    It calls AWS without credentials, writes one item to the keyring and deletes it, and changes
    nothing else. A check that fails is a finding, too, and the others go on.
    """
    for topic, check in _checks():
        try:
            yield from check(app)
        except RolehopError as error:
            yield from_error(topic, error)
        except Exception as error:  # noqa: BLE001 - whatever a machine has in store for one check
            yield broken(
                topic,
                f"doctor could not look at this: {type(error).__name__}: {clean(str(error))}",
                "something here is not as this check expects it",
                "rolehop --debug doctor",
            )


def _checks() -> tuple[tuple[str, Check], ...]:
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
        ("program", check_installation),
        ("shell", check_shell),
        ("environment", check_variables),
        ("config", check_rolehop_config),
        ("config", check_shadows),
        ("sources", check_sources),
        ("sources", check_sdk_problems),
        ("files", check_aws_files),
        ("profiles", check_profiles),
        ("files", check_state),
        ("keyring", check_keyring),
        ("network", check_network),
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
