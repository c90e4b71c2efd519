"""Where the console and its sign-in are, in each partition, and what may be opened there."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from rolehop.errors import ConfigError, UsageError
from rolehop.net.addresses import certain_host
from rolehop.startup.dataclass import dataclass
from rolehop.text import quoted

# IAM user guide, "Enable custom identity broker access to the AWS console", and the console's own
# addresses. The hosts of the isolated partitions are not public.
_DOMAINS = {
    "aws": "aws.amazon.com",
    "aws-cn": "amazonaws.cn",
    "aws-us-gov": "amazonaws-us-gov.com",
    "aws-eusc": "amazonaws-eusc.eu",
}
# The European Sovereign Cloud has regional addresses only.
_REGIONAL_ONLY = "aws-eusc"


@dataclass(frozen=True, slots=True)
class ConsoleSite:
    """The addresses of one partition's console."""

    domain: str
    region: str | None
    """``None``: the console opens in the region that was used last."""

    sign_in_url: str
    """Scheme and host of the sign-in, where a token is asked for and used."""

    is_overridden: bool = False
    """That address is none of AWS's own."""

    @property
    def console_url(self) -> str:
        """Scheme and host of the console."""
        return f"https://{_regional(f'console.{self.domain}', self.region)}"

    @property
    def sign_out_url(self) -> str:
        """Where a browser signs out of the console, at the host where it would sign in.

        AWS does not document it; the console's own button leads there.
        """
        return f"{self.sign_in_url}/oauth?Action=logout"

    @property
    def switch_role_url(self) -> str:
        """The page on which a signed-in browser switches roles (IAM user guide)."""
        region = self.region if self.domain == _DOMAINS[_REGIONAL_ONLY] else None
        return f"https://{_regional(f'signin.{self.domain}', region)}/switchrole"

    def destination(self, wanted: str) -> str:
        """Return the address for ``wanted``, a path or a whole address; the region is added.

        What follows ``#`` stays as it is.

        Raises:
            UsageError: it is neither, or leads elsewhere: AWS takes no other partition.
        """
        # A byte that is no text, which an address cannot carry, is not printable either.
        printable = wanted.isprintable()
        if printable and wanted.startswith("/") and not wanted.startswith("//"):
            return self._with_region(f"{self.console_url}{wanted}")
        host = certain_host(wanted.partition("#")[0])
        if not printable or host is None or not _is_plain_https(wanted):
            raise UsageError(
                f"{quoted(wanted)} is no address in the console",
                fix="a path (/ec2/home), or an address (https://…)",
            )
        if host != self.domain and not host.endswith(f".{self.domain}"):
            raise UsageError(
                f"{quoted(wanted)} is not in this chain's console",
                cause=f"the console of its partition is at {self.domain}",
                fix="leave the host out: the path is enough",
            )
        return self._with_region(wanted)

    def _with_region(self, url: str) -> str:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        if self.region is None or any(name == "region" for name, _ in query):
            return url
        region = urlencode({"region": self.region})
        query_text = f"{parts.query}&{region}" if parts.query else region
        return urlunsplit(parts._replace(path=parts.path or "/", query=query_text))


def console_site(
    partition: str, region: str | None, default: str, endpoint: str | None
) -> ConsoleSite:
    """Return the console of a partition.

    Args:
        partition: e.g. ``aws-cn``.
        region: the region to open it in, if one was chosen.
        default: the region for a partition whose addresses are all regional.
        endpoint: the sign-in's address where it is overridden (AWS_ENDPOINT_URL_SIGNIN).

    Raises:
        ConfigError: the addresses of this partition are not public.
    """
    domain = _DOMAINS.get(partition)
    if domain is None:
        raise ConfigError(
            f"the console of partition {partition} is not known",
            cause="AWS does not publish its addresses",
            fix="use the chain's session in a shell: rolehop assume",
        )
    if region is None and partition == _REGIONAL_ONLY:
        region = default
    sign_in = f"https://{_regional(f'signin.{domain}', region)}"
    return ConsoleSite(domain, region, (endpoint or sign_in).rstrip("/"), endpoint is not None)


def _is_plain_https(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and "@" not in parts.netloc


def _regional(host: str, region: str | None) -> str:
    return host if region is None else f"{quote(region, safe='')}.{host}"
