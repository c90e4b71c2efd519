"""Refusals in which AWS names no call that a policy refused: what each means, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.policy.denied_text import S3_ACTIONS
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import explain_refusal

_CALL = "rolehop explain CHAIN --action ACTION --resource ARN"
_NO_POLICY = "AWS refused the call, and no policy is the reason"


def other_refusal(text: str) -> UsageError:
    """Return the error for a text in which AWS says neither who was refused nor what.

    Source: Amazon S3 user guide, "Troubleshoot access denied (403 Forbidden) errors": for many
    calls S3's message is "Access Denied" alone.
    """
    for pattern, explain in _KNOWN:
        match = pattern.compiled.search(text)
        if match is not None:
            return explain(match)
    if _BARE_DENIAL.search(text) is None:
        return UsageError(
            "this is not an access-denied message of AWS",
            cause="it does not say: User: ARN is not authorized to perform: ACTION",
            fix=f"copy that sentence of AWS, or name the call: {_CALL}",
        )
    action, cause = _action(text), "AWS's own words name neither caller, nor action, nor resource"
    if action == "s3:GetObject":
        # S3 API reference, GetObject and HeadObject, "Permissions".
        cause += "; without s3:ListBucket they are the same for an object that does not exist"
    return UsageError(
        "the text says only that a call was refused",
        cause=cause,
        fix=f"name the call: {_CALL if action is None else _CALL.replace('ACTION', action)}",
    )


_BARE_DENIAL = Pattern(
    r"Access ?Denied|\b403\b|Forbidden|UnauthorizedOperation|Access to the resource \S+ is denied",
    re.IGNORECASE,
)

# Of botocore and the AWS CLI, and of the SDK for Go 2, which Terraform shows.
_OPERATION = Pattern(
    r"when calling the (?P<name>\w{1,80}) operation"
    r"|operation error (?P<service>\w[\w ]{0,40}): (?P<of_go>\w{1,80}),"
)
_OF_S3 = Pattern(r"Object|Bucket|MultipartUpload|UploadPart")
_OF_SQS = Pattern(r"Access to the resource https://\S{0,99}(?:sqs|queue)\b")
_PREFIXES = frozenset(
    [
        *("s3", "ec2", "sts", "iam", "rds", "kms", "sns", "sqs", "ssm", "ecr", "ecs", "eks"),
        *("lambda", "dynamodb", "cloudformation", "secretsmanager"),
    ]
)


def _action(text: str) -> str | None:
    """Return the action of the operation that a program names; ``None``: it is not known of which service."""
    match = _OPERATION.search(text)
    if match is None:
        return None
    name = match["name"] or match["of_go"]
    service = (match["service"] or "").replace(" ", "").lower()
    if not service:
        service = "sqs" if _OF_SQS.search(text) else "s3" if _OF_S3.search(name) else ""
    if service not in _PREFIXES:
        return None
    return f"{service}:{S3_ACTIONS.get(name, name) if service == 's3' else name}"


_KEY = Pattern(r"arn:aws[\w-]{0,20}:kms:[\w-]{1,30}:[0-9]{12}:key/[\w-]{1,64}")


def _of_key(match: re.Match[str]) -> UsageError:
    """Of Secrets Manager, of KMS itself to a Decrypt, of Lambda (as observed): none names the call."""
    named = _KEY.search(match.string)
    key = "KEY" if named is None else named[0]
    fix = (
        "find the key that encrypts the resource, see that it exists in this Region and is enabled, then"
        f" ask whether the caller may use it: rolehop explain CHAIN --action kms:Decrypt --resource {key}"
        " --resource-policy FILE"
    )
    if match["lambda"] is not None:
        # AWS re:Post, "How do I resolve KMSAccessDeniedException errors from Lambda?"
        fix = (
            "if the function's role was deleted and made again, give the function another role and then"
            f" this one, which renews its grant of the key; else {fix}"
        )
    return UsageError(
        "AWS says only that a KMS key may not be used",
        cause="it does not name the whole call; often another service called KMS for the caller",
        fix=fix,
    )


def _of_credentials(match: re.Match[str]) -> UsageError:
    return UsageError(
        f"AWS refused the credentials, not the call: {match[0]}",
        cause="they have ended, are gone, or were not signed with the right key; no policy decides",
        fix="make the call with a new session: rolehop exec CHAIN -- COMMAND",
    )


def _of_no_credentials(match: re.Match[str]) -> UsageError:
    if match["docker"] is not None:
        return UsageError(
            "Docker has no password for that registry: AWS was not asked",
            cause="it takes one of Amazon ECR, which lasts 12 hours",
            fix=Advice(
                ShellCommand(
                    "rolehop exec CHAIN -- aws ecr get-login-password |"
                    " docker login --username AWS --password-stdin REGISTRY"
                )
            ),
        )
    return UsageError(
        f"the program found no credentials that are still good: {match[0]}",
        cause="AWS was not asked, so that no policy decides",
        fix="give it a session: rolehop exec CHAIN -- COMMAND",
    )


def _of_sts(match: re.Match[str]) -> UsageError:
    """What STS says alone, as a walk explains it."""
    said = match[0].strip(" .")
    found = explain_refusal(StsRefusal("AccessDenied", said))
    return UsageError(_NO_POLICY, cause=found.cause, fix=found.fix)


def _of_clock(match: re.Match[str]) -> UsageError:
    found = explain_refusal(StsRefusal("RequestExpired", ""))
    return UsageError(_NO_POLICY, cause=found.cause, fix=found.fix)


def _of_provider(match: re.Match[str]) -> UsageError:
    """STS API reference, AssumeRoleWithWebIdentity; IAM user guide, "Create an OIDC identity provider"."""
    url = match["url"]
    return UsageError(
        f"the role's account has no IAM identity provider for {url}",
        cause="AWS looks for it in the account of the role's ARN, by the token's issuer, to the letter",
        fix=Advice(
            "check that the ARN names the right account, then create it there: ",
            ShellCommand(
                f"aws iam create-open-id-connect-provider --url {url} --client-id-list sts.amazonaws.com"
            ),
        ),
    )


def _of_service_role(match: re.Match[str]) -> UsageError:
    """Lambda and ECS developer guides: the role that a service is to take has to trust it."""
    service = "lambda" if match["lambda"] is not None else "ecs-tasks"
    return UsageError(
        f"{service}.amazonaws.com could not assume the role that it was given",
        cause="the role does not exist, its trust policy does not name the service, or both are too new",
        fix=f"allow sts:AssumeRole to {service}.amazonaws.com (Principal Service) in the role's trust"
        " policy; if that was just done, try again in a few seconds",
    )


def _of_hidden(match: re.Match[str]) -> UsageError:
    """What CDK, and Terraform of old, say in place of AWS's words."""
    role = match["cdk"] or match["terraform"]
    return UsageError(
        "a role could not be assumed, and the program keeps AWS's words to itself",
        cause="most often the role's trust policy does not name the caller, or the role does not exist",
        fix=Advice(
            "get them from AWS, with the same credentials: ",
            ShellCommand(
                f"aws sts assume-role --role-session-name why --role-arn {role} 2>&1 |"
                " rolehop explain --error -"
            ),
        ),
    )


def _of_table(match: re.Match[str]) -> UsageError:
    return UsageError(
        "AWS's sentence is broken up by the columns of a table",
        cause="it cannot be put together again without guessing",
        fix=Advice(
            "print it whole: ",
            ShellCommand(
                "aws cloudformation describe-stack-events --stack-name STACK | rolehop explain --error -"
            ),
        ),
    )


def _of_lake_formation(match: re.Match[str]) -> UsageError:
    """Lake Formation developer guide, "Overview of Lake Formation permissions"."""
    what = match["what"] or "what it needs on the database or table"
    return UsageError(
        "AWS Lake Formation refused the call: IAM policies alone do not allow it",
        cause="the caller lacks a permission of Lake Formation's own, besides those of its policies",
        fix=f"have an administrator of the data lake grant the caller {what} in Lake Formation",
    )


def _of_model(match: re.Match[str]) -> UsageError:
    """Bedrock user guide, "Access Amazon Bedrock foundation models"."""
    return UsageError(
        "Amazon Bedrock gives this account no access to that model in this Region",
        cause="models are opened to an account, Region by Region, besides what its policies allow",
        fix="get access to the model on the console's Bedrock pages, in the Region of the call, or name a"
        " model that the account has",
    )


def _of_identity_center(match: re.Match[str]) -> UsageError:
    """IAM Identity Center portal API reference, GetRoleCredentials."""
    return UsageError(
        "IAM Identity Center gives you no session of that role in that account",
        cause="its permission set is not assigned to you there, or the profile names another one",
        fix="compare sso_account_id and sso_role_name with what the access portal lists; if it is not"
        " there, have the permission set assigned to you in that account",
    )


def _of_roles_anywhere(match: re.Match[str]) -> UsageError:
    """IAM Roles Anywhere user guide, "Troubleshooting" and "Profiles"."""
    if match["name"] is not None:
        return UsageError(
            "IAM Roles Anywhere refused the name of the session, not the call",
            cause="its profile does not let the caller name the session",
            fix=Advice(
                "leave the session's name out, or allow it in the profile: ",
                ShellCommand(
                    "aws rolesanywhere update-profile --accept-role-session-name --profile-id ID"
                ),
            ),
        )
    return UsageError(
        "IAM Roles Anywhere does not trust the certificate: no policy decides",
        cause="no chain leads from it to the trust anchor's CA, or it has ended or was revoked",
        fix="check that the trust anchor holds the CA that issued the certificate, and that the"
        " intermediate certificates are sent along (certificate bundle)",
    )


def _of_rbac(match: re.Match[str]) -> UsageError:
    """EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries"."""
    verb, what = match["verb"], match["what"]
    if match["group"]:
        what = f"{what}.{match['group']}"
    where = "--all-namespaces" if match["space"] is None else f"--namespace {match['space']}"
    if match["user"] == "system:anonymous":
        return _of_cluster(match)
    return UsageError(
        f"this is Kubernetes' refusal, not AWS's: its RBAC does not let {match['user']} {verb} {what}",
        cause="what this user may do, the cluster's own roles say, and on EKS its access policies",
        fix=Advice(
            "bind a role of the cluster to that user, or on EKS associate an access policy with the"
            " caller's access entry (older: aws-auth); to see whether it does: ",
            ShellCommand(f"kubectl auth can-i {verb} {what} {where}"),
        ),
    )


def _of_kubernetes(match: re.Match[str]) -> UsageError:
    return UsageError(
        "this is Kubernetes' refusal, not AWS's",
        cause="its RBAC or an admission controller refused the request; no policy of AWS decides",
        fix=Advice("see what you may do there: ", ShellCommand("kubectl auth can-i --list")),
    )


def _of_cluster(match: re.Match[str]) -> UsageError:
    return UsageError(
        "this is Kubernetes' refusal, not AWS's: the cluster does not know the caller",
        cause="the caller's role has no EKS access entry and no line in the aws-auth ConfigMap, or kubectl"
        " called as somebody else",
        fix=Advice(
            "give the role that calls an access entry, or call as one that has one: ",
            ShellCommand("aws eks create-access-entry --cluster-name CLUSTER --principal-arn ROLE"),
        ),
    )


_KNOWN: tuple[tuple[Pattern, Callable[[re.Match[str]], UsageError]], ...] = (
    (
        Pattern(
            r"is forbidden: User \\{0,16}\"(?P<user>[^\"\\\n]{1,300})\\{0,16}\" cannot (?P<verb>[a-z]+)"
            r" (?:resource )?\\{0,16}\"?(?P<what>\w[\w./-]*)\\{0,16}\"?"
            r"(?: in API group \\{0,16}\"(?P<group>[\w.-]*)\\{0,16}\")?"
            r"(?: in the namespace \\{0,16}\"(?P<space>[\w.-]+))?"
        ),
        _of_rbac,
    ),
    (Pattern(r"Error from server \(Forbidden\)"), _of_kubernetes),
    (Pattern(r"You must be logged in to the server"), _of_cluster),
    (
        Pattern(
            r"(?P<lambda>unable to decrypt the environment variables)"
            r"|Access\s{1,9}to\s{1,9}KMS\s{1,9}is\s{1,9}not\s{1,9}allowed"
            r"|ciphertext\s{1,9}refers\s{1,9}to\s{1,9}a\s{1,9}(?:customer\s{1,9}master|KMS)\s{1,9}key"
            r"|KMS\s{1,9}key\b.{0,80}\bis\s{1,9}not\s{1,9}allowed"
            r"|not\s{1,9}allowed\s{1,9}to\s{1,9}use\s{1,9}(?:the\s{1,9})?(?:AWS\s{1,9})?KMS",
            re.IGNORECASE,
        ),
        _of_key,
    ),
    (
        # As STS says it (`walk.sts_errors`).
        Pattern(
            r"(?:MultiFactorAuthentication failed|Roles may not be assumed by root accounts"
            r"|Cannot call GetSessionToken with session credentials)[^\n(\"'<\\]{0,200}"
        ),
        _of_sts,
    ),
    (
        Pattern(
            r"No OpenIDConnect provider found in your account for (?P<url>https://[\w./:-]{1,255}[\w/-])"
        ),
        _of_provider,
    ),
    (
        Pattern(
            r"(?P<lambda>role defined for the function cannot be assumed by Lambda)"
            r"|ECS was unable to assume the role"
        ),
        _of_service_role,
    ),
    (
        Pattern(
            r"credentials could not be used to assume '(?P<cdk>arn:[\w:/+=,.@-]{1,600})'"
            r"|role\s{1,9}\(?\"?(?P<terraform>arn:[\w:/+=,.@-]{1,600})\"?\)?\s{1,9}cannot\s{1,9}be"
            r"\s{1,9}assumed",
            re.IGNORECASE,
        ),
        _of_hidden,
    ),
    (Pattern(r"\bnot {1,9}authorized[ |│,]{0,99}\n[ |│,]{8,199}"), _of_table),
    (
        Pattern(
            r"Insufficient Lake Formation permission\(s\)(?:: Required (?P<what>[\w ]{1,200}\w))?"
        ),
        _of_lake_formation,
    ),
    (Pattern(r"have access to the model with the specified model ID"), _of_model),
    (
        Pattern(
            r"ForbiddenException.{1,300}GetRoleCredentials|GetRoleCredentials\b.{1,300}ForbiddenException"
        ),
        _of_identity_center,
    ),
    (
        Pattern(
            r"Untrusted (?:signing )?certificate|(?P<name>Not authorized to set roleSessionName)",
            re.I,
        ),
        _of_roles_anywhere,
    ),
    (
        # IAM API reference and Amazon S3 API reference, "Common errors" and "Error responses"; EC2's
        # AuthFailure has other reasons, too.
        Pattern(
            r"\b(?:ExpiredToken(?:Exception)?|InvalidAccessKeyId|InvalidClientTokenId"
            r"|SignatureDoesNotMatch|UnrecognizedClientException)\b"
            r"|AWS was not able to validate the provided access credentials"
        ),
        _of_credentials,
    ),
    (
        Pattern(r"\bRequest(?:Expired|TimeTooSkewed)\b|Signature (?:expired|not yet current)"),
        _of_clock,
    ),
    (
        # Of botocore, the AWS CLI, the SDKs for Go and Docker.
        Pattern(
            r"SSOProviderInvalidToken|the SSO session has expired or is invalid|Token has expired and refresh"
            r" failed|Unable to locate credentials|NoCredentialProviders|CredentialsProviderError"
            r"|Session token not found or invalid|(?P<docker>no basic auth credentials)",
            re.IGNORECASE,
        ),
        _of_no_credentials,
    ),
)
