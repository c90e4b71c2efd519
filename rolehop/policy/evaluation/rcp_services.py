"""Which calls resource control policies (RCPs) cover.

Source: Organizations user guide, "Resource control policies (RCPs)": "List of AWS services that
support RCPs" and "Resources and entities not restricted by RCPs", as of 2026. The list grows.
"""

from __future__ import annotations

from rolehop.policy.evaluation.findings import Truth

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
