"""AWS profiles whose ``credential_process`` is rolehop: whether what each line names is still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.profiles.changes import ProfileOptions, install_changes, write_changes
from rolehop.app.profiles.installation import this_installation
from rolehop.app.profiles.installed import profile_rows, unlisted_fleet_of
from rolehop.config.fleets.listed_fleets import refresh_advice
from rolehop.errors import RolehopError
from rolehop.show.doctor.finding import DoctorFinding, Repair, broken, fine
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.profiles.installation import Installation
    from rolehop.show.rows import ProfileRow

TOPIC = "profiles"


def check_profiles(app: App) -> Iterator[DoctorFinding]:
    """Yield the profiles through which no SDK gets an answer."""
    try:
        installation = this_installation()
        rows = profile_rows(app, (), installation)
    except RolehopError:
        return  # the check of that file says it
    problems = [each for each in rows if each.problem]
    for row in problems:
        yield _broken(app, row, installation)
    if rows and not problems:
        yield fine(TOPIC, f"{pluralize(len(rows), 'AWS profile')} with rolehop's line")


def _broken(app: App, row: ProfileRow, installation: Installation) -> DoctorFinding:
    names_chain = row.chain in app.config.chains
    return broken(
        TOPIC,
        f"AWS profile '{row.profile}' in {row.file}: {row.problem}",
        "every SDK that uses the profile fails",
        _advice(app, row, names_chain=names_chain),
        _rewritten(app, row, installation) if row.installed and names_chain else None,
    )


def _advice(app: App, row: ProfileRow, *, names_chain: bool) -> str:
    fleet = unlisted_fleet_of(app, row.chain)
    if fleet is not None:  # its chain may well be there
        return refresh_advice(fleet.name)
    if not row.installed:
        return "correct its credential_process"
    if names_chain:
        return Advice("rolehop profile install ", Argument(row.chain))
    return Advice("rolehop profile remove ", Argument(row.profile))


def _rewritten(app: App, row: ProfileRow, installation: Installation) -> Repair | None:
    """Return the change to the line that would be written now."""
    if row.rewrite is None or not row.profile.endswith(row.chain):
        return None
    options = ProfileOptions(
        prefix=row.profile.removesuffix(row.chain),
        credentials_file=row.file == app.aws_config.credentials_file,
    )

    def make() -> None:
        write_changes(app, install_changes(app, [row.chain], options, installation))

    lines = (f"credential_process = {each}" for each in (row.line, row.rewrite))
    before, after = ((each,) for each in lines)
    return Repair(row.file, before, after, make)
