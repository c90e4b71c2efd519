"""Describe one role: who may assume it, what it may do, and what is risky about it."""

from __future__ import annotations

from rolehop.advice import Advice, Argument
from rolehop.app.context import App
from rolehop.app.judging.policy_documents import PolicyOptions, read_documents
from rolehop.arn import RoleArn
from rolehop.errors import SourceError, UsageError
from rolehop.files import is_plain_file
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.role_report.report import RoleReport, report_on
from rolehop.show.finding_text import sentence
from rolehop.startup.dataclass import replace

HOW_TO_NAME_ROLE = "rolehop explain role ARN, or rolehop explain role FILE, from aws iam get-role"


def describe_role(app: App, role: str, policies: PolicyOptions, *, offline: bool) -> RoleReport:
    """Describe ``role``: its ARN, or a file with the output of ``aws iam get-role``.

    IAM is read with the credentials in this shell, unless a document has the role or ``offline``.

    Raises:
        UsageError: it is neither, or the file holds several roles.
        SourceError: neither the documents nor IAM know the role.
    """
    if is_plain_file(role):
        policies = replace(policies, documents=(role, *policies.documents))
        role = _only_role(read_documents(PolicyOptions(documents=(role,)), app.note), role)
    inventory = read_documents(policies, app.note)
    arn = _role_arn(role)
    if not offline and inventory.find(arn) is None:
        from rolehop.app.judging.live_iam import read_live_role

        inventory = read_live_role(app, arn).merged(inventory)
    report = report_on(inventory, arn)
    if report is not None:
        return report
    missing = inventory.role_missing(RoleArn.parse(arn))
    if missing is not None:
        raise SourceError(f"there is no role {arn}", cause=sentence(missing))
    raise SourceError(
        f"nothing is known about {arn}",
        cause="no file describes it, and AWS was not asked or did not say"
        if offline
        else "no file describes it, and the credentials in this shell may not read it",
        fix=f"aws iam get-role --role-name {arn.rpartition('/')[2]} > FILE, then --policies FILE",
    )


def _role_arn(text: str) -> str:
    try:
        return str(RoleArn.parse_in(text, "aws"))
    except ValueError as error:
        raise UsageError(str(error), fix=HOW_TO_NAME_ROLE) from None


def _only_role(inventory: IamInventory, file: str) -> str:
    roles = [arn for arn in inventory.entities if ":role/" in arn]
    if len(roles) != 1:
        raise UsageError(
            f"{file} describes {len(roles)} roles",
            fix=Advice("name one: rolehop explain role ARN --policies ", Argument(file)),
        )
    return roles[0]
