"""What `~/.aws/config` and `~/.aws/credentials` say, read the way botocore reads them.

Pure over texts: no file, no environment and no AWS library in here. `parse` makes an `AwsConfig`
of the two files; everything else asks it questions. Where AWS's SDKs differ, botocore is
followed, and a comment says so: what rolehop resolves must be what `aws --profile X` would use.
"""

from rolehop.awsconfig.digest import profile_sections
from rolehop.awsconfig.holds import Holds, holds, static_keys, why_nothing
from rolehop.awsconfig.model import AwsConfig
from rolehop.awsconfig.parse import parse_aws_config
from rolehop.awsconfig.path import Base, ProfileChain, profile_path
from rolehop.awsconfig.settings import (
    aws_config_paths,
    current_profile,
    endpoint_override,
    profile_setting,
    region_of,
)

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
