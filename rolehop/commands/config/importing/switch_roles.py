"""AWS Extend Switch Roles, the browser extension: its INI of target roles and base accounts.

From its README: a role is ``role_arn``, or ``aws_account_id`` and ``role_name``; ``color`` is RGB in
hexadecimal; ``source_profile`` names the base account, in which the browser is signed in: a section with
``aws_account_id`` alone, from which no program can start. Headers are ``[NAME]`` or ``[profile NAME]``.
"""

from __future__ import annotations

from rolehop.base.startup import Pattern
from rolehop.commands.config.importing.draft import COLOR, TOOL, ProfileDraft
from rolehop.commands.config.importing.ini import read_ini
from rolehop.commands.config.importing.names import told_apart

NAME = "aws-extend-switch-roles"

_ITS_KEYS = ("aws_account_id", "role_name", "color")
_LOOKS = ("image", "role_region", "target_region", "target_role_name", "single_session", "group")
_OTHERS = ("aws_access_key_id", "credential_process", "sso_account_id", "sso_start_url")
_HEX = Pattern(r"#?([0-9a-fA-F]{6})")
_ACCOUNT = Pattern(r"[0-9]{12}")

_COLORS = {
    "red": (205, 0, 0),
    "green": (0, 205, 0),
    "yellow": (205, 205, 0),
    "blue": (0, 0, 238),
    "magenta": (205, 0, 205),
    "cyan": (0, 205, 205),
    "bright_red": (255, 90, 90),
    "bright_green": (90, 255, 90),
    "bright_yellow": (255, 255, 90),
    "bright_blue": (92, 92, 255),
    "bright_magenta": (255, 130, 255),
    "bright_cyan": (90, 255, 255),
    "white": (229, 229, 229),
    "bright_white": (255, 255, 255),
}


def is_own(text: str) -> bool:
    """True if ``text`` looks like the extension's configuration."""
    keys = {line.partition("=")[0].strip() for line in text.splitlines() if "=" in line}
    has_roles = "role_arn" in keys or {"aws_account_id", "role_name"} <= keys
    return has_roles and bool(keys & set(_ITS_KEYS)) and keys.isdisjoint(_OTHERS)


def is_in(draft: ProfileDraft) -> bool:
    """True if an AWS profile has a role as only the extension writes it."""
    return any({"aws_account_id", "role_name"} <= keys.keys() for keys in draft.profiles.values())


def adapt(draft: ProfileDraft, text: str) -> None:
    """Make AWS profiles of its roles; ``text`` is its configuration.

    Raises:
        ValueError: ``text`` is broken.
    """
    added = _add(draft, text)
    bases = set[str]()
    for name in list(draft.profiles):
        keys = draft.profiles[name]
        own = name in added or "role_name" in keys
        if keys.keys().isdisjoint((*_ITS_KEYS, *_LOOKS)) and not own:
            continue
        color = nearest_color(draft.text(name, "color"))
        if color:
            keys[COLOR] = color
            del keys["color"]
        draft.lose(name, "a setting of the browser extension", "color", *_LOOKS)
        if own:
            _role(draft, name, bases)
    for name in [each for each in draft.profiles if each in added]:
        source = draft.text(name, "source_profile")
        if name in bases:
            draft.drop(name, "a base account, where the browser is signed in")
        elif source in bases or (not source and "credential_source" not in draft.profiles[name]):
            why = "it starts where the browser is signed in: write source_profile, an AWS profile"
            draft.drop(name, why)


def _add(draft: ProfileDraft, text: str) -> set[str]:
    """Add the sections of its configuration as profiles, and return what they are called."""
    added = set[str]()
    for header, written in read_ini(text, NAME).items():
        name = header.removeprefix("profile ").strip()
        if name in draft.profiles and not draft.profiles[name].items() >= written.items():
            name = told_apart(name, draft.profiles)
        draft.profiles.setdefault(name, {}).update(written)
        added.add(name)
    return added


def _role(draft: ProfileDraft, name: str, bases: set[str]) -> None:
    """Write the role of a profile as AWS does; one without a role is a base account."""
    keys = draft.profiles[name]
    account, role = draft.text(name, "aws_account_id"), draft.text(name, "role_name")
    for key in ("aws_account_id", "role_name"):
        keys.pop(key, None)
    if role and "role_arn" not in keys:
        if not _ACCOUNT.fullmatch(account):
            draft.drop(name, "it needs the number of its account, where its alias is")
            return
        keys["role_arn"] = f"arn:aws:iam::{account}:role/{role}"
    if "role_arn" in keys:
        keys[TOOL] = NAME
    elif keys.keys().isdisjoint(_OTHERS):
        bases.add(name)


def nearest_color(text: str) -> str:
    """Return the color of a terminal that is nearest to an RGB text; empty if it is none."""
    match = _HEX.fullmatch(text)
    if match is None:
        return ""
    wanted = bytes.fromhex(match[1])

    def distance(name: str) -> int:
        return sum((one - other) ** 2 for one, other in zip(_COLORS[name], wanted, strict=True))

    return min(_COLORS, key=distance)
