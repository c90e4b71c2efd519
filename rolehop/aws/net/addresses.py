"""URLs and hosts: which can be called, how they are shown, and whether a network lies between."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from rolehop.base.errors import ConfigError
from rolehop.base.startup import Pattern
from rolehop.base.text import clean

# Plain HTTP by AWS's own design: instance metadata, ECS task roles, EKS Pod Identity.
METADATA_ADDRESSES = frozenset(
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"]
)

_warned: set[str] = set()

# Characters that no URL may hold (RFC 3986, 2). Browsers take a backslash for a slash, others do not.
_FORBIDDEN = frozenset(' "<>\\^`{|}')

_NAME = Pattern(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.?")

# Browsers read a name that ends in one of these as an IPv4 address (WHATWG URL, 3.5), and so does
# the C library: 127.1, 0x7f.1, 2130706433.
_NUMBER = Pattern(r"[0-9]+|0x[0-9a-f]*")
_THIS_MACHINE = ("localhost", "localhost.localdomain", "localhost6", "ip6-localhost")


def host_of(url: str) -> str:
    """Return host and port (if given) of ``url``, never a user name or password; empty: no URL."""
    try:
        return clean(urlsplit(url).netloc.rpartition("@")[2])
    except ValueError:  # a bracket that is not closed, also in what a server sends
        return ""


def origin_of(url: str, set_by: str) -> str:
    """Return scheme and authority of ``url``; it may contain a password and is never shown.

    ``set_by`` names the setting with ``url``, for the message.

    Raises:
        ConfigError: it cannot be called.
    """
    if certain_host(url) is None:
        raise ConfigError(
            f"the address in {set_by} cannot be called",
            cause="it is not an http:// or https:// URL with a host",
            fix=f"correct {set_by}",
        )
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def certain_host(url: str) -> str | None:
    """Return the host of an http or https URL, in lower case, as every program reads it.

    ``None`` if there is none, or if programs differ on which it is: the one that decides here and
    the one that opens the URL must mean the same machine. So there is no blank, control character
    or backslash in the URL and no percent sign in the host, names are ASCII, addresses are in their
    usual form, and at most one user name stands before the host.
    """
    if not (url.isascii() and url.isprintable()) or _FORBIDDEN & set(url):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # raises if it is not a number
        if parts.scheme not in ("http", "https") or parts.netloc.count("@") > 1:
            return None
        if "[" in parts.netloc:
            address = IPv6Address(host)
            return None if "%" in host or address.ipv4_mapped else str(address)
        if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError:
        return None
    return host if _NAME.fullmatch(host) else None


def is_loopback(url: str) -> bool:
    """True if ``url`` leads to this machine itself, without doubt."""
    host = certain_host(url)
    address = _address(host)
    return address.is_loopback if address else host in ("localhost", "localhost.")


def may_lead_here(url: str) -> bool:
    """True if ``url`` leads to this machine on some systems, or certainly."""
    host = certain_host(url)
    if host is None:
        return True
    address, name = _address(host), host.removesuffix(".")
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return name in _THIS_MACHINE or name.endswith(".localhost")  # RFC 6761, 6.3


def is_web_address(url: str) -> bool:
    """True if a browser may open ``url``: https with a host, or http on this machine.

    Anything else that a server sends may be an option of the browser (``--gpu-launcher=…``), or
    start another program (``file:``, ``javascript:``, ``vscode:`` …).
    """
    has_host = certain_host(url) is not None and "@" not in urlsplit(url).netloc
    return has_host and is_private(url)


def is_private(url: str) -> bool:
    """True if nobody on the network can read or change what is exchanged with ``url``."""
    return url[:8].lower() == "https://" or is_loopback(url)


def is_exposed(url: str) -> bool:
    """True if what is sent to ``url`` crosses a network unencrypted.

    A metadata address is not private either, but it is on this machine's own link.
    """
    return not is_private(url) and certain_host(url) not in METADATA_ADDRESSES


def warn_if_exposed(url: str, notify: Callable[[str], None]) -> None:
    """Show one line, once in a process for each host, if ``url`` is exposed."""
    host = host_of(url)
    if is_exposed(url) and host not in _warned:
        _warned.add(host)
        notify(
            f"{host} is called over plain http, where others can read and change tokens and answers:"
            " use https"
        )


def without_user(proxy: str | None) -> str | None:
    """Return host and port of a proxy's URL, without the user name and password in it."""
    if not proxy:
        return None
    return clean(proxy.rpartition("//")[2].rpartition("@")[2].partition("/")[0])


def _address(host: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host or "")
    except ValueError:
        return None
