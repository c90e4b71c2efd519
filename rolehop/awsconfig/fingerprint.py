"""A digest that changes whenever one of the sections that define a profile changes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rolehop.awsconfig.model import AwsConfig, Section, Value, profile_of
from rolehop.credentials import Secret
from rolehop.digest import sha256_hex


def profile_fingerprint(aws: AwsConfig, base: str) -> str:
    """Return the SHA-256 (64 hex digits) of all sections that define profile ``base``.

    These are its own in both files, those of its source profiles, its ``sso-session`` and its
    ``services``. A secret counts only as present or absent: the access key ID beside it already
    identifies it, and so no secret goes into anything that is stored.

    Raises:
        SourceError: there is no such profile.
    """
    profile_of(aws, base)
    parts = [_sections_of(aws, name) for name in _with_source_profiles(aws, base)]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256_hex(text.encode())


def _with_source_profiles(aws: AwsConfig, base: str) -> list[str]:
    """Return ``base`` and its source profiles, up to a loop or a profile that does not exist."""
    names: list[str] = []
    at: object = base
    while isinstance(at, str) and at in aws.profiles and at not in names:
        names.append(at)
        at = aws.profiles[at].get("source_profile")
    return names


def _sections_of(aws: AwsConfig, name: str) -> dict[str, object]:
    profile = aws.profiles[name]
    return {
        "config": _plain(aws.config_profiles.get(name, {})),
        "credentials": _plain(aws.credentials_sections.get(name, {})),
        "sso": _plain(_named_by(profile, "sso_session", aws.sso_sessions)),
        "services": _plain(_named_by(profile, "services", aws.services)),
    }


def _named_by(profile: Section, key: str, sections: Mapping[str, Section]) -> Section:
    name = profile.get(key)
    return sections.get(name, {}) if isinstance(name, str) else {}


def _plain(section: Section) -> dict[str, object]:
    return {key: _shown(value) for key, value in section.items()}


def _shown(value: Value) -> object:
    if isinstance(value, Secret):
        return ["secret", bool(value)]
    return value if isinstance(value, str) else dict(value)
