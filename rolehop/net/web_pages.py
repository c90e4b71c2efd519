"""A web page where a service's answer was expected: a network's sign-in page, or a proxy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.credentials import scrub
from rolehop.errors import ServiceError
from rolehop.net.addresses import host_of
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import clean, quoted

if TYPE_CHECKING:
    from rolehop.net.transport import HttpResponse

_HTML = Pattern(
    r"(?is)\A\ufeff?(?:\s|(?><\?.*?\?>)|(?><!--.*?-->))*+<(?:!doctype\s+html|html|head|body)\b"
)
_TITLE = Pattern(r"(?i)<title[^>]*>([^<]{1,200})</title>")
_READ = 20_000  # bytes of a page that are looked at


def web_page_error(response: HttpResponse, host: str, asked: str) -> ServiceError | None:
    """Return the error for a web page in place of an answer to ``asked``; ``None``: it is none.

    No service that is asked here redirects, and none answers with HTML unless it fails (5xx).
    A network that wants a sign-in answers for the service, whatever the page is.
    """
    found = _described(response)
    if found is None:
        return None
    return ServiceError(
        f"a web page answered instead of {host}",
        cause=f"{asked} {found} (HTTP {response.status})",
        fix="sign in to this network in a browser, if it asks for that; else check the address, "
        "and HTTPS_PROXY",
    )


def _described(response: HttpResponse) -> str | None:
    if 300 <= response.status < 400:
        to = host_of(response.headers.get("location", ""))
        return f"was redirected to {to}" if to else "was redirected"
    if response.unavailable:
        return None
    text = response.body[:_READ].decode("utf-8", "replace")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_html = media_type in ("text/html", "application/xhtml+xml") or _HTML.search(text)
    if not is_html and not response.wants_network_sign_in:
        return None
    title = _TITLE.search(text)
    named = quoted(scrub(clean(title[1]))) if title else "without a title"
    return f"got the page {named}"
