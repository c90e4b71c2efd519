"""The changes that assume, leave and exec make to the environment.

Nothing here reads the real environment: the mapping that stands for it is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rolehop.base.credentials import Session

Change = tuple[str, str | None]
"""A variable's name and its new value; ``None`` unsets it."""

CHAIN = "ROLEHOP_CHAIN"
"""Names the assumed chain; if it is absent, nothing is assumed."""

PREVIOUS = "ROLEHOP_PREVIOUS_CHAIN"
"""Names the chain before, for ``assume -``; set once there was another, or one was left."""

FLAGS = "ROLEHOP_FLAGS"
"""Names the flags that changed what the session's last hop asked for, without what they say.

The region has its value there: it is no part of the session, under whose ID the others are noted."""

PREVIOUS_KEY = "ROLEHOP_PREVIOUS_KEY_ID"
"""The access key ID of the session before, under which its flags are stored."""

PREVIOUS_FLAGS = "ROLEHOP_PREVIOUS_FLAGS"
"""``ROLEHOP_FLAGS`` of the chain before: it is known to have had flags even if their note is lost."""

SHELL_LEVEL = "ROLEHOP_SHELL_LEVEL"
"""Set by ``rolehop shell`` only: how many of its shells are nested, this one included."""

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
"""Where AWS SDKs ask for a session, if that is set: a server of rolehop's, for example."""

_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_SAVED = "ROLEHOP_SAVED_"

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
)

_MARKS = (CHAIN, "ROLEHOP_EXPIRATION", "ROLEHOP_EXPIRES_AT")

# Botocore prefers this old name to AWS_SESSION_TOKEN: a stale one would sign every call.
_OLD_TOKEN = "AWS_SECURITY_TOKEN"  # noqa: S105 - the name of a variable


def assumed(
    session: Session,
    *,
    chain: str,
    region: str | None,
    before: Mapping[str, str],
    flags: Iterable[str] = (),
) -> tuple[Change, ...]:
    """Return the changes that put ``session`` into a shell whose environment is ``before``.

    ``region`` is the one that a flag or the config names; ``flags``, e.g. ``--read-only``, changed
    what the last hop asked for. The first assume also saves the profile
    and region variables it finds, changed or not, so that ``left`` can restore them; a later one
    leaves those alone and takes back the region of the one before.

    Raises:
        ValueError: ``session`` has no session token.
    """
    first = CHAIN not in before
    regions = () if first or region else _restored(_REGIONS, before)
    return (
        *((name, None) for name in (*_PROFILES, _OLD_TOKEN)),
        *(_saved(before) if first else ()),
        *regions,
        *aws_variables(session, region),
        *_named(chain, flags, before),
        ("ROLEHOP_EXPIRATION", timestamp(session.expires_at)),
        ("ROLEHOP_EXPIRES_AT", str(int(session.expires_at.timestamp()))),
    )


def served(
    *, chain: str, region: str | None, before: Mapping[str, str], flags: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Return the changes that name ``chain`` to a program that gets its sessions from a server.

    ``region``, ``before`` and ``flags`` as for `assumed`. A program has no one session, so no end is named.
    """
    first = CHAIN not in before
    return (
        *(_saved(before) if first else ()),
        *(() if first or region else _restored(_REGIONS, before)),
        *_named(chain, flags, before),
        *((name, None) for name in _MARKS if name != CHAIN),
    )


def _named(chain: str, flags: Iterable[str], before: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes that name the chain, its flags, and the chain that it takes the place of."""
    changes = (*_or_unset(FLAGS, " ".join(flags), before), (CHAIN, chain))
    if before.get(CHAIN, chain) == chain:
        return changes
    return (*changes, *_way_back(before))


def _way_back(before: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes by which ``assume -`` finds what is assumed in ``before``."""
    return (
        (PREVIOUS, before[CHAIN]),
        *_or_unset(PREVIOUS_KEY, before.get("AWS_ACCESS_KEY_ID"), before),
        *_or_unset(PREVIOUS_FLAGS, before.get(FLAGS), before),
    )


def _or_unset(name: str, value: str | None, before: Mapping[str, str]) -> tuple[Change, ...]:
    """Set a variable, or unset it if there is nothing to say and it is there."""
    if value:
        return ((name, value),)
    return ((name, None),) if name in before else ()


def renewed(
    session: Session, *, before: Mapping[str, str], flags: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Return the changes that give a shell a newer session of its assumed chain.

    ``before`` and ``flags`` as for `assumed`.
    Profiles and regions stay as they are, a flag for them likewise: the shell's owner may have set
    them since.

    Raises:
        ValueError: ``session`` has no session token.
    """
    return (
        *aws_variables(session, None),
        (_OLD_TOKEN, None),
        *_or_unset(FLAGS, " ".join((*flags, *region_flags(before.get(FLAGS, "")))), before),
        ("ROLEHOP_EXPIRATION", timestamp(session.expires_at)),
        ("ROLEHOP_EXPIRES_AT", str(int(session.expires_at.timestamp()))),
    )


def region_flags(flags: str) -> tuple[str, ...]:
    """Return the ``--region=…`` among the flags that a variable has, at most one."""
    return tuple(each for each in flags.split() if each.startswith("--region="))[:1]


def left(before: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes that undo every assume so far; none if nothing is assumed.

    What was assumed last stays known by name, for ``assume -``.
    """
    if CHAIN not in before:
        return ()
    return (
        *((name, None) for name in (*_CREDENTIALS, *_MARKS)),
        *_or_unset(FLAGS, None, before),
        *_way_back(before),
        *_restored(_REGIONS, before),
        # Assume only ever unsets these: one that is there and was not saved is the user's own.
        *((name, value) for name, value in _restored(_PROFILES, before) if value is not None),
        *((_SAVED + name, None) for name in (*_PROFILES, *_REGIONS)),
    )


def shell_before(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` with the profile and region variables as they were before the first assume.

    Profiles and regions are resolved from this, so that what one chain left in the shell does not
    steer the next. A profile variable that is there now was set after the last assume, since
    assume unsets it, and counts. The credentials variables stay as they are.
    """
    if CHAIN not in environ:
        return dict(environ)
    restored = dict(_restored((*_PROFILES, *_REGIONS), environ))
    restored.update((name, environ[name]) for name in _PROFILES if name in environ)
    others = {name: value for name, value in environ.items() if name not in restored}
    return others | {name: value for name, value in restored.items() if value is not None}


def saved_names() -> dict[str, str]:
    """Return each profile and region variable with the name that it is saved under."""
    return {name: _SAVED + name for name in (*_PROFILES, *_REGIONS)}


def aws_variables(session: Session, region: str | None) -> tuple[Change, ...]:
    """Return the ``AWS_…`` variables of ``session``; ``AWS_ACCOUNT_ID`` is unset if it is not known.

    Raises:
        ValueError: ``session`` has no session token.
    """
    credentials = session.credentials
    values = (
        credentials.access_key_id,
        credentials.secret_access_key.reveal(),
        plain_token(session),
        timestamp(session.expires_at),
        session.account or None,
    )
    regions = ((name, region) for name in _REGIONS if region)
    return (*zip(_CREDENTIALS, values, strict=True), *regions)


def plain_token(session: Session) -> str:
    """Return the session token in plain text.

    Raises:
        ValueError: there is none; long-lived keys are never handed over.
    """
    token = session.credentials.session_token
    if not token:
        raise ValueError("a session without a session token is not handed over")
    return token.reveal()


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as ``YYYY-MM-DDTHH:MM:SSZ``; every SDK reads this form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _saved(before: Mapping[str, str]) -> Iterable[Change]:
    """Save what is there; drop what an earlier assume saved if its chain is gone."""
    for name in (*_PROFILES, *_REGIONS):
        if name in before:
            yield _SAVED + name, before[name]
        elif _SAVED + name in before:
            yield _SAVED + name, None


def _restored(names: Iterable[str], before: Mapping[str, str]) -> tuple[Change, ...]:
    """Return each variable with the value that the first assume saved, ``None`` if it saved none."""
    return tuple((name, before.get(_SAVED + name)) for name in names)


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
        "AMAZON_ACCESS_KEY_ID",  # these three: Ruby's SDK
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
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
