"""What single services decide beside policies: calls about no resource, and what AWS alone may change.

Sources: Service Authorization Reference, "Actions, resources, and condition keys" (an action without
a resource type: "you must specify all resources ("*") in the Resource element"); IAM API reference,
``UnmodifiableEntity``; IAM user guide, "AWS managed policies" ("You can't change the permissions
defined in AWS managed policies") and "Service-linked roles"; AWS re:Post knowledge center, "Cannot
perform the operation on the protected role AWSReservedSSO"; KMS developer guide, "Controlling access
to aliases", and KMS API reference, CreateAlias.
"""

from __future__ import annotations

from rolehop.base.startup import Pattern
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.language.operators import Token, Wild, overlap

# Those of them that people ask about; of an action that is not listed, the resource counts that is
# named.
_WITHOUT_RESOURCE = {
    "autoscaling": (
        "DescribeAccountLimits DescribeAutoScalingGroups DescribeAutoScalingInstances"
        " DescribeLaunchConfigurations DescribePolicies DescribeScalingActivities"
        " DescribeScheduledActions DescribeTags"
    ),
    "cloudformation": "ListExports ListImports ListStacks ValidateTemplate",
    "dynamodb": "DescribeEndpoints DescribeLimits ListBackups ListGlobalTables ListTables",
    "ec2": (
        "DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeImages"
        " DescribeInstanceStatus DescribeInstances DescribeInstanceTypes DescribeInternetGateways"
        " DescribeKeyPairs DescribeLaunchTemplates DescribeNatGateways DescribeNetworkAcls"
        " DescribeNetworkInterfaces DescribeRegions DescribeRouteTables DescribeSecurityGroups"
        " DescribeSnapshots DescribeSubnets DescribeTags DescribeVolumes DescribeVpcEndpoints"
        " DescribeVpcPeeringConnections DescribeVpcs"
    ),
    "ecr": "DescribeRegistry GetAuthorizationToken GetRegistryPolicy PutRegistryPolicy",
    "ecs": "ListClusters ListTaskDefinitionFamilies ListTaskDefinitions",
    "iam": (
        "DeleteAccountPasswordPolicy GenerateCredentialReport GetAccountAuthorizationDetails"
        " GetAccountPasswordPolicy GetAccountSummary GetCredentialReport ListAccountAliases"
        " ListOpenIDConnectProviders ListPolicies ListSAMLProviders ListServerCertificates"
        " UpdateAccountPasswordPolicy"
    ),
    "kms": (
        "ConnectCustomKeyStore CreateCustomKeyStore CreateKey DeleteCustomKeyStore"
        " DescribeCustomKeyStores DisconnectCustomKeyStore GenerateRandom ListAliases ListKeys"
        " ListRetirableGrants UpdateCustomKeyStore"
    ),
    "lambda": "GetAccountSettings ListEventSourceMappings ListFunctions ListLayers",
    "s3": (
        "GetAccountPublicAccessBlock ListAccessPoints ListAllMyBuckets ListJobs"
        " PutAccountPublicAccessBlock"
    ),
    "secretsmanager": "BatchGetSecretValue GetRandomPassword ListSecrets",
    "sqs": "ListQueues",
    "sts": (
        "DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity GetServiceBearerToken"
        " GetSessionToken"
    ),
}

_LOWERED = {
    f"{service}:{name}".lower()
    for service, names in _WITHOUT_RESOURCE.items()
    for name in names.split()
}


def is_about_no_resource(action: str) -> bool:
    """True if the call of ``action`` is about no single resource, so that policies must name ``*``."""
    return action.lower() in _LOWERED


def is_about_several(action: str, resource: str) -> bool:
    """True if the call is surely judged on more resources than the one that is named.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2":
    RunInstances requires image, instance, network interface, security group, subnet and volume.
    """
    return action.lower() == "ec2:runinstances" and resource.startswith("arn:")


def covers_all(pattern: tuple[Token, ...], action: str) -> tuple[Truth, Reason]:
    """Return whether a Resource pattern covers a call that is about no single resource.

    Only ``*`` surely does. AWS's own examples also write ``arn:aws:s3:::*`` for ``ListAllMyBuckets``
    (Amazon S3 user guide, "Controlling access to a bucket with user policies"); whether all of
    another service, or of one of its accounts, means all resources is not documented.
    """
    text = "".join(each.value if isinstance(each, Wild) else each for each in pattern)
    if text == "*" or (action.lower() == "s3:listallmybuckets" and _ALL_BUCKETS.fullmatch(text)):
        return Truth.TRUE, Reason.MATCHES
    if text.count(":") < 5 or not text.split(":", 5)[5].strip("*"):
        return Truth.UNKNOWN, Reason.RESOURCE_UNDOCUMENTED
    return Truth.FALSE, Reason.RESOURCE_NOT_ALL


_ALL_BUCKETS = Pattern(r"arn:aws(?:-[a-z-]+)?:s3:::\*")

_OF_MANAGED_POLICY = (
    "iam:createpolicy",  # whose policy is one of the caller's account
    "iam:createpolicyversion",
    "iam:deletepolicy",
    "iam:deletepolicyversion",
    "iam:setdefaultpolicyversion",
)

# The operations whose errors include UnmodifiableEntity, and whose resource is a role.
_OF_ROLE = (
    "iam:attachrolepolicy",
    "iam:deleterole",
    "iam:deleterolepermissionsboundary",
    "iam:deleterolepolicy",
    "iam:detachrolepolicy",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:updateassumerolepolicy",
)

# AWS does not say of which of these roles it takes them.
_OF_ROLE_PERHAPS = ("iam:createrole", "iam:tagrole", "iam:untagrole", "iam:updaterole")

_OF_SERVICE_LINKED = ("iam:createservicelinkedrole", "iam:deleteservicelinkedrole")

_ALIASES = ("kms:createalias", "kms:deletealias", "kms:updatealias")


def changed_by_aws_alone(action: str, resource: str, caller: str | None) -> Finding | None:
    """Return why AWS refuses a change whatever policies say, or may refuse it; ``None``: it does not.

    Args:
        action: as in a policy, with any wildcards.
        resource: the ARN.
        caller: ARN of the caller, if it is known.
    """
    for mark, surely, perhaps, whose in _KEPT:
        if mark in resource:
            found = _among(action, surely)
            if found is None and _among(action, perhaps) is not None:
                found = Truth.UNKNOWN
            if found is not None:
                element = "Caller" if found is Truth.FALSE else "unmodifiable"
                return Finding(element, found, Reason.CHANGED_BY_AWS, whose, caller)
    return None


_KEPT: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        ":iam::aws:policy/",
        _OF_MANAGED_POLICY,
        ("iam:tagpolicy", "iam:untagpolicy"),
        "this is an AWS managed policy, which only AWS can change",
    ),
    (
        ":role/aws-service-role/",
        _OF_ROLE,
        ("iam:createrole", "iam:updaterole"),
        "this is a service-linked role: only the AWS service that it belongs to can change it",
    ),
    (
        ":role/aws-reserved/",
        _OF_ROLE,
        (*_OF_ROLE_PERHAPS, *_OF_SERVICE_LINKED, "iam:updateroledescription"),
        "AWS keeps this role, and changes it by IAM Identity Center alone: change the permission set",
    ),
    (
        ":alias/aws/",
        _ALIASES,
        (),
        "aliases that begin with alias/aws/ are those of AWS managed keys",
    ),
)


# Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
_OF_OBJECT = Pattern(
    r"s3:(?:(?:delete|get|put|restore)object(?!lambda)\w*|abortmultipartupload|listmultipartuploadparts"
    r"|bypassgovernanceretention|replicate(?:delete|object|tags))"
)
_OF_BUCKET = Pattern(
    r"s3:(?:(?:create|delete|get|put)bucket\w*|listbucket\w*|[gp](?:e|u)t\w+configuration)"
)
_BUCKET = Pattern(r"(?s)arn:[^:]+:s3:::([^/]+)(/.*)?")


def named_amiss(action: str, resource: str) -> str | None:
    """Return what is to be named in place of ``resource``, which the call cannot be about.

    ``None``: it can be, or that is not known. An action with wildcards stands for too many.

    Sources: KMS developer guide, "Specifying KMS keys in IAM policy statements" ("You cannot use a
    key id, alias name, or alias ARN to identify a KMS key"); Service Authorization Reference on
    which calls of S3 are about a bucket, and which about an object.
    """
    lowered = action.lower()
    if lowered.startswith("kms:") and ":kms:" in resource and ":alias/" in resource:
        key = f"the key's ARN, which aws kms describe-key --key-id {resource} shows"
        return None if lowered in _ALIASES else key
    found = _BUCKET.fullmatch(resource)
    if found is None:
        return None
    if found[2] is None:
        return f"an object: {resource}/KEY" if _OF_OBJECT.fullmatch(lowered) else None
    bucket = resource.partition("/")[0]
    return f"the bucket: {bucket}" if _OF_BUCKET.fullmatch(lowered) else None


def _among(action: str, listed: tuple[str, ...]) -> Truth | None:
    """Return that an action is one of ``listed``, or, with wildcards, may be; ``None``: it is not."""
    lowered = action.lower()
    if lowered in listed:
        return Truth.FALSE
    return Truth.UNKNOWN if any(overlap(lowered, each) for each in listed) else None


def other_half_of_alias(action: str, resource: str, caller: str | None) -> Finding | None:
    """Return that a call for an alias asks for more than the resource that is named.

    "Principals who manage aliases must have permission to call the alias operation on the alias and
    on all affected KMS keys."
    """
    if action.lower() not in _ALIASES:
        return None
    other = "each key that it is for" if ":alias/" in resource else "the alias"
    return Finding("alias-and-key", Truth.UNKNOWN, Reason.ALSO_NEEDED, other, caller)
