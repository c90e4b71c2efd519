"""Why there was no answer: DNS, a refused connection, TLS, a proxy or a timeout, in words.

What botocore and urllib3 say of a failure may repeat headers and proxy passwords, so none of
their texts is passed on.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from enum import Enum

from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import ProxyError
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError

from rolehop.errors import ServiceError
from rolehop.net.client_settings import ClientSettings
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean


class FaultKind(Enum):
    """What went wrong between here and there."""

    NAME = "the name does not resolve (DNS)"
    REFUSED = "connection refused: nothing listens there"
    UNREACHABLE = "there is no way to it from here"
    CONNECT_TIMEOUT = "no connection within {connect:g} s"
    READ_TIMEOUT = "no answer within {read:g} s"
    TOO_SLOW = "no whole answer within {whole:g} s"
    CERTIFICATE = "its certificate cannot be trusted"
    TLS = "the TLS handshake failed"
    PROXY = "the proxy cannot be reached"
    PROXY_REFUSED = "the proxy did not let the connection through"
    PROXY_SIGN_IN = "the proxy needs a sign-in (407)"
    CLOSED = "the connection was closed before the answer was whole"
    TOO_LONG = "its answer is longer than any that is expected"
    OTHER = "the request could not be sent"


# Asking again cannot help here: the same certificate, the same proxy rules.
_LASTING = frozenset(
    (
        FaultKind.CERTIFICATE,
        FaultKind.TLS,
        FaultKind.PROXY_REFUSED,
        FaultKind.PROXY_SIGN_IN,
        FaultKind.TOO_LONG,
    )
)
_PROXY = frozenset((FaultKind.PROXY, FaultKind.PROXY_REFUSED, FaultKind.PROXY_SIGN_IN))


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """One attempt that got no answer."""

    kind: FaultKind
    detail: str = ""
    """What OpenSSL says of a certificate; never anything that we sent."""

    @property
    def passing(self) -> bool:
        """Tell whether the next attempt may fare better."""
        return self.kind not in _LASTING

    @property
    def of_the_way(self) -> bool:
        """Tell whether a proxy or TLS is to blame, rather than the address."""
        return self.kind in _PROXY or self.kind in (FaultKind.CERTIFICATE, FaultKind.TLS)


@dataclass(frozen=True, slots=True)
class Route:
    """Which way a call went, as far as people may see it."""

    host: str
    proxy: str | None
    overridden: bool


def classify_failure(error: BaseException) -> ConnectionFailure:
    """Classify what botocore's session or urllib3 raised."""
    causes = list(_causes(error))
    if any(isinstance(each, (ProxyError, ProxyConnectionError)) for each in causes):
        return ConnectionFailure(_proxy_kind(causes))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return ConnectionFailure(FaultKind.CERTIFICATE, clean(each.verify_message))
        if type(each).__name__ == "CertificateError":  # urllib3's own check of the host name
            return ConnectionFailure(FaultKind.CERTIFICATE, "it is another host's certificate")
        for kinds, kind in _KINDS:
            if isinstance(each, kinds):
                return ConnectionFailure(kind)
    return ConnectionFailure(_unspecific(error))


_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], FaultKind], ...] = (
    (socket.gaierror, FaultKind.NAME),
    (ConnectionRefusedError, FaultKind.REFUSED),
    (ConnectTimeoutError, FaultKind.CONNECT_TIMEOUT),
    ((ReadTimeoutError, BodyTimeoutError), FaultKind.READ_TIMEOUT),
    ((ConnectionError, EOFError), FaultKind.CLOSED),
)


def _unspecific(error: BaseException) -> FaultKind:
    if isinstance(error, SSLError):
        return FaultKind.TLS
    if isinstance(error, EndpointConnectionError):
        return FaultKind.UNREACHABLE
    return FaultKind.OTHER


def _proxy_kind(causes: list[BaseException]) -> FaultKind:
    # http.client says "Tunnel connection failed: 407 Proxy Authentication Required".
    refusals = [str(each) for each in causes if "Tunnel connection failed" in str(each)]
    if not refusals:
        return FaultKind.PROXY
    return FaultKind.PROXY_SIGN_IN if " 407" in refusals[0] else FaultKind.PROXY_REFUSED


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return
        yield at
        at = at.__cause__ or at.__context__


def service_error(
    fault: ConnectionFailure, route: Route, settings: ClientSettings, *, attempts: int, coded: bool
) -> ServiceError:
    """Return the error that tells ``fault``.

    ``coded``: the call carried an MFA code, which may be spent although no answer came.
    """
    cause = fault.kind.value.format(
        connect=settings.connect_timeout_seconds,
        read=settings.read_timeout_seconds,
        whole=settings.connect_timeout_seconds + settings.read_timeout_seconds,
    )
    cause += f": {fault.detail}" if fault.detail else ""
    cause += f" ({attempts} attempts)" if attempts > 1 else ""
    fix = _fix(fault.kind, route, settings)
    if coded:
        fix += "; then use the next MFA code, this one may be spent"
    return ServiceError(_what(fault.kind, route), cause=cause, fix=fix)


def _what(kind: FaultKind, route: Route) -> str:
    if kind in _PROXY:
        return f"cannot reach {route.host} through the proxy {route.proxy or 'of this machine'}"
    if kind in (FaultKind.CERTIFICATE, FaultKind.TLS):
        return f"cannot make a trusted connection to {route.host}"
    if kind in (
        FaultKind.READ_TIMEOUT,
        FaultKind.TOO_SLOW,
        FaultKind.CLOSED,
        FaultKind.TOO_LONG,
    ):
        return f"no answer from {route.host}"
    return f"cannot reach {route.host}"


def _fix(kind: FaultKind, route: Route, settings: ClientSettings) -> str:
    if kind in _PROXY:
        return f"check HTTPS_PROXY and HTTP_PROXY, or name {route.host} in NO_PROXY"
    if kind is FaultKind.CERTIFICATE:
        return (
            "where a proxy inspects TLS, name its certificate authority in AWS_CA_BUNDLE, or "
            f"ca_bundle of the AWS config (now: {settings.ca_bundle or 'not set'})"
        )
    if kind is FaultKind.TLS:
        return "check that the endpoint speaks TLS, and the file that AWS_CA_BUNDLE names"
    if route.overridden:
        return "check AWS_ENDPOINT_URL…, and endpoint_url of the AWS config: it is overridden"
    if kind is FaultKind.NAME and settings.use_fips:
        return f"does region {settings.region} have a FIPS endpoint? most have none"
    if kind is FaultKind.NAME:
        return f"check the region ({settings.region}) and this machine's network"
    return "check this machine's network, then try again"
