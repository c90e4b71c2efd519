"""Why a request got no response: DNS, a refused connection, TLS, a proxy, a timeout.

The messages of botocore and urllib3 may repeat headers and proxy passwords, so none of them is
shown.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import Enum
from http.client import HTTPException, IncompleteRead

from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import ProxyError
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.base.arn import is_known_region, region_meant
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ServiceError
from rolehop.base.text import clean


class FailureKind(Enum):
    """What went wrong on the way."""

    NAME = "the name does not resolve (DNS)"
    REFUSED = "connection refused: nothing listens there"
    UNREACHABLE = "there is no route to it from here"
    CONNECT_TIMEOUT = "no connection within {connect:g} s"
    READ_TIMEOUT = "no answer within {read:g} s"
    CERTIFICATE = "its certificate cannot be trusted"
    TLS = "the TLS handshake failed"
    PROXY = "the proxy cannot be reached"
    PROXY_REFUSED = "the proxy refused the connection"
    PROXY_SIGN_IN = "the proxy needs a sign-in (407)"
    CLOSED = "the connection was closed before the answer was complete"
    NOT_HTTP = "its answer is not valid HTTP"
    TOO_LONG = "its answer is longer than any expected answer"
    TOO_SLOW = "its answer took too long"
    NO_FILES = "this process may open no more files"
    OTHER = "the request could not be sent"


# Another attempt cannot help: it meets the same certificate and the same proxy rules.
_FINAL = frozenset(
    (
        FailureKind.CERTIFICATE,
        FailureKind.TLS,
        FailureKind.PROXY_REFUSED,
        FailureKind.PROXY_SIGN_IN,
        FailureKind.TOO_LONG,
    )
)

_INCOMPLETE = frozenset(
    (
        FailureKind.READ_TIMEOUT,
        FailureKind.CLOSED,
        FailureKind.NOT_HTTP,
        FailureKind.TOO_LONG,
        FailureKind.TOO_SLOW,
    )
)

_PROXY = frozenset((FailureKind.PROXY, FailureKind.PROXY_REFUSED, FailureKind.PROXY_SIGN_IN))


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """One attempt that got no response."""

    kind: FailureKind
    detail: str = ""
    """E.g. OpenSSL's reason for refusing a certificate; never anything that was sent."""

    connected: bool = True
    """The connection stood, TLS included: something of the request may have been sent."""

    @property
    def retryable(self) -> bool:
        """True if the next attempt may succeed."""
        return self.kind not in _FINAL

    @property
    def is_proxy_or_tls(self) -> bool:
        """True if a proxy or TLS is to blame, rather than the address."""
        return self.kind in _PROXY or self.kind in (FailureKind.CERTIFICATE, FailureKind.TLS)


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """How a host is reached, as far as it may be shown."""

    host: str
    proxy: str | None
    overridden: bool


def classify_failure(error: BaseException) -> ConnectionFailure:
    """Classify an exception of botocore's session or of urllib3."""
    causes = list(_causes(error))
    if any(isinstance(each, (ProxyError, ProxyConnectionError)) for each in causes):
        return ConnectionFailure(_proxy_kind(causes))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return ConnectionFailure(FailureKind.CERTIFICATE, clean(each.verify_message))
        if type(each).__name__ == "CertificateError":  # urllib3's own check of the host name
            return ConnectionFailure(FailureKind.CERTIFICATE, "it is for another host")
        if isinstance(each, OSError) and each.errno in (errno.EMFILE, errno.ENFILE):
            return ConnectionFailure(FailureKind.NO_FILES)
        for kinds, kind in _KINDS:
            if isinstance(each, kinds):
                return ConnectionFailure(kind)
    return ConnectionFailure(_other_kind(error))


_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], FailureKind], ...] = (
    (socket.gaierror, FailureKind.NAME),
    (ConnectionRefusedError, FailureKind.REFUSED),
    (ConnectTimeoutError, FailureKind.CONNECT_TIMEOUT),
    ((ReadTimeoutError, BodyTimeoutError), FailureKind.READ_TIMEOUT),
    ((ConnectionError, EOFError, IncompleteRead), FailureKind.CLOSED),
    (HTTPException, FailureKind.NOT_HTTP),
)


def _other_kind(error: BaseException) -> FailureKind:
    if isinstance(error, SSLError):
        return FailureKind.TLS
    if isinstance(error, EndpointConnectionError):
        return FailureKind.UNREACHABLE
    return FailureKind.OTHER


def _proxy_kind(causes: list[BaseException]) -> FailureKind:
    # http.client says "Tunnel connection failed: 407 Proxy Authentication Required".
    refusals = [str(each) for each in causes if "Tunnel connection failed" in str(each)]
    if not refusals:
        return FailureKind.PROXY
    return FailureKind.PROXY_SIGN_IN if " 407" in refusals[0] else FailureKind.PROXY_REFUSED


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return
        yield at
        at = at.__cause__ or at.__context__


def service_error(
    failure: ConnectionFailure,
    route: NetworkPath,
    settings: ClientSettings,
    *,
    attempts: int,
    sent_mfa_code: bool = False,
) -> ServiceError:
    """Return the error for a call whose last attempt ended in ``failure``.

    ``sent_mfa_code``: the call carried an MFA code, which AWS may have accepted although no
    answer came.
    """
    cause = failure.kind.value.format(
        connect=settings.connect_timeout_seconds, read=settings.read_timeout_seconds
    )
    cause += f": {failure.detail}" if failure.detail else ""
    cause += f" ({attempts} attempts)" if attempts > 1 else ""
    fix = _fix(failure.kind, route, settings)
    sent_nothing = not failure.connected
    if sent_mfa_code and not sent_nothing:
        fix += "; then use the next MFA code, this one may be used up"
    error = ServiceError(_what(failure.kind, route), cause=cause, fix=fix)
    error.sent_nothing = sent_nothing
    return error


def _what(kind: FailureKind, route: NetworkPath) -> str:
    if kind in _PROXY:
        return f"cannot reach {route.host} through the proxy {route.proxy or 'of this machine'}"
    if kind in (FailureKind.CERTIFICATE, FailureKind.TLS):
        return f"cannot make a trusted connection to {route.host}"
    if kind in _INCOMPLETE:
        return f"no answer from {route.host}"
    return f"cannot reach {route.host}"


def _fix(kind: FailureKind, route: NetworkPath, settings: ClientSettings) -> str:
    if kind in _PROXY:
        return f"check HTTPS_PROXY and HTTP_PROXY, or name {route.host} in NO_PROXY"
    if kind is FailureKind.CERTIFICATE:
        return (
            "sign in to this network, if it has a page for that; behind a proxy that inspects TLS,"
            f" name its CA file in AWS_CA_BUNDLE (now: {settings.ca_bundle or 'not set'})"
        )
    if kind is FailureKind.TLS:
        return "check that the endpoint speaks TLS, and the file named by AWS_CA_BUNDLE"
    if kind is FailureKind.NO_FILES:
        return "raise the limit (ulimit -n), or end what has so many open"
    if route.overridden:
        return "check AWS_ENDPOINT_URL…, and endpoint_url of the AWS config: they override the endpoint"
    if kind is FailureKind.NAME and settings.use_fips:
        return f"check that region {settings.region} has a FIPS endpoint: most have none"
    if kind is FailureKind.NAME:
        meant = None if is_known_region(settings.region) else region_meant(settings.region)
        hint = f"; did you mean {meant}?" if meant else ""
        return f"check the region ({settings.region}{hint}) and this machine's network"
    return "check this machine's network, then try again"
