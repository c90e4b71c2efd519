"""Calls that AWS refuses whatever the policies say, by caller and role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.arn import partition_of
from rolehop.policy.evaluation.findings import Finding, Reason, Truth

if TYPE_CHECKING:
    from rolehop.policy.evaluation.model import Request


def impossible_for(request: Request) -> Finding | None:
    """Return why no policy could allow this call; ``None`` if one could."""
    if request.impossible is not None or request.owner is not None:
        return request.impossible
    caller = request.caller
    if is_service_linked(request.role) and not _is_linked_to(request.role, caller.service):
        wanted = "the AWS service that the role is linked to: no one else can assume it"
        return Finding("Caller", Truth.FALSE, Reason.SERVICE_LINKED, wanted, caller.shown)
    if caller.is_root:
        return Finding(
            "Caller", Truth.FALSE, Reason.ROOT_CALLER, "an IAM user or a session", caller.arn
        )
    if caller.arn is not None and ":federated-user/" in caller.arn:
        # GetFederationToken, STS API reference: of STS, such a session may call GetCallerIdentity.
        wanted = "an IAM user or a role's session"
        return Finding("Caller", Truth.FALSE, Reason.FEDERATED_USER, wanted, caller.arn)
    partition = partition_of(request.role)
    if caller.partition is not None and caller.partition != partition:
        return Finding(
            "Caller", Truth.FALSE, Reason.OTHER_PARTITION, f"a caller in {partition}", caller.arn
        )
    return None


def is_service_linked(role: str | None) -> bool:
    """True if neither SCPs nor RCPs apply to this role (Organizations user guide)."""
    return role is not None and ":role/aws-service-role/" in role


def _is_linked_to(role: str, service: str | None) -> bool:
    """True if a service-linked role is ``service``'s own, by its path.

    The trust policy of such a role cannot be edited (IAM user guide, "Service-linked roles").
    """
    return service is not None and f":role/aws-service-role/{service}/" in role
