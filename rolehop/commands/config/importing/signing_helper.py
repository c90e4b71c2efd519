"""AWS's ``aws_signing_helper``: profiles that run it become certificates of IAM Roles Anywhere.

From its README: ``credential-process`` takes ``--certificate``, ``--private-key``, ``--intermediates``, the
three ARNs, ``--session-duration`` in seconds and ``--role-session-name``. A PKCS#12 file is given as the
certificate, without a key. Whatever else is asked of it (a token, a certificate store, another
endpoint) is left to the helper, which then is a process as before.
"""

from __future__ import annotations

from rolehop.base.durations import written_duration
from rolehop.commands.config.importing.draft import TOOL, ProfileDraft, option, runs

NAME = "aws-signing-helper"
_PROGRAM = "aws_signing_helper"

_KEYS = {
    "--trust-anchor-arn": "trust_anchor",
    "--profile-arn": "profile",
    "--role-arn": "role",
    "--certificate": "certificate",
    "--private-key": "private_key",
    "--intermediates": "certificate_chain",
    "--role-session-name": "session_name",
    "--session-duration": "duration",
}
_PATHS = ("certificate", "private_key", "certificate_chain")
_SAID_BY_ANCHOR = "--region"
_NEEDED = {"trust_anchor", "profile", "role", "certificate"}


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile runs it."""
    return any(runs(draft, name, _PROGRAM) for name in draft.profiles)


def adapt(draft: ProfileDraft, text: str) -> None:
    """Make sources of the profiles that run it; ``text`` is empty, it has no file of its own."""
    for name in list(draft.profiles):
        words = runs(draft, name, _PROGRAM)
        settings = settings_of(words[2:]) if words[1:2] == ["credential-process"] else None
        if settings is not None:
            draft.become(name, NAME, settings)
        elif words:
            draft.profiles[name][TOOL] = NAME
            draft.note(f"profile {name}", "it goes on to ask aws_signing_helper, as a process")


def settings_of(words: list[str]) -> dict[str, str] | None:
    """Return the source that the options of a command line make; ``None``: only the helper knows."""
    found = {"type": "roles-anywhere"}
    options = iter(words)
    for word in options:
        name, equals, value = word.partition("=")
        value = value if equals else next(options, "")
        if name == _SAID_BY_ANCHOR:
            continue
        if name not in _KEYS or not value:
            return None
        found[_KEYS[name]] = value
    if not found.keys() >= _NEEDED or not all(
        found[key].startswith("/") for key in _PATHS if key in found
    ):
        return None
    region = found["trust_anchor"].split(":")[3:4]
    if option(words, _SAID_BY_ANCHOR) not in ("", *region):
        return None
    if "private_key" not in found:
        found["pkcs12"] = found.pop("certificate")
    seconds = found.get("duration", "")
    if seconds.isascii() and seconds.isdecimal():
        found["duration"] = written_duration(int(seconds))
    return found
