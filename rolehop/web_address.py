"""Which URLs are web addresses, and which of them lead back to this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

# Characters that no URL may hold (RFC 3986, 2). Programs that open a browser may treat them
# specially.
_FORBIDDEN = frozenset('"<>\\^`{|}')


def is_web_address(url: str) -> bool:
    """True if a browser may open ``url``: https with a host, or http on this machine.

    Anything else that a server sends may be an option of the browser (``--gpu-launcher=…``), or
    may start another program (``file:``, ``javascript:``, ``vscode:`` …).
    """
    parts = _parsed(url)
    if parts is None or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def leads_to_loopback(url: str) -> bool:
    """True if the host of ``url`` is this machine."""
    parts = _parsed(url)
    return parts is not None and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """True if ``host`` (a name or an IP address without brackets) is this machine.

    Names other than ``localhost`` are not resolved.
    """
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _parsed(url: str) -> SplitResult | None:
    """Return the parts of a URL with a host, or ``None`` if it is not one."""
    if not (url.isascii() and url.isprintable()) or " " in url or _FORBIDDEN & set(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return None
    return parts if parts.hostname else None
