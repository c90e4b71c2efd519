"""Hop keys: the name under which a session is stored says how the session came to be.

The key of a hop is a hash over the key of the hop before and everything this hop tells STS. Chains
that share a beginning share its sessions; any edit misses cleanly; and a session got as one
principal can never be found by another, because the source's stamp is in the first key.

The names inside a key are frozen here, apart from the attributes of the classes: renaming an
attribute loses no session. ``tests/plan/test_hop_keys.py`` pins the digests of known hops.
"""

from __future__ import annotations

from rolehop.base.digest import digest_of
from rolehop.config.model import SourceConfig
from rolehop.plan.model import Hop, Scope, Stamp

SCHEMA = "rolehop/1"


def source_key(source: SourceConfig, stamp: Stamp, endpoint_url: str | None) -> str:
    """Return the key of the source's own credentials.

    ``endpoint_url`` is the STS endpoint if it is overridden, or global: an emulator's session must
    never be taken for a real one, nor the reverse. The same holds for the endpoints in ``stamp``. How MFA is
    done is left out: it is in the next key.
    """
    settings = {k: v for k, v in source.settings.items() if not k.startswith("mfa_")}
    parts: list[object] = [
        SCHEMA,
        source.type,
        settings,
        source.principal,
        stamp.value,
        endpoint_url,
    ]
    if stamp.endpoints:  # else as before there were any
        parts.append(sorted(stamp.endpoints))
    return digest_of(*parts)


def token_key(parent: str, duration_seconds: int, mfa_serial: str | None) -> str:
    """Return the key of a GetSessionToken session made with the credentials under ``parent``."""
    return digest_of(parent, "GetSessionToken", duration_seconds, mfa_serial)


def hop_key(parent: str, hop: Hop) -> str:
    """Return the key of the session that ``hop`` gives when ``parent``'s session signs it."""
    return digest_of(parent, "AssumeRole", _frozen_fields(hop))


def scope_key(parent: str, scope: Scope) -> str:
    """Return the key of the session that ``scope`` makes of ``parent``'s."""
    fields = {
        "policy": scope.policy,
        "duration_seconds": scope.duration_seconds,
        "description": scope.description,
    }
    return digest_of(parent, "GetScopedCredentials", fields)


def _frozen_fields(hop: Hop) -> dict[str, object]:
    """Return what STS is told, under names that never change.

    A field that a later version adds goes in only if it is set, so that older keys stay.
    """
    role = hop.role
    return {
        "role": {
            "partition": role.partition,
            "account": role.account,
            "path": role.path,
            "name": role.name,
        },
        "session_name": hop.session_name,
        "duration_seconds": hop.duration_seconds,
        "external_id": hop.external_id,
        "policy": hop.policy,
        # Order means nothing to STS in these three.
        "policy_arns": sorted(hop.policy_arns),
        "tags": sorted(hop.tags),
        "transitive_tags": sorted(hop.transitive_tags),
        "source_identity": hop.source_identity,
        "mfa_serial": hop.mfa_serial,
    }
