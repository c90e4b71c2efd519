"""Short names of services, and where AWS's documentation says that their consoles are."""

from __future__ import annotations

from rolehop.errors import UsageError
from rolehop.text import NEAR, nearest, quoted

# The user guides of the services: "open the … console at https://console.aws.amazon.com/…/".
SERVICES = {
    "acm": "/acm/home",
    "apigateway": "/apigateway",
    "athena": "/athena/",
    "backup": "/backup",
    "batch": "/batch/",
    "bedrock": "/bedrock",
    "billing": "/billing/",
    "cloudformation": "/cloudformation",
    "cloudfront": "/cloudfront/v4/home",
    "cloudshell": "/cloudshell/",
    "cloudtrail": "/cloudtrail/",
    "cloudwatch": "/cloudwatch/",
    "codebuild": "/codesuite/codebuild/home",
    "codepipeline": "/codesuite/codepipeline/home",
    "cognito": "/cognito/home",
    "config": "/config/home",
    "costs": "/costmanagement/",
    "dynamodb": "/dynamodb/",
    "ec2": "/ec2/",
    "ecr": "/ecr/",
    "ecs": "/ecs/v2",
    "efs": "/efs/",
    "eks": "/eks/home",
    "elasticache": "/elasticache/",
    "emr": "/emr",
    "events": "/events/",
    "glue": "/glue/",
    "guardduty": "/guardduty/",
    "iam": "/iam/",
    "kinesis": "/kinesis",
    "kms": "/kms",
    "lambda": "/lambda/",
    "organizations": "/organizations/v2",
    "rds": "/rds/",
    "redshift": "/redshiftv2/",
    "route53": "/route53/",
    "s3": "/s3/",
    "sagemaker": "/sagemaker/",
    "secretsmanager": "/secretsmanager/",
    "securityhub": "/securityhub/",
    "servicequotas": "/servicequotas/",
    "ses": "/ses/",
    "singlesignon": "/singlesignon",
    "sns": "/sns/home",
    "sqs": "/sqs/",
    "states": "/states/",
    "support": "/support/",
    "systems-manager": "/systems-manager/",
    "vpc": "/vpc/",
    "wafv2": "/wafv2/",
}


def service_path(name: str) -> str:
    """Return the path of a service's console.

    Raises:
        UsageError: no service is called so here.
    """
    path = SERVICES.get(name.lower())
    if path is not None:
        return path
    near = nearest(name, SERVICES, n=1, cutoff=NEAR)
    raise UsageError(
        f"no service is called {quoted(name)} here",
        fix=f"did you mean {near[0]}?"
        if near
        else "rolehop console --list; others by --destination",
    )
