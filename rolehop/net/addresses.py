"""URLs and hosts: which can be called, how they are shown, and whether a network lies between."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from rolehop.errors import ConfigError
from rolehop.text import clean

# Plain HTTP by AWS's own design: instance metadata, ECS task roles, EKS Pod Identity.
METADATA_ADDRESSES = frozenset(
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"]
)

_warned: set[str] = set()


# Characters that no URL may hold (RFC 3986, 2): programs that open one may treat them specially.
_FORBIDDEN = frozenset('"<>\\^`{|}')


def host_of(url: str) -> str:
    """Return host and port (if given) of ``url``, never a user name or password."""
    return clean(urlsplit(url).netloc.rpartition("@")[2])


def origin_of(url: str, set_by: str) -> str:
    """Return scheme and authority of ``url``; it may contain a password and is never shown.

    ``set_by`` names the setting with ``url``, for the message.

    Raises:
        ConfigError: it cannot be called.
    """
    parts = _split(url)
    if parts is None or not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigError(
            f"the address in {set_by} cannot be called",
            cause="it is not an http:// or https:// URL with a host",
            fix=f"correct {set_by}",
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(url: str) -> bool:
    """True if ``url`` leads to this machine itself."""
    address = _address_of(url)
    if address is None:
        return (urlsplit(url).hostname or "").rstrip(".") == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def may_lead_here(url: str) -> bool:
    """True if ``url`` leads to this machine on some systems, or certainly."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = _address_of(url)
    is_unspecified = address is not None and address.is_unspecified
    return is_loopback(url) or is_unspecified or host.endswith(".localhost")  # RFC 6761, 6.3


def is_web_address(url: str) -> bool:
    """True if a browser may open ``url``: https with a host, or http on this machine.

    Anything else that a server sends may be an option of the browser (``--gpu-launcher=…``), or
    start another program (``file:``, ``javascript:``, ``vscode:`` …).
    """
    parts = _split(url)
    if parts is None or "@" in parts.netloc:
        return False
    is_plain = url.isascii() and url.isprintable() and not (_FORBIDDEN | {" "}) & set(url)
    return is_plain and is_private(url)


def is_private(url: str) -> bool:
    """True if nobody on the network can read or change what is exchanged with ``url``."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def is_exposed(url: str) -> bool:
    """True if what is sent to ``url`` crosses a network unencrypted.

    A metadata address is not private either, but it is on this machine's own link.
    """
    return not is_private(url) and str(_address_of(url)) not in METADATA_ADDRESSES


def warn_if_exposed(url: str, notify: Callable[[str], None]) -> None:
    """Show one line, once in a process for each host, if ``url`` is exposed."""
    host = host_of(url)
    if is_exposed(url) and host not in _warned:
        _warned.add(host)
        notify(
            f"{host} is called over plain http: signatures, tokens and answers can be read and"
            " changed on the way; use https"
        )


def without_user(proxy: str | None) -> str | None:
    """Return host and port of a proxy's URL, without the user name and password in it."""
    if not proxy:
        return None
    return clean(proxy.rpartition("//")[2].rpartition("@")[2].partition("/")[0])


def _address_of(url: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None
