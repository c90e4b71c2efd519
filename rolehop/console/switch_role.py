"""The console's link that switches from the signed-in user to a role.

IAM user guide, "Switch from a user to an IAM role (console)". The console assumes the role itself,
with what the link says and nothing else, and renews its session by itself. The link is no secret.
"""

from __future__ import annotations

from urllib.parse import urlencode

LONGEST_ROLE = 64
"""Characters of the role's path and name together: with more, the switch fails (same page)."""

_LONGEST_NAME = 64  # characters that the page takes as the display name

# What AWS's page takes for the colours that it shows. They are in no document and have changed
# before; one that it does not know leaves the choice to the person.
_COLORS = {
    "red": "f2b0a9",
    "green": "b7ca9d",
    "yellow": "efda95",
    "bright_yellow": "fbc8aa",
    "blue": "83d4e8",
}


def switch_role_link(
    page: str, account: str, role: str, *, name: str, color: str | None = None
) -> str:
    """Return the link that switches to a role.

    Args:
        page: where the console switches roles (`ConsoleSite.switch_role_url`).
        account: 12 digits.
        role: path and name, without the slash before them.
        name: what the console shows; of a longer one the first 64 characters.
        color: a colour of chains; one that the console has not is left out.
    """
    fields = {"account": account, "roleName": role, "displayName": name[:_LONGEST_NAME]}
    shade = color or ""
    found = _COLORS.get(shade) or _COLORS.get(shade.removeprefix("bright_"))
    if found is not None:
        fields["color"] = found
    return f"{page}?{urlencode(fields)}"
