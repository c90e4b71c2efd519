"""Make chains of AWS profiles: each profile becomes a chain, its credentials a source.

A profile whose source profile is a role continues that one's chain, so that both share its sessions.
Keys stay where they are: the source that needs them is of type ``keys``, and the proposal says who
has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    ProfileChain,
    credential_kind_of,
    missing_credentials,
    profile_setting,
    resolve_profile,
    static_keys,
)
from rolehop.awsconfig.own_profiles import own_line
from rolehop.base.dataclass import replace
from rolehop.base.durations import written_duration
from rolehop.base.errors import RolehopError, SourceError
from rolehop.base.text import may_hold_secret
from rolehop.commands.config.importing.draft import (
    COLOR,
    HOLDER,
    HOLDER_COMMAND,
    IDENTITY,
    MFA_COMMAND,
    MFA_DURATION,
    NO_CHAIN,
    SOURCE,
    TAGS,
    TOOL,
    TRANSITIVE,
    ProfileDraft,
    process_words,
)
from rolehop.commands.config.importing.granted import REGISTRY
from rolehop.commands.config.importing.proposal import (
    LOST,
    NOTE,
    SETTING,
    KeysElsewhere,
    NotCarried,
    Proposal,
)
from rolehop.config.draft import ChainDraft, SourceDraft
from rolehop.config.model import HopConfig
from rolehop.config.toml import Value

_MACHINE = {
    ChainBase.ENVIRONMENT: "environment",
    ChainBase.INSTANCE: "instance",
    ChainBase.CONTAINER: "container",
}

_ORIGIN = "credential_source of AWS profiles"
_TEMPORARY = "ASIA"  # how the IDs of a session's keys begin (STS API reference, GetAccessKeyInfo)


class NotASource(ValueError):
    """The credentials of a profile cannot become a source; the text says why."""

    def why_for(self, name: str, base: str) -> str:
        """Return the reason as one of profile ``name``, whose credentials are those of ``base``."""
        return str(self) if name == base else f"its source profile {base}: {self}"


def source_name(found: ProfileChain) -> str:
    """Return the name of the source of a resolved profile; no profile has that of the machine's."""
    return found.base_profile if found.base not in _MACHINE else f"{_MACHINE[found.base]} "


def source_of(aws: AwsConfig, found: ProfileChain, mfa_serial: str | None) -> Proposal:
    """Return the source of a resolved profile, and who has its keys.

    Raises:
        NotASource: it has no credentials that last.
    """
    name = found.base_profile
    if found.base is not ChainBase.PROFILE:
        source = SourceDraft(source_name(found), {"type": _MACHINE[found.base]}, _ORIGIN)
        return Proposal((source,))
    whole = aws.profiles[name].get(SOURCE)
    if isinstance(whole, dict):
        return _one(name, dict(whole))
    holder = profile_setting(aws, name, HOLDER)
    kind = credential_kind_of(aws, name)
    if holder and kind in (CredentialKind.NOTHING, CredentialKind.PROCESS):
        command = profile_setting(aws, name, HOLDER_COMMAND) or ""
        settings = {"type": "keys", **_mfa(aws, name, mfa_serial)}
        return _one(
            name,
            settings,
            KeysElsewhere(name, holder, tuple(command.split("\n")) if command else ()),
        )
    if kind is CredentialKind.KEYS:
        return _keys(aws, name, mfa_serial)
    return _one(name, _settings(aws, name, kind, mfa_serial))


def _settings(
    aws: AwsConfig, name: str, kind: CredentialKind, mfa_serial: str | None
) -> dict[str, Value]:
    if kind is CredentialKind.SSO:
        return sign_in_settings(aws, name)
    if kind is CredentialKind.WEB_IDENTITY:
        file = profile_setting(aws, name, "web_identity_token_file") or ""
        if file.startswith("~"):  # of the home folder, which is not known here
            return {"type": "profile", "profile": name}
        return _web_identity(aws, name)
    if kind is CredentialKind.PROCESS:
        command = profile_setting(aws, name, "credential_process") or ""
        words = process_words(command)
        if not words:
            raise NotASource("its credential_process cannot be split into words")
        # Windows splits at a backslash otherwise; the profile is split as botocore does there.
        if "\\" in command or may_hold_secret(command):
            return {"type": "profile", "profile": name}
        return {"type": "process", "command": words}
    if kind is CredentialKind.LOGIN:
        return {"type": "profile", "profile": name, **_mfa(aws, name, mfa_serial)}
    raise NotASource(missing_credentials(aws, name))


def _keys(aws: AwsConfig, name: str, mfa_serial: str | None) -> Proposal:
    try:
        found = static_keys(aws, name)
    except SourceError as error:
        raise NotASource(error.cause or error.what) from None
    if not found.long_lived or found.access_key_id.startswith(_TEMPORARY):
        return _one(name, {"type": "profile", "profile": name})  # read anew for each walk
    here = "aws_access_key_id" in aws.credentials_sections.get(name, {})
    file = aws.credentials_file if here else aws.config_file
    settings = {"type": "keys", **_mfa(aws, name, mfa_serial)}
    return _one(name, settings, KeysElsewhere(name, file, profile=name))


def _mfa(aws: AwsConfig, name: str, serial: str | None) -> dict[str, Value]:
    if serial is None:
        return {}
    settings: dict[str, Value] = {"mfa_serial": serial}
    command = process_words(profile_setting(aws, name, MFA_COMMAND) or "")
    if command:
        settings["mfa_command"] = command
    duration = profile_setting(aws, name, MFA_DURATION)
    if duration:
        settings["mfa_duration"] = duration
    return settings


def sign_in_settings(aws: AwsConfig, name: str) -> dict[str, Value]:
    """Return the source that a profile with a sign-in to Identity Center becomes.

    Raises:
        NotASource: a key of it is missing.
    """
    session = profile_setting(aws, name, "sso_session")
    if session is not None and session not in aws.sso_sessions:
        raise NotASource(f"there is no [sso-session {session}]")
    place = aws.sso_sessions[session] if session is not None else aws.profiles[name]
    settings: dict[str, Value] = {"type": "identity-center"}
    for key, value in (
        ("start_url", place.get("sso_start_url")),
        ("sso_region", place.get("sso_region")),
        ("account", profile_setting(aws, name, "sso_account_id")),
        ("role", profile_setting(aws, name, "sso_role_name")),
    ):
        if not isinstance(value, str) or not value:
            raise NotASource(f"its sign-in has no {key.replace('account', 'sso_account_id')}")
        settings[key] = value
    return settings


def _web_identity(aws: AwsConfig, name: str) -> dict[str, Value]:
    settings: dict[str, Value] = {"type": "web-identity"}
    for key, written in (
        ("role", "role_arn"),
        ("token_file", "web_identity_token_file"),
        ("session_name", "role_session_name"),
    ):
        value = profile_setting(aws, name, written)
        if value:
            settings[key] = value
    if "role" not in settings:
        raise NotASource("it has a web_identity_token_file, but no role_arn")
    seconds = profile_setting(aws, name, "duration_seconds")
    if seconds:
        is_number = seconds.isascii() and seconds.isdecimal()
        settings["duration"] = written_duration(int(seconds)) if is_number else seconds
    return settings


def _one(name: str, settings: dict[str, Value], *keys: KeysElsewhere) -> Proposal:
    return Proposal((SourceDraft(name, settings, f"AWS profile {name}"),), keys=keys)


def mfa_of_base(aws: AwsConfig, found: Mapping[str, ProfileChain]) -> dict[str, str]:
    """Return the MFA device of each base profile that always needs it.

    It belongs to the source if the base itself names it, or if every role profile on it names the
    same; else it belongs to the hops that name it, so that the others go on without a code.
    """
    asked: dict[str, set[str | None]] = {}
    for chain in found.values():
        if chain.base is ChainBase.PROFILE:
            serials = asked.setdefault(chain.base_profile, set())
            serials.update([chain.mfa_serial] if chain.hops else [])
    devices = {}
    for base, serials in asked.items():
        own = profile_setting(aws, base, "mfa_serial")
        if own and "role_arn" not in aws.profiles[base]:
            devices[base] = own
        elif len(serials) == 1 and (only := next(iter(serials))):
            devices[base] = only
    return devices


# Read here, by the rules of botocore, or without a meaning for a chain.
_CARRIED = frozenset(
    [
        "role_arn",
        "source_profile",
        "credential_source",
        "external_id",
        "role_session_name",
        "duration_seconds",
        "mfa_serial",
        "region",
        "web_identity_token_file",
        "credential_process",
        "sso_session",
        "sso_start_url",
        "sso_region",
        "sso_account_id",
        "sso_role_name",
        "sso_registration_scopes",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "login_session",
    ]
)

_STAYS = "a chain has no such setting; it stays in the profile"

_OF_CLI = frozenset({"plugins", "preview"})
"""Sections of the AWS CLI itself."""


def chains_of(draft: ProfileDraft) -> Proposal:
    """Return the chains of all profiles of ``draft``; what cannot become one is listed."""
    aws = draft.finished()
    return _Profiles(aws, draft.lost).proposal()


class _Profiles:
    def __init__(self, aws: AwsConfig, lost: list[NotCarried]) -> None:
        self.aws = aws
        self.lost = list(lost)
        self.sources: dict[str, Proposal] = {}
        self.found: dict[str, ProfileChain] = {}

    def proposal(self) -> Proposal:
        for name in self.aws.profiles:
            self._resolve(name)
        self._sections_lost()
        mfa = mfa_of_base(self.aws, self.found)
        chains = [each for name in self.found if (each := self._chain(name, mfa)) is not None]
        names = {each.name for each in chains}
        lost = tuple(self._settings_lost(names))
        whole = Proposal(chains=tuple(chains), lost=(*self.lost, *lost))
        for source in self.sources.values():
            whole += source
        return whole

    def _sections_lost(self) -> None:
        for header in sorted(self.aws.unprefixed):
            if not header.startswith(REGISTRY):  # only a mark
                why, kind = "it is no profile: 'profile' is missing before it", LOST
                if header in _OF_CLI:
                    why, kind = "a setting of the AWS CLI", SETTING
                self.lost.append(NotCarried(f"[{header}]", why, kind=kind))
        for header in self.aws.unreadable:
            self.lost.append(NotCarried(f"[{header}]", "AWS's tools do not read its name"))
        used = {profile_setting(self.aws, name, "sso_session") for name in self.aws.profiles}
        for session in self.aws.sso_sessions:
            if session not in used:
                why = "no profile signs in to it"
                self.lost.append(NotCarried(f"[sso-session {session}]", why, kind=NOTE))

    def _resolve(self, name: str) -> None:
        process = profile_setting(self.aws, name, "credential_process") or ""
        if own_line(process):
            why = "it runs rolehop already"
            self.lost.append(NotCarried(f"profile {name}", why, kind=NOTE))
            return
        try:
            self.found[name] = resolve_profile(self.aws, name)
        except RolehopError as error:
            self.lost.append(NotCarried(f"profile {name}", error.cause or error.what))
            return
        for note in self.found[name].notes:
            self.lost.append(NotCarried(f"profile {name}", note, kind=NOTE))

    def _chain(self, name: str, mfa: dict[str, str]) -> ChainDraft | None:
        """Return the chain of one profile, ``None`` if it has no source."""
        found = self.found[name]
        above = self._above(name, found)
        base = source_name(found)
        if base not in self.sources:
            try:
                self.sources[base] = source_of(self.aws, found, mfa.get(found.base_profile))
            except NotASource as error:
                why = error.why_for(name, found.base_profile)
                # Settings alone, which others may include, are no profile that anybody uses.
                kind = NOTE if _has_settings_alone(self.aws, name, found) else LOST
                self.lost.append(NotCarried(f"profile {name}", why, kind=kind))
                return None
        hops = tuple(self._hop(each, hop, found, mfa) for each, hop in self._hops(name, found))
        if NO_CHAIN in self.aws.profiles[name]:
            return None
        return ChainDraft(
            name,
            comment=self._origin(name),
            source=None if above else base,
            continues=above,
            hops=hops[-1:] if above else hops,
            region=profile_setting(self.aws, name, "region") or None,
            color=profile_setting(self.aws, name, COLOR),
        )

    def _above(self, name: str, found: ProfileChain) -> str | None:
        """Return the profile whose chain this one continues."""
        above = profile_setting(self.aws, name, "source_profile")
        if len(found.hops) < 2 or above is None or above not in self.found:
            return None
        return above

    def _hops(self, name: str, found: ProfileChain) -> list[tuple[str, HopConfig]]:
        """Return the hops with the profile of each, in their order."""
        at, names = name, [name]
        for _ in found.hops[1:]:
            at = profile_setting(self.aws, at, "source_profile") or at
            names.append(at)
        return list(zip(reversed(names[: len(found.hops)]), found.hops, strict=True))

    def _hop(
        self, name: str, hop: HopConfig, found: ProfileChain, mfa: dict[str, str]
    ) -> HopConfig:
        tags = self.aws.profiles[name].get(TAGS)
        transitive = profile_setting(self.aws, name, TRANSITIVE) or ""
        of_source = found.base is ChainBase.PROFILE and found.base_profile in mfa
        serial = found.mfa_serial if hop is found.hops[0] and not of_source else None
        return replace(
            hop,
            tags=tuple(tags.items()) if isinstance(tags, dict) else (),
            transitive_tags=tuple(each for each in transitive.split("\n") if each),
            source_identity=profile_setting(self.aws, name, IDENTITY),
            mfa_serial=serial,
        )

    def _origin(self, name: str) -> str:
        tool = profile_setting(self.aws, name, TOOL)
        return f"AWS profile {name}{f', as {tool} reads it' if tool else ''}"

    def _settings_lost(self, chains: set[str]) -> Iterator[NotCarried]:
        """Give the keys of profiles that no chain has."""
        for name, keys in self.aws.profiles.items():
            if name in chains:
                for key in keys:
                    if key not in _CARRIED and ":" not in key:
                        yield NotCarried(key, _STAYS, name, SETTING)


def _has_settings_alone(aws: AwsConfig, name: str, found: ProfileChain) -> bool:
    """True if a profile has neither a role nor anything that credentials could come of."""
    is_base = name == found.base_profile and not found.hops
    return is_base and credential_kind_of(aws, name) is CredentialKind.NOTHING
