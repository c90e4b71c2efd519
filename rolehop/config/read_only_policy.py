"""The policy of a scope that only reads: what fits into one inline policy of GetScopedCredentials.

That call takes no managed policy, so AWS's ReadOnlyAccess cannot be given, and only 2,048 characters.
An action names its service without wildcards, so each service costs some. Only names with ``Get``,
``List``, ``Describe`` and the like are here, of services that many use, and none that reads what is
stored: no object, item, parameter, secret or log line. ``sts:AssumeRole`` is not allowed, so that
nobody walks out of the scope.
"""

from __future__ import annotations

import json

_DESCRIBE_AND_LIST = (
    "rds dynamodb cloudformation cloudwatch logs ecs eks ecr kms ssm secretsmanager config acm states"
    " events es kinesis organizations securityhub kafka batch"
)
_DESCRIBE = (
    "ec2 elasticloadbalancing autoscaling application-autoscaling cloudtrail elasticache firehose"
    " backup elasticfilesystem redshift budgets dms elasticbeanstalk fsx health workspaces"
)
_LIST = (
    "s3 iam lambda route53 sns sqs cloudfront athena guardduty servicequotas wafv2 sso codebuild"
    " codepipeline elasticmapreduce mq inspector2 transfer sagemaker bedrock access-analyzer scheduler"
    " ram pipes datasync shield"
)
_GET = "iam cloudwatch route53 sns cloudtrail config tag guardduty ce servicequotas"

# Describe* of Cognito and of Direct Connect would show client secrets and keys of BGP.
_SINGLE = (
    "cognito-idp:DescribeUserPool cognito-idp:ListUserPools directconnect:DescribeConnections"
    " s3:GetBucket* lambda:GetPolicy sqs:GetQueueAttributes cloudtrail:LookupEvents"
    " sts:GetCallerIdentity"
)

ACTIONS = (
    *(
        f"{service}:{verb}*"
        for service in _DESCRIBE_AND_LIST.split()
        for verb in ("Describe", "List")
    ),
    *(f"{service}:Describe*" for service in _DESCRIBE.split()),
    *(f"{service}:List*" for service in _LIST.split()),
    *(f"{service}:Get*" for service in _GET.split()),
    *_SINGLE.split(),
)
"""Every action that it allows, with wildcards in names."""

SERVICES = tuple(sorted({action.partition(":")[0] for action in ACTIONS}))

READ_ONLY_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ACTIONS, "Resource": "*"},
    },
    separators=(",", ":"),
)
"""JSON text, at most 2,048 characters."""

LEFT_OUT = (
    f"it reads {len(SERVICES)} services, fewer than AWS's ReadOnlyAccess, and nothing stored in them:"
    " no objects, items, parameters, secrets or log lines"
)
"""What people are told of it."""
