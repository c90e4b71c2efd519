"""Which condition keys a call can have at all, by its service and by what its chain starts with.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Security
Token Service", and IAM user guide, "IAM and AWS STS condition context keys": the keys of an identity
provider, of an instance or of a function are of the session that was got there. A chain that starts
with an IAM user's own credentials has none.
"""

from __future__ import annotations

# Keys of sessions that a service or an identity provider gave.
_OF_SOURCES = (
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:federatedprovider",
    "ec2:roledelivery",
    "ec2:sourceinstancearn",
    "glue:credentialissuingservice",
    "glue:roleassumedby",
    "identitystore:identitystorearn",
    "identitystore:userid",
    "lambda:sourcefunctionarn",
    "ssm:sourceinstancearn",
)
# Of GetServiceBearerToken and AssumeRoot alone.
_NOT_OF_ASSUME_ROLE = ("sts:awsservicename", "sts:durationseconds", "sts:taskpolicyarn")


def may_be_in_assume_role(key: str) -> bool:
    """True unless no AssumeRole call has the key, which is in lower case."""
    if is_of_source(key):
        return True
    return key.partition(":")[0] in ("aws", "sts", "iam") and key not in _NOT_OF_ASSUME_ROLE


def may_be_in_assume_role_of_user(key: str) -> bool:
    """True unless none has it in a chain that starts with an IAM user's own credentials."""
    return may_be_in_assume_role(key) and not is_of_source(key)


def may_be_in_call(key: str, *, of_sts: bool, from_user: bool) -> bool:
    """True unless no call of another service than STS has the key; ``of_sts``: it may be of STS."""
    if is_of_source(key):
        return not from_user
    return of_sts or not key.startswith("sts:")


def is_of_source(key: str) -> bool:
    """True for a key, in lower case, of a token, an instance or a function: ``saml:sub``."""
    prefix = key.partition(":")[0]
    return prefix == "saml" or "." in prefix or key in _OF_SOURCES
