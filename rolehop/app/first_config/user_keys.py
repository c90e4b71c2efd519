"""What IAM user keys look like, and what is wrong with a text that is none."""

from __future__ import annotations

from rolehop.credentials import Credentials, Secret
from rolehop.errors import UsageError
from rolehop.startup.lazy_regex import Pattern

# AKIA: long-term; ASIA: temporary (STS API reference, GetAccessKeyInfo). 16-128 of [\w].
_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")
_TEMPORARY = "ASIA"
# AWS makes secrets of 40 characters and says nothing of their length. Less than an ID has is none.
_SHORTEST_SECRET = 16


def key_id_problem(text: str) -> str | None:
    """Return what is wrong with an access key ID, ``None`` if nothing is."""
    if text.startswith(_TEMPORARY):
        return "this is the key of a session, and sessions end; a user's begins with AKIA"
    if not _KEY_ID.fullmatch(text):
        return "the access key ID is not valid (AKIA and 16 more)"
    return None


def secret_problem(text: str) -> str | None:
    """Return what is wrong with a secret access key, ``None`` if nothing is."""
    if not text or not text.isascii() or any(each.isspace() for each in text):
        return "the secret access key is empty or contains whitespace"
    if len(text) < _SHORTEST_SECRET:
        return "the secret access key is too short (AWS makes them 40 characters long)"
    return None


def user_keys(key_id: str, secret: str, token: object = None) -> Credentials:
    """Return a user's keys.

    Raises:
        UsageError: they are a session's, or not valid keys; the error never quotes them.
    """
    check_key_id(key_id, token)
    problem = secret_problem(secret)
    if problem is not None:
        raise unreadable_keys(problem)
    return Credentials(key_id, Secret(secret))


def check_key_id(key_id: str, token: object = None) -> None:
    """Check that an access key ID is a user's, which has no session ``token``.

    Raises:
        UsageError: it is a session's, or none; the error never quotes it.
    """
    if token or key_id.startswith(_TEMPORARY):
        raise UsageError(
            "these are the keys of a session, and sessions end",
            cause="keys of an IAM user begin with AKIA and have no session token",
            fix="aws iam create-access-key makes a user's keys",
        )
    problem = key_id_problem(key_id)
    if problem is not None:
        raise unreadable_keys(problem)


def unreadable_keys(cause: str) -> UsageError:
    """Return the error for a text in which there are no keys."""
    return UsageError("no IAM user keys could be read", cause=cause, fix="rolehop keys add --help")
