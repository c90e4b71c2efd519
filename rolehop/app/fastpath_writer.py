"""Write the record with which the hot path gives the next answer.

The chain is planned again, after the answer was printed, in an `App` of its own that notes every
variable and file that it reads. The record is written only if that leads to the same hop key: then
it lists everything that the answer depended on. Chains of one source share that `App`, which reads
their config once: what one of them depends on, the others hardly ever do not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rolehop import __version__
from rolehop.app.account_names import KnownNames
from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.app.source_callers import SourceCallers
from rolehop.base.advice import with_account_names
from rolehop.base.errors import RolehopError
from rolehop.base.files import write_beside
from rolehop.hotpath import holds, may_hold
from rolehop.hotpath.record import RECORDS, Record, read_own, read_record, record_path, state_folder
from rolehop.hotpath.writer import as_record
from rolehop.plan.model import Plan, SourceStep, step_label
from rolehop.vault.lazy_stores import QUIET_BACKENDS

_BUS = "DBUS_SESSION_BUS_ADDRESS"


Replannings = dict[tuple[str, str | None], Planning]
"""What plans chains again, by source and AWS profile."""


def write_fastpath_record(
    app: App, plan: Plan, asked_for: str, shared: Replannings | None = None
) -> None:
    """Write the record of ``plan``'s chain, by the name it was ``asked_for``, if it can be answered hot.

    If it cannot, nothing is written: the full path is slower and gives the same answer. Pass the
    same ``shared`` for many chains.
    """
    backend = QUIET_BACKENDS.get(app.vault.backend or "")
    folder = state_folder(app.variables)
    if backend is None or folder is None or Path(folder) != app.state_folder:
        return
    if any(name.startswith("KEYRING_PROPERTY_") for name in app.variables):
        return
    try:
        app.index_store.seal()
    except OSError:
        return
    planning = _replanning(app, plan, {} if shared is None else shared)
    again = planning.app
    if not _leads_to(planning, asked_for, plan, app.source_callers):
        return
    _add_backend_dependencies(again, backend)
    if again.dependencies.uncacheable or _names_a_password(again):
        return
    lines = as_record(_record(again, plan, asked_for, backend))
    text = None if lines is None else app.vault.seal(plan.key, lines)
    if text is not None:
        try:
            path = _path_to_write(folder, asked_for, app.variables, app.now().timestamp())
            write_beside(path, text, lasting=False, sweep=False)
        except OSError:
            return


def _replanning(app: App, plan: Plan, shared: Replannings) -> Planning:
    """Return what plans ``plan``'s chain again, new unless it is of no other chain's doing."""
    key = plan.source.name, plan.aws_profile
    found = shared.get(key)
    if found is None or found.app.dependencies.uncacheable:
        again = App(app.variables, app.home)
        # It has read the index already; `again` notes that it depends on it.
        again.index_store = app.index_store
        found = shared[key] = Planning(again)
    return found


def has_fastpath_record(app: App, plan: Plan, asked_for: str) -> bool:
    """True if the next answer is hot already: a renewed session keeps its records."""
    folder = state_folder(app.variables)
    for number in range(RECORDS if folder else 0):
        data = read_own(record_path(folder or "", asked_for, number))
        record = None if data is None else read_record(data)
        if data is None or record is None or record.chain != asked_for:
            return False
        if holds(record, app.variables, app.now().timestamp()):
            lines = data.rpartition(b"hmac\t")[0].decode()
            text = app.vault.seal(plan.key, lines) if record.key == plan.key else None
            return text is not None and text.encode() == data
    return False


def _path_to_write(folder: str, chain: str, environ: Mapping[str, str], now: float) -> Path:
    """Return the first record that is of no use any more, else the oldest one.

    One that others may use is of processes with other variables. The one that these variables fit
    has just failed to give the answer.
    """
    paths = [record_path(folder, chain, number) for number in range(RECORDS)]
    for path in paths:
        data = read_own(path)
        record = None if data is None else read_record(data)
        if record is None or record.chain != chain or not may_hold(record, now):
            return Path(path)
        if holds(record, environ, now):
            return Path(path)
    return min(map(Path, paths), key=lambda path: path.stat().st_mtime_ns)


def _leads_to(planning: Planning, asked_for: str, plan: Plan, callers: SourceCallers) -> bool:
    """Plan what was asked for again; true if it leads to ``plan``'s stored session, and asks for nothing.

    Whom the source signed in as is a matter of its state, which the record has in its key.
    """
    from rolehop.sources import stamp_of

    try:
        planned = planning.plan(asked_for, callers=callers)
        known_without_loading = stamp_of(plan.source, planning.app.source_context).value is not None
    except RolehopError:
        return False
    last = planned.steps[-1]
    stored = not isinstance(last, SourceStep) or last.stored
    same = (
        known_without_loading and stored and (planned.chain, planned.key) == (plan.chain, plan.key)
    )
    return same and not planned.guards.any


def _names_a_password(again: App) -> bool:
    """True if a variable that the record would hold is an address with a password in it."""
    values = (again.variables.get(name, "") for name in again.dependencies.variables)
    return any("@" in value.partition("://")[2].partition("/")[0] for value in values)


def _add_backend_dependencies(again: App, backend: str) -> None:
    from rolehop.vault.backend_selection import keyringrc

    for name in ("PYTHON_KEYRING_BACKEND", _BUS, "XDG_CONFIG_HOME", "HOME"):
        again.dependencies.add_variable(name)
    runtime = again.environ.get("XDG_RUNTIME_DIR")
    if backend == "kernel" and runtime:
        again.dependencies.add_file(Path(runtime, "bus"))
    settings = keyringrc(again.variables, sys.platform)
    if settings is not None:
        again.dependencies.add_file(settings)


def _record(again: App, plan: Plan, asked_for: str, backend: str) -> Record:
    return Record(
        version=__version__,
        chain=asked_for,
        backend=backend,
        key=plan.key,
        min_ttl=plan.min_ttl_seconds,
        until=_until(again),
        region=plan.export_region or "",
        label=with_account_names(step_label(plan.steps[-1], len(plan.hops)), KnownNames(again)),
        name=plan.chain,
        sink="journald" if again.config.history.journald else "",
        uid=os.geteuid(),
        host=os.uname().nodename,
        also=again.dependencies.items,
        files=again.dependencies.files,
        variables=again.dependencies.variables,
    )


def _until(again: App) -> int:
    """Return when the answer expires by the clock alone, in epoch seconds; 0: never.

    The full path refuses an ``environment`` source whose session has expired.
    """
    if "AWS_CREDENTIAL_EXPIRATION" not in again.dependencies.variables:
        return 0
    try:
        expires_at = datetime.fromisoformat(again.variables.get("AWS_CREDENTIAL_EXPIRATION", ""))
    except ValueError:
        return 0
    return int(expires_at.timestamp()) if expires_at.tzinfo else 0
