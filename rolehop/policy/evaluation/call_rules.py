"""Rules that depend on the call: what its resource's policy means, and which policies cover it.

Source: IAM user guide, "Policy evaluation logic": within one account a resource-based policy grants
beside the caller's own policies, but "IAM role trust policies and KMS key policies are exceptions
to this logic, because they must explicitly allow access for principals"; and "AWS services that work
with IAM", column "Resource-based policies".
"""

from __future__ import annotations

from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.language.operators import overlap
from rolehop.policy.language.request_context import Context

SCOPE_CALL = "sts:GetScopedCredentials"
"""Which policies must allow it is not documented; that a Deny refuses it is how IAM works."""

ANY_RESOURCE = "any resource"
"""Stands for the resource of a call if none was named."""

# Service Authorization Reference, "Actions, resources, and condition keys" for STS and KMS:
# their actions that no role and no key decides.
_WITHOUT_ROLE = (
    "sts:assumeroot",
    "sts:decodeauthorizationmessage",
    "sts:getaccesskeyinfo",
    "sts:getcalleridentity",
    "sts:getdelegatedaccesstoken",
    "sts:getfederationtoken",
    "sts:getscopedcredentials",
    "sts:getservicebearertoken",
    "sts:getsessiontoken",
    "sts:getwebidentitytoken",
)

_WITHOUT_KEY = (
    "kms:connectcustomkeystore",
    "kms:createcustomkeystore",
    "kms:createkey",
    "kms:deletecustomkeystore",
    "kms:describecustomkeystores",
    "kms:disconnectcustomkeystore",
    "kms:generaterandom",
    "kms:listaliases",
    "kms:listkeys",
    "kms:listretirablegrants",
    "kms:updatecustomkeystore",
)

# An alias itself has no policy (KMS developer guide, "Controlling access to aliases").
_OF_ALIAS = ("kms:createalias", "kms:deletealias", "kms:updatealias")

# "Supports resource-based policies: No." Others are taken to have some.
_WITHOUT_POLICIES = (
    "athena",
    "autoscaling",
    "cloudformation",
    "cloudwatch",
    "ec2",
    "ecs",
    "eks",
    "elasticloadbalancing",
    "iam",
    "rds",
    "route53",
)


def is_of_iam(resource: str) -> bool:
    """True for the ARN of anything in IAM: a role, a user, an account's root."""
    return resource.split(":")[2:3] == ["iam"]


def is_role_arn(resource: str) -> bool:
    """True for the ARN of an IAM role, whether or not its name is a valid one."""
    return is_of_iam(resource) and resource.split(":", 5)[-1].startswith("role/")


def is_governed_by_resource(action: str, resource: str) -> bool:
    """True if only the policy of the resource can allow ``action`` on it, alone or with others.

    Args:
        action: as in a policy, with any wildcards.
        resource: an ARN, ``*`` for none, or `ANY_RESOURCE`.
    """
    lowered = action.lower()
    service = lowered.partition(":")[0]
    named = resource.startswith("arn:")
    if service == "sts":
        of_user = lowered == "sts:tagsession" and ":user/" in resource  # of GetFederationToken
        return lowered not in _WITHOUT_ROLE and not of_user
    if service == "kms":
        if ":alias/" in resource and lowered in _OF_ALIAS:
            return False
        return named or lowered not in _WITHOUT_KEY
    return False


def has_no_policy(action: str, resource: str) -> bool:
    """True if there is certainly no resource-based policy that could count for the call.

    Of IAM's resources only roles have one, and it counts for STS alone.
    """
    lowered = action.lower()
    service = lowered.partition(":")[0]
    if is_governed_by_resource(action, resource):
        return False
    if resource.startswith("arn:"):
        of_iam = is_of_iam(resource) and not resource.endswith(":root")
        of_service = resource.split(":")[2:3] == [service] != ["iam"]
        # Of KMS only its aliases are left.
        return of_iam or service == "kms" or (of_service and service in _WITHOUT_POLICIES)
    return resource == "*" or service in (*_WITHOUT_POLICIES, "sts", "kms")


def is_of_token(action: str) -> bool:
    """True if the call is made with a token, by nobody who has credentials of AWS."""
    return action.lower().startswith("sts:assumerolewith")


def is_for_sessions(action: str) -> bool:
    """True unless a role's session can never make the call.

    Source: IAM user guide, "Compare AWS STS credentials".
    """
    return action.lower() not in ("sts:getsessiontoken", "sts:getfederationtoken")


def needs_no_permission(action: str) -> bool:
    """True for a call that no policy can refuse.

    Source: STS API reference, GetCallerIdentity; IAM user guide, "Permissions for GetSessionToken":
    "You cannot use policies to control authentication operations".
    """
    return action.lower() in ("sts:getcalleridentity", "sts:getsessiontoken")


def covers_more_than_sts(action: str) -> bool:
    """True unless every action it stands for is of STS, or ``iam:PassRole``."""
    lowered = action.lower()
    return not lowered.startswith("sts:") and lowered != "iam:passrole"


_COVERED = (
    "aoss appconfig appstream autoscaling autoscaling-plans budgets clouddirectory cloudfront"
    " cloudsearch cloudtrail-data codeartifact codebuild codecommit codepipeline"
    " cognito-identity cognito-idp comprehend comprehendmedical compute-optimizer"
    " cost-optimization-hub dax dsql dynamodb ecr ecr-public events firehose fis fms gamelift"
    " health inspector-scan kendra kinesisvideo kms logs memorydb networkmonitor notifications"
    " opensearch pca-connector-ad personalize polly pricing resource-groups rolesanywhere s3"
    " secretsmanager servicediscovery signin sqs sts support swf textract timestream-influxdb"
    " transcribe transfer translate wafv2 workspaces xray"
)

# Services that are old and well known, and not on the list.
_NOT_COVERED = (
    "acm apigateway athena cloudformation cloudtrail cloudwatch config ec2 ecs eks"
    " elasticfilesystem elasticloadbalancing elasticmapreduce glue iam iot kinesis lambda"
    " organizations rds redshift route53 sagemaker ses sns ssm states"
)

_EXEMPT = "kms:retiregrant"


def rcps_cover(action: str, resource: str) -> Truth:
    """Return whether RCPs cover a call; unknown for services that are in neither table.

    Args:
        action: as in a policy, with any wildcards.
        resource: an ARN; of AWS managed keys an alias alone shows whose they are.
    """
    lowered = action.lower()
    service = lowered.partition(":")[0]
    if lowered == _EXEMPT or (service == "kms" and ":alias/aws/" in resource):
        return Truth.FALSE
    if service in _COVERED.split():
        return Truth.TRUE
    if service in _NOT_COVERED.split():
        return Truth.FALSE
    return Truth.UNKNOWN


# TagSession, SetSourceIdentity and SetContext are permissions of AssumeRole, not calls.
_OF_STS = (
    "sts:assumerole",
    "sts:getcalleridentity",
    "sts:getscopedcredentials",
    "sts:setcontext",
    "sts:setsourceidentity",
    "sts:tagsession",
)

_MFA = "aws:MultiFactorAuthPresent"


def beyond_session_token(action: str, caller: Caller, context: Context) -> Finding | None:
    """Return why the session cannot make the call; ``None``: it can, or only MFA decides.

    ``action`` may have wildcards: one that also stands for calls that it can make is none of these.
    """
    lowered = action.lower()
    if lowered.startswith("sts:") and not any(overlap(lowered, each) for each in _OF_STS):
        return _refused(
            "of STS, it can call AssumeRole and GetCallerIdentity, and be narrowed, alone",
            caller,
            Truth.FALSE,
        )
    # PassRole is a permission of other services' calls, and no call of IAM.
    if not lowered.startswith("iam:") or lowered == "iam:passrole":
        return None
    mfa = context.lookup(_MFA)
    if mfa == ("true",):
        return None
    truth = Truth.FALSE if mfa is None or isinstance(mfa, tuple) else Truth.UNKNOWN
    return _refused("to call IAM it needs MFA: give the source mfa_serial", caller, truth)


def _refused(wanted: str, caller: Caller, truth: Truth) -> Finding:
    element = "Caller" if truth is Truth.FALSE else _MFA
    return Finding(element, truth, Reason.NOT_BY_USER_SESSION, wanted, caller.arn)
