"""The profiles of another tool, to be changed in place: its own keys are turned into AWS's."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from rolehop.awsconfig import AwsConfig
from rolehop.awsconfig.parse import Section, Sections, Value
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.startup import Pattern
from rolehop.commands.config.importing.proposal import NOTE, SETTING, NotCarried

# What AWS has no key for. No file has these keys: a colon ends a key there.
TAGS, TRANSITIVE, IDENTITY = "rolehop:tags", "rolehop:transitive", "rolehop:source_identity"
MFA_COMMAND, MFA_DURATION = "rolehop:mfa_command", "rolehop:mfa_duration"

HOLDER = "rolehop:holder"
"""Who holds the IAM user keys of a profile that has none in the files; below it, what prints them."""

HOLDER_COMMAND = "rolehop:holder_command"

SOURCE = "rolehop:source"
"""A source as a whole, for which AWS has no keys: a table of texts, ``type`` first."""

TOOL = "rolehop:tool"
COLOR = "rolehop:color"

NO_CHAIN = "rolehop:no_chain"
"""The profile is there for its source only."""

NOWHERE = "-"
"""The ``credential_process`` of a profile whose source is not in the files: botocore wants one."""

_CREDENTIALS = (
    "role_arn",
    "source_profile",
    "credential_source",
    "mfa_serial",
    "web_identity_token_file",
    "role_session_name",
    "external_id",
    "duration_seconds",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
)


@dataclass(slots=True)
class ProfileDraft:
    """Profiles by name, to be changed in place; both files together, as botocore merges them."""

    aws: AwsConfig
    profiles: dict[str, dict[str, Value]]
    lost: list[NotCarried] = field(default_factory=list)
    alone: bool = True
    """One tool reads all profiles. If not, what it lets profiles inherit is for its own alone: other
    tools know nothing of it."""

    @classmethod
    def of(cls, aws: AwsConfig, *, alone: bool = True) -> ProfileDraft:
        """Return a draft of everything in the files."""
        profiles = {name: dict(keys) for name, keys in aws.profiles.items()}
        return cls(aws, profiles, alone=alone)

    def finished(self) -> AwsConfig:
        """Return the files as if they had said what the draft says."""
        written = self.aws.credentials_sections
        credentials = {name: _both(written[name], self.profiles.get(name, {})) for name in written}
        config = {
            name: {
                key: value for key, value in keys.items() if key not in credentials.get(name, {})
            }
            for name, keys in self.profiles.items()
        }
        return replace(
            self.aws,
            profiles=self.profiles,
            config_profiles=config,
            credentials_sections=credentials,
        )

    def text(self, name: str, key: str) -> str:
        """Return a key of a profile as text, empty if it has none."""
        value = self.profiles.get(name, {}).get(key)
        return value if isinstance(value, str) else ""

    def lose(self, name: str, why: str, *keys: str) -> None:
        """Take keys out of a profile, and say that they were not carried."""
        for key in keys:
            if self.profiles[name].pop(key, None) is not None:
                self.lost.append(NotCarried(key, why, name, SETTING))

    def drop(self, name: str, why: str) -> None:
        """Take a profile out, and say that it was not carried."""
        del self.profiles[name]
        self.lost.append(NotCarried(f"profile {name}", why))

    def keep_only(self, tool: str) -> None:
        """Take out all profiles but those of ``tool``, what these start from, and what starts from them."""
        kept = set[str]()
        for name in self.profiles:
            way = self._way(name)
            if any(self.text(each, TOOL) == tool for each in way):
                kept.update(way)
        self.profiles = {name: keys for name, keys in self.profiles.items() if name in kept}
        used = {self.text(name, "sso_session") for name in self.profiles}
        sessions = {name: each for name, each in self.aws.sso_sessions.items() if name in used}
        self.aws = replace(self.aws, unprefixed=frozenset(), unreadable=(), sso_sessions=sessions)

    def _way(self, name: str) -> list[str]:
        """Return a profile and its source profiles, as far as there are any."""
        way = [name]
        while (above := self.text(way[-1], "source_profile")) in self.profiles:
            if above in way:
                break
            way.append(above)
        return way

    def note(self, what: str, why: str, kind: str = NOTE) -> None:
        """Say that something was not carried, or what to know of it."""
        self.lost.append(NotCarried(what, why, kind=kind))

    def run(self, name: str, tool: str, command: str) -> None:
        """Make ``command`` the process of profile ``name``, instead of all that it had for that."""
        for key in _CREDENTIALS:
            self.profiles[name].pop(key, None)
        self.profiles[name] |= {TOOL: tool, "credential_process": command}

    def hold(self, name: str, tool: str, *command: str) -> None:
        """Say that the keys of profile ``name`` are with a tool, and which command prints them."""
        self.profiles[name] |= {
            HOLDER: tool,
            HOLDER_COMMAND: "\n".join(command),
            "credential_process": NOWHERE,
        }

    def become(self, name: str, tool: str, settings: Mapping[str, str]) -> None:
        """Make ``settings`` the source of profile ``name``, instead of all that it had for that."""
        for key in _CREDENTIALS:
            self.profiles[name].pop(key, None)
        self.profiles[name] |= {
            SOURCE: dict(settings),
            TOOL: tool,
            "credential_process": NOWHERE,
        }

    def base_below(self, name: str) -> str:
        """Return a new profile that has the credentials of ``name``, which goes on to its role."""
        base = f"{name} base"
        self.profiles[base] = {NO_CHAIN: "yes"}
        self.profiles[name]["source_profile"] = base
        return base


def without_comments(aws: AwsConfig) -> AwsConfig:
    """Return the files without what stands behind `` #`` or `` ;`` in a line: most SDKs leave it out.

    botocore does not, so that a profile with such a line works with some tools only.
    """

    def plain(sections: Sections) -> dict[str, dict[str, Value]]:
        return {
            name: {key: _without_comment(key, value) for key, value in keys.items()}
            for name, keys in sections.items()
        }

    return replace(
        aws,
        profiles=plain(aws.profiles),
        sso_sessions=plain(aws.sso_sessions),
        config_profiles=plain(aws.config_profiles),
        credentials_sections=plain(aws.credentials_sections),
    )


def _without_comment(key: str, value: Value) -> Value:
    is_command = key.endswith(("_process", "_command"))
    return value if is_command or not isinstance(value, str) else _COMMENT.sub("", value)


_COMMENT = Pattern(r"\s+[#;].*")


def _both(written: Section, now: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in written.items() if now.get(key) == value}


def process_words(command: str) -> list[str]:
    """Return a ``credential_process`` in words; empty if it cannot be split."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def runs(draft: ProfileDraft, name: str, *programs: str) -> list[str]:
    """Return the words of a profile's ``credential_process`` if it runs one of ``programs``."""
    words = process_words(draft.text(name, "credential_process"))
    return words if words and program_of(words) in programs else []


def program_of(words: list[str]) -> str:
    """Return the name of the program that a command runs, without its folder."""
    return words[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe")


def option(words: list[str], *names: str) -> str:
    """Return the value of an option: ``--name value`` or ``--name=value``; empty if it is not there."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in names:
            return following
        head, _, value = word.partition("=")
        if value and head in names:
            return value
    return ""
