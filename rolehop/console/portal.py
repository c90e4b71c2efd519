"""The access portal of an Identity Center: the link by which it opens the console itself.

IAM Identity Center user guide, "Creating shortcut links to AWS Management Console destinations". The
link is no secret: the portal signs the person in.
"""

from __future__ import annotations

from urllib.parse import quote

from rolehop.errors import ConfigError
from rolehop.net.addresses import is_web_address
from rolehop.text import quoted


def portal_link(start_url: str, account: str, role: str, destination: str | None) -> str:
    """Return the shortcut link of a permission set in an account.

    Args:
        start_url: the portal's address; a last ``/`` or ``#/`` makes no difference.
        account: 12 digits.
        role: the permission set's name.
        destination: an address in the console; ``None``: its home page.

    Raises:
        ConfigError: the portal's address is none that a browser may open.
    """
    values = {"account_id": account, "role_name": role, "destination": destination}
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items() if value)
    link = f"{start_url.rstrip('#/')}/#/console?{query}"
    if not is_web_address(link):
        raise ConfigError(
            f"the access portal {quoted(start_url)} is not opened in a browser",
            cause="it is no https address",
            fix="correct start_url",
        )
    return link
