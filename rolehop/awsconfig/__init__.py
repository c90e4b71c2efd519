"""Read `~/.aws/config` and `~/.aws/credentials` the way botocore does.

Pure functions over text: no file, environment or AWS library is used here. `parse` builds an
`AwsConfig` from the two files, and the other modules query it. Where AWS's SDKs differ, this
follows botocore, and a comment says so: rolehop must resolve what `aws --profile X` would use.
"""

from rolehop.awsconfig.parse import (
    AwsConfig,
    aws_config_paths,
    check_file,
    check_files,
    check_trust,
    client_keys,
    current_profile,
    endpoint_override,
    endpoint_overrides,
    parse_aws_config,
    profile_fingerprint,
    profile_setting,
    region_of,
)
from rolehop.awsconfig.profile_chain import (
    ChainBase,
    CredentialKind,
    ProfileChain,
    credential_kind_of,
    files_with_credentials,
    missing_credentials,
    resolve_profile,
    static_keys,
    written_ends,
)

__all__ = [
    "AwsConfig",
    "ChainBase",
    "CredentialKind",
    "ProfileChain",
    "aws_config_paths",
    "check_file",
    "check_files",
    "check_trust",
    "client_keys",
    "credential_kind_of",
    "current_profile",
    "endpoint_override",
    "endpoint_overrides",
    "files_with_credentials",
    "missing_credentials",
    "parse_aws_config",
    "profile_fingerprint",
    "profile_setting",
    "region_of",
    "resolve_profile",
    "static_keys",
    "written_ends",
]
