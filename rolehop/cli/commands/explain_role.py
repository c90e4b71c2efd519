"""``rolehop explain role``: one role in itself, from files or from IAM."""

from __future__ import annotations

from pathlib import Path

from rolehop.app.planning import sts_of_shell
from rolehop.app.policy_documents import PolicyOptions, read_documents
from rolehop.arn import RoleArn
from rolehop.cli.context import CommandContext
from rolehop.errors import SourceError, UsageError
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.show.finding_text import sentence
from rolehop.startup.dataclass import replace


def describe(
    cli: CommandContext, role: str, told: PolicyOptions, style: str, *, offline: bool
) -> None:
    """Print what a role is; ``role`` is its ARN, or a file with the output of get-role.

    Raises:
        UsageError: it is neither, or the file holds several roles.
        SourceError: nothing of what was given, and nobody who was asked, knows the role.
    """
    from rolehop.policy.role_report.report import report_on

    if Path(role).is_file():
        told = replace(told, policies=(role, *told.policies))
        role = _only_role(read_documents(PolicyOptions(policies=(role,))), role)
    records = read_documents(told)
    arn = _role_arn(role)
    if not offline and records.find(arn) is None:
        records = _live(cli, arn).merged(records)
    report = report_on(records, arn)
    missing = records.role_missing(RoleArn.parse(arn))
    if report is None and missing is not None:
        raise SourceError(f"there is no role {arn}", cause=sentence(missing))
    if report is None:
        raise SourceError(
            f"nothing is known of {arn}",
            cause="no file tells of it, and AWS was not asked or did not say"
            if offline
            else "no file tells of it, and the credentials of this shell may not read it",
            fix=f"aws iam get-role --role-name {arn.rpartition('/')[2]} > FILE, then --policies FILE",
        )
    if style == "json":
        from rolehop.show.json_documents import as_json
        from rolehop.show.role import role_document

        cli.terminal.write_output(as_json(role_document(report)) + "\n")
        return
    from rolehop.show.role import role_view

    cli.terminal.write_view(role_view(report))


def _role_arn(text: str) -> str:
    try:
        return str(RoleArn.parse_in(text, "aws"))
    except ValueError as error:
        raise UsageError(str(error), fix="rolehop explain role ARN, or a file") from None


def _only_role(records: IamInventory, file: str) -> str:
    roles = [arn for arn in records.entities if ":role/" in arn]
    if len(roles) != 1:
        raise UsageError(
            f"{file} tells of {len(roles)} roles",
            fix=f"name one: rolehop explain role ARN --policies {file}",
        )
    return roles[0]


def _live(cli: CommandContext, arn: str) -> IamInventory:
    """Ask IAM with the credentials that this shell holds, where it holds any."""
    from rolehop.aws.iam_reader import IamReader
    from rolehop.errors import RolehopError
    from rolehop.sources.environment import read

    environ = {name: value for name, value in cli.environ.items() if name != "ROLEHOP_CHAIN"}
    try:
        credentials = read(environ, cli.app.now())
        return IamReader(sts_of_shell(cli.app).query, credentials).role(arn) or IamInventory()
    except RolehopError as error:
        cli.terminal.note(f"IAM is not read: {error.what}")
        return IamInventory()
