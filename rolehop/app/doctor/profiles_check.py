"""AWS profiles whose ``credential_process`` is rolehop: whether what each line names is still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.profiles.changes import ProfileOptions, changes_for, write_changes
from rolehop.app.profiles.installation import named_config_file, this_installation
from rolehop.app.profiles.installed import (
    damaged_blocks,
    profile_rows,
    reinstall_commands,
    unlisted_fleet_of,
)
from rolehop.config.fleets.listed_fleets import refresh_advice
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.show.doctor.finding import DoctorFinding, Repair, broken, fine, look
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.profiles.changes import FileChange
    from rolehop.app.profiles.installation import Installation
    from rolehop.show.rows import ProfileRow

TOPIC = "profiles"
_SHOWN = 3


def check_profiles(app: App) -> Iterator[DoctorFinding]:
    """Yield the profiles through which no SDK gets an answer; those of one fault are one finding."""
    try:
        installation = this_installation()
        rows = profile_rows(app, (), installation)
        damaged = list(damaged_blocks(app))
    except UsageError as error:
        yield look(TOPIC, error.what, error.cause or "", error.fix or "")
        return
    except RolehopError:
        return  # the check of that file says it
    for path, damage in damaged:
        yield look(
            TOPIC,
            f"{path}:{damage.line}: {damage}",
            "until it has both markers, rolehop profile changes nothing in this file",
            "put both markers back, or delete the block by hand",
        )
    groups: dict[tuple[object, ...], list[ProfileRow]] = {}
    for row in rows:
        if row.problem:
            key = (row.file, row.problem, row.prefix, row.config_file, row.rewrite is None)
            groups.setdefault(key, []).append(row)
    for same in groups.values():
        yield _broken(app, same, installation)
    if rows and not groups and not damaged:
        yield fine(TOPIC, f"{pluralize(len(rows), 'AWS profile')} with rolehop's line")


def _broken(app: App, rows: Sequence[ProfileRow], installation: Installation) -> DoctorFinding:
    first, names = rows[0], ", ".join(f"'{each.profile}'" for each in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    which = f"AWS profile{'s' if len(rows) > 1 else ''} {names}{more}"
    names_chains = {each.chain for each in rows} <= _chains(app)
    command = next(reinstall_commands(rows), None)
    repairable = names_chains and first.config_file == named_config_file(app)
    return broken(
        TOPIC,
        f"{which} in {first.file}: {first.problem}",
        "every SDK that uses such a profile fails",
        command or _by_hand(app, first),
        _written_again(app, rows, installation) if repairable else None,
    )


def _chains(app: App) -> frozenset[str]:
    try:
        return frozenset(app.config.chains)
    except RolehopError:
        return frozenset()  # the config's own check says why


def _by_hand(app: App, row: ProfileRow) -> str:
    is_read = row.config_file == named_config_file(app)
    fleet = unlisted_fleet_of(app, row.chain) if is_read else None
    if fleet is not None:  # its chain may well be there
        return refresh_advice(fleet.name)
    if row.rewrite is not None:
        return f"write there: credential_process = {row.rewrite}"
    if row.installed:
        return Advice("rolehop profile remove ", Argument(row.profile))
    return "correct its credential_process"


def _written_again(
    app: App, rows: Sequence[ProfileRow], installation: Installation
) -> Repair | None:
    """Return the change that writes the lines of ``rows``, and all else that it would change."""
    first = rows[0]
    if first.prefix is None:
        return None
    chains = [app.config.chains[each.chain] for each in rows]
    in_credentials = first.file == app.aws_config.credentials_file
    options = ProfileOptions(first.prefix, credentials_file=in_credentials)

    def plan() -> list[FileChange]:
        return changes_for(app, chains, options, installation)

    try:
        changes = plan()
    except RolehopError:  # which the command says, too
        return None
    if not changes:
        return None
    shown = _changed_lines(changes)

    def make() -> None:
        now = plan()
        if _changed_lines(now) != shown:
            raise ConfigError(f"{first.file} has changed in the meantime", fix="run it again")
        write_changes(app, now)

    return Repair(" and ".join(str(each.file.path) for each in changes), *shown, make)


def _changed_lines(changes: Sequence[FileChange]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that go, and those that come."""
    lines = [line for each in changes for line in each.diff.split("\n")[2:]]
    before, after = (tuple(each[1:] for each in lines if each.startswith(sign)) for sign in "-+")
    return before, after
