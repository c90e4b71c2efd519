"""The environment of a program that rolehop starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolehop.handover.environment import Change

OWN_SECRETS = ("CODE", "OTP", "PASSPHRASE", "PASSWORD", "PIN", "PRIVATE_KEY", "SECRET", "TOKEN")
"""Endings of ``ROLEHOP_…`` variables that give rolehop a secret: ``ROLEHOP_MFA_CODE``."""

STALE = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",  # botocore prefers it to AWS_SESSION_TOKEN
        "AWS_ACCESS_KEY",  # these two: Java's SDK v1, Ansible
        "AWS_SECRET_KEY",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_SESSION_EXPIRATION",  # aws-vault and granted
        "AWS_CREDENTIAL_SCOPE",  # JavaScript's SDK
        "AWS_ACCOUNT_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
    }
)
"""Variables that another session may have left behind; a mix of two sessions is worse than none.

Container and web-identity variables are not among them: keys beat them, and a chain that the
child walks may start from them.
"""


def child_environment(environ: Mapping[str, str], changes: Iterable[Change]) -> dict[str, str]:
    """Return ``environ`` for a child: without old sessions and our own secrets, then changed."""
    child = {
        name: value
        for name, value in environ.items()
        if name not in STALE and not _is_own_secret(name)
    }
    for name, value in changes:
        child.pop(name, None)
        if value is not None:
            child[name] = value
    return child


def _is_own_secret(name: str) -> bool:
    return name.startswith("ROLEHOP_") and name.endswith(OWN_SECRETS)
