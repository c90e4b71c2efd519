"""Make chains of AWS profiles: each profile becomes a chain, its credentials a source.

A profile whose source profile is a role continues that one's chain, so that both share its sessions.
Keys stay where they are: the source that needs them is of type ``keys``, and the proposal says who
has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.awsconfig import AwsConfig, ChainBase, ProfileChain, profile_setting, resolve_profile
from rolehop.awsconfig.process_line import own_line
from rolehop.config.model import HopConfig
from rolehop.errors import RolehopError
from rolehop.importing.draft import (
    COLOR,
    IDENTITY,
    NO_CHAIN,
    TAGS,
    TOOL,
    TRANSITIVE,
    ProfileDraft,
)
from rolehop.importing.granted import REGISTRY
from rolehop.importing.profile_source import (
    NotASource,
    mfa_of_base,
    source_name,
    source_of,
)
from rolehop.importing.proposal import NotCarried, Proposal, ProposedChain
from rolehop.startup.dataclass import replace

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
                why = "it is no profile: 'profile' is missing before it"
                if header in _OF_CLI:
                    why = "a setting of the AWS CLI"
                self.lost.append(NotCarried(f"[{header}]", why))
        for header in self.aws.unreadable:
            self.lost.append(NotCarried(f"[{header}]", "AWS's tools do not read its name"))
        used = {profile_setting(self.aws, name, "sso_session") for name in self.aws.profiles}
        for session in self.aws.sso_sessions:
            if session not in used:
                self.lost.append(
                    NotCarried(f"[sso-session {session}]", "no profile signs in to it")
                )

    def _resolve(self, name: str) -> None:
        process = profile_setting(self.aws, name, "credential_process") or ""
        if own_line(process):
            self.lost.append(NotCarried(f"profile {name}", "it runs rolehop already"))
            return
        try:
            self.found[name] = resolve_profile(self.aws, name)
        except RolehopError as error:
            self.lost.append(NotCarried(f"profile {name}", error.cause or error.what))
            return
        for note in self.found[name].notes:
            self.lost.append(NotCarried(f"profile {name}", note))

    def _chain(self, name: str, mfa: dict[str, str]) -> ProposedChain | None:
        """Return the chain of one profile, ``None`` if it has no source."""
        found = self.found[name]
        above = self._above(name, found)
        base = source_name(found)
        if base not in self.sources:
            try:
                self.sources[base] = source_of(self.aws, found, mfa.get(found.base_profile))
            except NotASource as error:
                self.lost.append(
                    NotCarried(f"profile {name}", error.why_for(name, found.base_profile))
                )
                return None
        hops = tuple(self._hop(each, hop, found, mfa) for each, hop in self._hops(name, found))
        if NO_CHAIN in self.aws.profiles[name]:
            return None
        return ProposedChain(
            name,
            origin=self._origin(name),
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
                        yield NotCarried(key, _STAYS, name)
