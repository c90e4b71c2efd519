"""The name that fills in ``{caller}``: whom a source signed in as, in a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.planning import source_plan
from rolehop.errors import SourceError
from rolehop.plan.identity import caller_name, check_principal, principal_name
from rolehop.ports import StsRefusal
from rolehop.sources.loading import absent
from rolehop.sts_errors import refused_caller
from rolehop.walk import walk

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.walking.shared_failures import StepFailures
    from rolehop.config.model import SourceConfig
    from rolehop.plan.model import Plan, Stamp
    from rolehop.plan.resolve import Resolved
    from rolehop.ports import Ports


class CallerFound(Exception):
    """AWS says that the source signed in as somebody else than planned; plan again with ``name``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def ask_aws(
    app: App,
    resolved: Resolved,
    stamp: Stamp,
    plan: Plan,
    ports: Ports,
    failures: StepFailures | None,
) -> str:
    """Return the name that the source of ``resolved`` signed in with, as AWS says it.

    ``failures``: if another walk of the same run failed to find out, so does this one.
    A session of the source that is stored says it, too; so does ``principal``, which the walk checks.

    Raises:
        SourceError: the source gives no credentials, another principal's, or a role's.
        HopRefused: AWS does not accept them.
    """
    source, key = resolved.source, plan.steps[0].key
    name = principal_name(source)
    if name is not None:
        return name
    if stamp.stored:
        arn = walk(source_plan(app, resolved, stamp), ports).arn
        app.source_callers.note(key, arn)
    else:

        def ask() -> str:
            return _caller(source, stamp, ports)

        asked = ask if failures is None else lambda: failures.once(key, ask)
        arn = app.source_callers.said_by_aws(key, asked)
    name = caller_name(arn)
    if name is None:
        raise SourceError(f"source '{source.name}' is nobody with a name: {arn}")
    return name


def _caller(source: SourceConfig, stamp: Stamp, ports: Ports) -> str:
    credentials = ports.source.load()
    if credentials is None:
        raise absent(source, stamp)
    try:
        arn = ports.sts.caller(credentials).arn
    except StsRefusal as refusal:
        whose = f"the credentials of source '{source.name}'"
        raise refused_caller(refusal, whose) from None
    check_principal(source, arn)
    return arn
