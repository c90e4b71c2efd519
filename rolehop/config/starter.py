"""Write a first config: from answers, or as a commented example to edit."""

from __future__ import annotations

from rolehop.config.toml_writer import toml_key, toml_text
from rolehop.startup.dataclass import dataclass

SOURCE_TYPES = ("keys", "profile", "environment")


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to the questions of ``config init``; they are checked when the file is loaded."""

    source_type: str
    """One of ``SOURCE_TYPES``."""

    chain: str
    """Name of the first chain."""

    role: str
    """ARN of its first role."""

    region: str | None = None
    profile: str | None = None
    """Name of an AWS profile: for the type ``profile``, and only for that."""

    @property
    def source(self) -> str:
        """The name of the source."""
        return {"keys": "me", "profile": "aws", "environment": "env"}[self.source_type]


_HEAD = """\
# rolehop: where you start from (sources) and where you go (chains).
# Every key with its type, limit and default: rolehop config reference
# After an edit: rolehop config check
version = 1
"""

_KEYS = """\
# IAM user keys, kept in the keyring: rolehop keys add {source}
[sources.{source}]
type = "keys"
# mfa_serial = "auto"           # or the ARN of the device
# mfa_command = "ykman oath accounts code --single aws"   # else you are asked
"""

_PROFILE = """\
# Any profile of ~/.aws/config.
[sources.{source}]
type = "profile"
profile = {profile}
"""

_ENVIRONMENT = """\
# AWS_ACCESS_KEY_ID and the other variables, as they are when rolehop starts.
[sources.{source}]
type = "environment"
"""

_SOURCES = {"keys": _KEYS, "profile": _PROFILE, "environment": _ENVIRONMENT}

_CHAIN = """\
# Each hop is one AssumeRole, made with the session of the hop before.
[chains.{chain}]
source = {source}
[[chains.{chain}.hops]]
role = {role}
# external_id = "x-42"          # where the role's trust policy asks for one
# duration = "1h"               # 15 min to 12 h; 1 h at most once chained
"""

_MORE = """\
# A chain that continues another shares its sessions:
# [chains.prod-admin]
# description = "Admin in prod"
# from = {chain}
# confirm = true                # asks before it hands the session over
# color = "red"
# labels = {{ env = "prod" }}
# [[chains.prod-admin.hops]]
# role = "333333333333:role/Admin"

# One chain for each account, spokes/444444444444 and so on:
# [fleets.spokes]
# from = {chain}
# role = "{{account}}:role/Audit"
# accounts = ["444444444444", "555555555555"]   # or as AWS lists them: {{ organization = {chain} }}
"""

_EXAMPLE = Answers(
    source_type="keys",
    chain="hub",
    role="arn:aws:iam::222222222222:role/Hub",
    region="eu-west-1",
)


def starter_text(answers: Answers | None = None) -> str:
    """Return the text of a config file that loads without a problem.

    With ``answers`` it is ready to use; without, everything but ``version`` is commented out, and
    removing the ``#`` from the beginning of a part's lines makes that part work.
    """
    given = answers or _EXAMPLE
    live = [_defaults(given.region), _source(given), _chain(given)]
    if answers is None:
        live = [_commented(part) for part in live]
    return "\n".join([_HEAD, *live, _MORE.format(chain=toml_text(given.chain))])


def _defaults(region: str | None) -> str:
    line = f"region = {toml_text(region)}" if region else '# region = "eu-west-1"'
    return (
        f"[defaults]\n{line}\n"
        '# session_name = "{user}@{host}"   # your name in CloudTrail\n'
        '# duration = "1h"\n'
        '# min_ttl = "16m"               # never hand out less than this\n'
    )


def _source(given: Answers) -> str:
    return _SOURCES[given.source_type].format(
        source=given.source, profile=toml_text(given.profile or "default")
    )


def _chain(given: Answers) -> str:
    return _CHAIN.format(
        chain=toml_key(given.chain), source=toml_text(given.source), role=toml_text(given.role)
    )


def _commented(part: str) -> str:
    """Comment out every line that is not a comment yet."""
    return "".join(
        line if line.startswith("#") or not line.strip() else f"# {line}"
        for line in part.splitlines(keepends=True)
    )
