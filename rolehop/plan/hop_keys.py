"""Hop keys: the name under which a session rests says how it came to be.

The key of a hop is a hash over the key of the hop before and all that this hop tells STS. Chains
that share a beginning share its sessions; any edit misses cleanly; and a session got as one
principal can never be found by another, because the source's stamp is in the first key.
"""

from __future__ import annotations

import hashlib
import json

from rolehop.config.model import SourceConfig
from rolehop.plan.model import Hop
from rolehop.startup.dataclass import asdict

SCHEMA = "rolehop/1"


def source_key(source: SourceConfig, stamp: str, endpoint_url: str | None) -> str:
    """Name the source's own credentials.

    ``endpoint_url`` is the STS endpoint where it is overridden: an emulator's session must never
    be taken for a real one, nor the reverse. How MFA is done is left out: it names the step after.
    """
    settings = {k: v for k, v in source.settings.items() if not k.startswith("mfa_")}
    return _digest([SCHEMA, source.type, settings, source.principal, stamp, endpoint_url])


def token_key(parent: str, duration_seconds: int, mfa_serial: str | None) -> str:
    """Name a GetSessionToken session made with the credentials under ``parent``."""
    return _digest([parent, "GetSessionToken", duration_seconds, mfa_serial])


def hop_key(parent: str, hop: Hop) -> str:
    """Name the session that ``hop`` gives when it is signed by the session under ``parent``."""
    told = asdict(hop)
    # Order means nothing to STS in these.
    told["tags"] = sorted(hop.tags)
    told["transitive_tags"] = sorted(hop.transitive_tags)
    told["policy_arns"] = sorted(hop.policy_arns)
    return _digest([parent, "AssumeRole", told])


def _digest(told: object) -> str:
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
