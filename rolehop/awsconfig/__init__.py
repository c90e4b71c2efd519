"""What `~/.aws/config` and `~/.aws/credentials` say, read the way botocore reads them.

Pure over texts: no file, no environment and no AWS library in here. `parse` makes an `AwsConfig`
of the two files; everything else asks it questions. Where AWS's SDKs differ, botocore is
followed, and a comment says so: what rolehop resolves must be what `aws --profile X` would use.
"""

from rolehop.awsconfig.credential_kind import Holds, holds, static_keys, why_nothing
from rolehop.awsconfig.fingerprint import profile_sections
from rolehop.awsconfig.lookup import (
    aws_config_paths,
    current_profile,
    endpoint_override,
    profile_setting,
    region_of,
)
from rolehop.awsconfig.model import AwsConfig
from rolehop.awsconfig.parse import parse_aws_config
from rolehop.awsconfig.profile_chain import Base, ProfileChain, profile_path

__all__ = [
    "AwsConfig",
    "Base",
    "Holds",
    "ProfileChain",
    "aws_config_paths",
    "current_profile",
    "endpoint_override",
    "holds",
    "parse_aws_config",
    "profile_path",
    "profile_sections",
    "profile_setting",
    "region_of",
    "static_keys",
    "why_nothing",
]
