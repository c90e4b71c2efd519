"""A short text that changes whenever one of the sections behind a profile changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from rolehop.awsconfig.model import AwsConfig, Section, Value, profile_of
from rolehop.credentials import Secret


def profile_sections(aws: AwsConfig, base: str) -> str:
    """Return the SHA-256 (64 hex digits) of all sections that profile ``base`` is made of.

    Those are its own in both files, its source profiles', its ``sso-session`` and its ``services``.
    Of a secret only its presence counts: the access key ID beside it already says whose it is,
    and so no secret ever goes into something that is kept.

    Raises:
        SourceError: there is no such profile.
    """
    profile_of(aws, base)
    parts = [_one(aws, name) for name in _family(aws, base)]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _family(aws: AwsConfig, base: str) -> list[str]:
    """Return ``base`` and the profiles it names as sources; ends at a repeat or a gap."""
    names: list[str] = []
    at: object = base
    while isinstance(at, str) and at in aws.profiles and at not in names:
        names.append(at)
        at = aws.profiles[at].get("source_profile")
    return names


def _one(aws: AwsConfig, name: str) -> dict[str, object]:
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
