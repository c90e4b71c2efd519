"""Documents that make sense, one or a few for each parser."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.hotpath.record import Record
from rolehop.hotpath.writer import as_record, sealed
from rolehop.vault.index import Index
from rolehop.vault.index_file import as_text
from rolehop.vault.serialization import as_document, as_item
from tests.support.world import CONFIG, HUB

_BEGIN = datetime(2026, 1, 1, 11, 50, tzinfo=UTC)
_END = _BEGIN + timedelta(hours=1)
_SEAL = "5a" * 32
KEY = sha256(b"hub").hexdigest()

CONFIGS = [
    CONFIG,
    """\
version = 1
[accounts]
prod = "333333333333"
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Developer"
[sources.ci]
type = "web-identity"
role = "arn:aws:iam::111111111111:role/CI"
token_command = ["cat", "token"]
audience = "sts.amazonaws.com"
[sources.tool]
type = "process"
command = "tool --json 'a b'"
[chains.hub]
source = "corp"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub", session_name = "{user}@{host}" }]
[[chains.deep.hops]]
role = "333333333333:role/Admin"
external_id = "x-42"
duration = "30m"
source_identity = "{user}"
tags = { team = "platform" }
transitive_tags = ["team"]
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
[chains.deep]
from = "hub"
confirm = true
labels = { env = "prod" }
[fleets.all]
source = "corp"
accounts = { web = "444444444444", db = "555555555555" }
[fleets.own]
source = "corp"
region = "eu-west-1"
[fleets.own.chains]
"team/admin" = "444444444444/Admin"
dev = { account = "555555555555", role = "Dev", color = "red", labels = { env = "test" } }
""",
]
AWS_CONFIG = [
    """\
[default]
region = eu-west-1
[profile admin]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = base
duration_seconds = 3600
mfa_serial = arn:aws:iam::111111111111:mfa/alice
[profile base]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
[profile corp]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Dev
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[services local]
sts =
  endpoint_url = http://localhost:1
[profile tool]
credential_process = /usr/bin/tool --x "a b"
""",
    "[base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n",
]
POLICIES: list[Any] = [
    {
        "Version": "2012-10-17",
        "Id": "x",
        "Statement": [
            {
                "Sid": "One",
                "Effect": "Allow",
                "Principal": {"AWS": ["arn:aws:iam::111111111111:root"], "Federated": "x"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "x"}, "Bool": {"a": True}},
            },
            {"Effect": "Deny", "NotPrincipal": "*", "NotAction": ["s3:*"], "Resource": "*"},
        ],
    },
    {"Statement": {"Effect": "Allow", "Action": ["*"], "NotResource": ["arn:aws:s3:::${aws:username}"]}},
]  # fmt: skip
INVENTORY: list[Any] = [
    {
        "RoleDetailList": [
            {
                "Arn": HUB,
                "RoleId": "AROA",
                "AssumeRolePolicyDocument": POLICIES[0],
                "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": POLICIES[1]}],
                "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
                "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/b"},
                "Tags": [{"Key": "a", "Value": "b"}],
                "MaxSessionDuration": 3600,
            }
        ],
        "UserDetailList": [{"Arn": "arn:aws:iam::111111111111:user/a", "GroupList": ["g"]}],
        "GroupDetailList": [{"Arn": "arn:aws:iam::111111111111:group/g", "GroupPolicyList": []}],
        "Policies": [
            {
                "Arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "AttachmentCount": 1,
                "PolicyVersionList": [
                    {"VersionId": "v1", "IsDefaultVersion": True, "Document": POLICIES[1]}
                ],
            }
        ],
    },
    {"Organization": {"MasterAccountId": "111111111111"}},
    [{"Role": {"Arn": HUB, "AssumeRolePolicyDocument": "%7B%22Statement%22%3A%5B%5D%7D"}}],
]  # fmt: skip
DENIED = [
    (
        "An error occurred (AccessDenied) when calling the GetObject operation: User: arn:aws:sts::"
        "222222222222:assumed-role/Hub/me is not authorized to perform: s3:GetObject on resource:"
        ' "arn:aws:s3:::b/k" with an explicit deny in a service control policy: arn:aws:organizations'
        "::1:policy/o-a/service_control_policy/p-b"
    ),
    "You are not authorized to perform this operation. Encoded authorization failure message: x-Y_1",
    json.dumps(
        {
            "Records": [
                {
                    "eventSource": "s3.amazonaws.com",
                    "eventName": "GetObject",
                    "errorCode": "AccessDenied",
                    "userIdentity": {"arn": HUB},
                    "resources": [{"ARN": "arn:aws:s3:::b/k"}],
                    "requestParameters": {"bucketName": "b", "key": "k"},
                }
            ]
        }
    ),
]
_ATTRIBUTE = '<a:Attribute Name="https://aws.amazon.com/SAML/Attributes/{}">{}</a:Attribute>'
_ROLE = f"<a:AttributeValue>{HUB},arn:aws:iam::222222222222:saml-provider/x</a:AttributeValue>"
SAML = [
    (
        '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol"'
        ' xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion">'
        '<p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>'
        "<a:Assertion><a:Issuer>https://idp.example</a:Issuer><a:Subject><a:NameID>jane</a:NameID>"
        '</a:Subject><a:Conditions NotBefore="2026-01-01T00:00:00Z" NotOnOrAfter="2026-01-01T00:05:00Z">'
        "<a:AudienceRestriction><a:Audience>x</a:Audience></a:AudienceRestriction></a:Conditions>"
        f"<a:AttributeStatement>{_ATTRIBUTE.format('Role', _ROLE)}"
        f"{_ATTRIBUTE.format('SessionDuration', '<a:AttributeValue>3600</a:AttributeValue>')}"
        "</a:AttributeStatement></a:Assertion></p:Response>"
    )
]


def jwt(claims: object, header: object = None) -> str:
    """Return an unsigned token."""
    parts = [json.dumps(each).encode() for each in (header or {"alg": "RS256"}, claims)]
    encoded = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts]
    return ".".join([*encoded, "c2ln"])


CLAIMS: list[Any] = [
    {"iss": "https://i", "sub": "s", "aud": "sts.amazonaws.com", "exp": 1767225600, "nbf": 1, "azp": "x"},
    {
        "iss": "https://i",
        "sub": "s",
        "aud": ["a"],
        "https://aws.amazon.com/tags": {
            "principal_tags": {"team": ["x"]},
            "transitive_tag_keys": ["team"],
        },
        "https://aws.amazon.com/source_identity": "jane",
    },
]  # fmt: skip
SIGN_IN = {
    "startUrl": "https://corp.awsapps.com/start",
    "region": "eu-west-1",
    "accessToken": "token",
    "expiresAt": "2026-01-01T13:00:00Z",
    "expiresIn": 3600,
    "refreshToken": "refresh",
    "clientId": "id",
    "clientSecret": "secret",
    "registrationExpiresAt": "2026-03-01T00:00:00Z",
    "access_token": "token",
    "id_token": jwt(CLAIMS[0]),
}
PROCESS = {
    "Version": 1,
    "AccessKeyId": "ASIAEXAMPLE000000001",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": "2026-01-01T12:50:00Z",
    "AccountId": "222222222222",
}
ITEM = as_item(
    Session(
        Credentials(
            "ASIAEXAMPLE000000001", Secret("kept-by-the-samples"), Secret("token" * 90), _END
        ),
        "arn:aws:sts::222222222222:assumed-role/Hub/me",
        "222222222222",
        _BEGIN,
        _END,
        "AROAEXAMPLE:me",
        _BEGIN - timedelta(days=1),
    ),
    KEY,
    _SEAL,
)
OWN_DOCUMENT = as_document(
    {"access_key_id": "AKIA", "secret": Secret("kept-by-the-samples")}, "keys/alice"
)
RECORD = (
    sealed(
        as_record(
            Record(
                "0.1.0", "hub", "kernel", KEY, 960, 0, "eu-west-1", "", "hub", "", 0, "host",
                {"rolehop/keys/a": ""}, {"/home/a/config.toml": "1.1.1.1"}, {"HOME": "=/home/a"},
            )
        )
        or "",
        _SEAL,
    )
    or ""
)  # fmt: skip
INDEX = {
    **json.loads(as_text(Index(), _BEGIN)),
    "sessions": {
        KEY: {
            "chains": ["hub"],
            "step": "hop",
            "hop": 1,
            "role": HUB,
            "arn": "arn:aws:sts::222222222222:assumed-role/Hub/me",
            "account": "222222222222",
            "source": "me",
            "issued_at": "2026-01-01T11:50:00Z",
            "expires_at": "2026-01-01T12:50:00Z",
            "local_expires_at": "2026-01-01T12:50:00Z",
            "parent": None,
            "backend": "kernel",
            "tags": [["a", "b"]],
            "policy_arns": ["x"],
            "session_name": "me",
            "has_policy": False,
            "source_identity": "",
            "narrowed": "",
        }
    },
    "keys": {
        "alice": {"access_key_id": "AKIA", "backend": "kernel", "added_at": "2026-01-01T11:50:00Z"}
    },
    "mfa": {"arn": {"window": 1, "digest": "x"}},
    "sign_ins": {"corp": "x"},
    "sign_in_ends": {"corp": {"ends_at": None, "renews": True, "backend": "kernel"}},
    "orphans": [{"key": KEY, "backend": "kernel"}],
}
TOKENS = [jwt(each) for each in CLAIMS]
