"""The consoles of each partition, how a session signs in to one, and a browser window of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from rolehop.aws.net.addresses import certain_host
from rolehop.base.arn import default_region
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, UsageError
from rolehop.base.text import NEAR, nearest, quoted

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Plan

SERVICE = "signin"
"""As in AWS_ENDPOINT_URL_SIGNIN."""

LINK_MINUTES = 15
"""How long a sign-in can be used (IAM user guide)."""


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """Which console is asked for, and how it is opened."""

    destination: str = "/"
    """A path of the console, or an address in it."""

    seconds: int | None = None
    """How long the console stays signed in, 900 to 43200; ``None``: as long as the session lasts."""

    switch_role: bool = False
    """Sign in as the source's user, and let the console switch to the chain's role."""

    portal: bool | None = None
    """True: through the access portal; false: not through it; ``None``: if there is one."""

    logout_first: bool = False
    """Sign out of the console that the browser has open."""

    in_browser: bool = False
    """A browser here is to open it: without one, nobody is asked for anything."""

    window: BrowserWindow | None = None
    """Which browser, and where in it; ``None``: the system's."""


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """What opens a console: a sign-in that can be carried out once within 15 minutes, or a link."""

    chain: str
    url: str
    """Where the browser goes, with ``fields``."""

    fields: Mapping[str, str | Secret]
    """What is sent there; nothing with a link that is no secret: the browser signs in itself."""

    expires_at: datetime | None
    """When the session ends and the console with it, by AWS's clock. ``None``: not known, as with a
    duration, which AWS may not take, or there is no session yet."""

    sign_out_url: str | None = None
    """Where the browser signs out first."""

    switch_link: str | None = None
    """The link that switches to the chain's role, to which the sign-in leads."""

    @property
    def is_secret(self) -> bool:
        """True if whoever has the link is signed in."""
        return bool(self.fields)

    @property
    def revealed_link(self) -> str:
        """What a browser opens as a link, for whom asked for it by name: it may be a secret."""
        if not self.fields:
            return self.url
        from rolehop.aws.console_sign_in import login_link

        return login_link(self.url, self.fields)


def site_of(app: App, plan: Plan, partition: str) -> ConsoleSite:
    """Return the console of a partition, for a chain's region and AWS profile.

    Raises:
        ConfigError: its addresses are not public.
    """
    endpoint = app.sts_clients.endpoint_url(plan.aws_profile, SERVICE)
    return console_site(partition, plan.export_region, default_region(partition), endpoint)


def sign_in(
    app: App,
    plan: Plan,
    session: Session,
    site: ConsoleSite,
    destination: str,
    request: ConsoleRequest,
) -> ConsoleLogin:
    """Ask AWS to sign a session in to the console, at an address of it.

    Raises:
        RolehopError: see `ConsoleSignIn.token`.
    """
    from rolehop.aws.console_sign_in import ConsoleSignIn, login_fields

    with app.sts_clients.http_client(
        plan.region, plan.aws_profile, overridden=site.is_overridden
    ) as http:
        service = ConsoleSignIn(http, site.sign_in_url, app.history.called)
        token = service.token(session.credentials, request.seconds)
    fields = login_fields(token, destination)
    sign_out = sign_out_of(app, site, request)
    expires_at = session.expires_at if request.seconds is None else None
    return ConsoleLogin(plan.chain, service.url, fields, expires_at, sign_out)


def sign_out_of(app: App, site: ConsoleSite, request: ConsoleRequest) -> str | None:
    """Return where the browser signs out first; nowhere if it has several sessions side by side."""
    if not request.logout_first:
        return None
    if app.config.console.multi_session:
        app.note("--logout-first is left out: [console] multi_session = true keeps other sessions")
        return None
    return site.sign_out_url


# The user guides of the services: "open the … console at https://console.aws.amazon.com/…/".
SERVICES = {
    "acm": "/acm/home",
    "apigateway": "/apigateway",
    "athena": "/athena/",
    "backup": "/backup",
    "batch": "/batch/",
    "bedrock": "/bedrock",
    "billing": "/billing/",
    "cloudformation": "/cloudformation",
    "cloudfront": "/cloudfront/v4/home",
    "cloudshell": "/cloudshell/",
    "cloudtrail": "/cloudtrail/",
    "cloudwatch": "/cloudwatch/",
    "codebuild": "/codesuite/codebuild/home",
    "codepipeline": "/codesuite/codepipeline/home",
    "cognito": "/cognito/home",
    "config": "/config/home",
    "costs": "/costmanagement/",
    "dynamodb": "/dynamodb/",
    "ec2": "/ec2/",
    "ecr": "/ecr/",
    "ecs": "/ecs/v2",
    "efs": "/efs/",
    "eks": "/eks/home",
    "elasticache": "/elasticache/",
    "emr": "/emr",
    "events": "/events/",
    "glue": "/glue/",
    "guardduty": "/guardduty/",
    "iam": "/iam/",
    "kinesis": "/kinesis",
    "kms": "/kms",
    "lambda": "/lambda/",
    "organizations": "/organizations/v2",
    "rds": "/rds/",
    "redshift": "/redshiftv2/",
    "route53": "/route53/",
    "s3": "/s3/",
    "sagemaker": "/sagemaker/",
    "secretsmanager": "/secretsmanager/",
    "securityhub": "/securityhub/",
    "servicequotas": "/servicequotas/",
    "ses": "/ses/",
    "singlesignon": "/singlesignon",
    "sns": "/sns/home",
    "sqs": "/sqs/",
    "states": "/states/",
    "support": "/support/",
    "systems-manager": "/systems-manager/",
    "vpc": "/vpc/",
    "wafv2": "/wafv2/",
}


def service_path(name: str) -> str:
    """Return the path of a service's console.

    Raises:
        UsageError: no service is called so here.
    """
    path = SERVICES.get(name.lower())
    if path is not None:
        return path
    near = nearest(name, SERVICES, n=1, cutoff=NEAR)
    raise UsageError(
        f"no service is called {quoted(name)} here",
        fix=f"did you mean {near[0]}?"
        if near
        else "rolehop console --list; others by --destination",
    )


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


_SCHEMES = {"true": "ext+container", "granted": "ext+granted-containers"}
_ADD_ONS = {"true": '"Open external links in a container"', "granted": "Granted's"}

# Names that Linux distributions and the makers' own packages give the program.
_LINUX = {
    "firefox": ("firefox", "firefox-esr"),
    "chrome": ("google-chrome", "google-chrome-stable"),
    "chromium": ("chromium", "chromium-browser"),
    "edge": ("microsoft-edge", "microsoft-edge-stable"),
    "brave": ("brave-browser", "brave"),
}

_MACOS = {
    "firefox": "Firefox.app/Contents/MacOS/firefox",
    "chrome": "Google Chrome.app/Contents/MacOS/Google Chrome",
    "chromium": "Chromium.app/Contents/MacOS/Chromium",
    "edge": "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "brave": "Brave Browser.app/Contents/MacOS/Brave Browser",
}

_WINDOWS = {
    "firefox": r"Mozilla Firefox\firefox.exe",
    "chrome": r"Google\Chrome\Application\chrome.exe",
    "chromium": r"Chromium\Application\chrome.exe",
    "edge": r"Microsoft\Edge\Application\msedge.exe",
    "brave": r"BraveSoftware\Brave-Browser\Application\brave.exe",
}

_WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")  # as Python has them

# From the colours of chains to those of Firefox's containers.
_COLORS = {
    "red": "red",
    "green": "green",
    "yellow": "yellow",
    "blue": "blue",
    "magenta": "purple",
    "cyan": "turquoise",
    "white": "toolbar",
    "bright_yellow": "orange",
    "bright_magenta": "pink",
}


@dataclass(frozen=True, slots=True)
class BrowserWindow:
    """Where a chain's console opens."""

    browser: str
    """One of `rolehop.config.model.BROWSERS`."""

    chain: str
    profile: str | None = None
    """The directory of the profile; not of Firefox."""

    container: str | None = None
    """``true`` or ``granted``: the add-on that opens a container of Firefox."""

    color: str | None = None
    """The chain's."""

    @property
    def needs(self) -> str | None:
        """What must be in the browser, which is not seen from here: it opens nothing without."""
        if self.container is None:
            return None
        return f"a container needs Firefox's add-on {_ADD_ONS[self.container]}"

    def address(self, url: str) -> str:
        """Return the address that makes the browser open ``url`` there."""
        return url if self.container is None else self._in_container(_SCHEMES[self.container], url)

    def commands(
        self, address: str, environ: Mapping[str, str], platform: str
    ) -> tuple[tuple[str, ...], ...]:
        """Return the commands that may open an address there, the best first."""
        arguments = self._arguments(address)
        programs = _programs(self.browser, environ, platform)
        if platform == "darwin":  # it may be in another folder, which the system knows
            name = _MACOS[self.browser].partition(".app")[0]
            return (*((each, *arguments) for each in programs), _opened(name, arguments))
        return tuple((program, *arguments) for program in programs)

    def _arguments(self, address: str) -> tuple[str, ...]:
        if self.profile is not None:
            # It names one folder: a fleet's chain has a slash, and ".." is where all profiles are. No
            # chain has a comma: "a/b" shares no profile with "a-b".
            folder = self.profile.replace("/", ",").replace("\\", ",")
            if not folder.strip("."):
                folder = folder.replace(".", "-")
            return (f"--profile-directory={folder}", address)
        return (address,)

    def _in_container(self, scheme: str, url: str) -> str:
        color = self.color or "blue"
        found = _COLORS.get(color) or _COLORS[color.removeprefix("bright_")]
        name, there = quote(self.chain, safe=""), quote(url, safe="")
        return f"{scheme}:name={name}&url={there}&color={found}&icon=fingerprint"


def window_for(
    chain: str,
    color: str | None,
    *,
    browser: str | None,
    profile: str | None,
    container: str | None,
    asked_browser: str | None = None,
    asked_container: bool = False,
) -> BrowserWindow | None:
    """Return where a chain's console opens; ``None``: in the system's browser.

    ``browser``, ``profile`` (filled in) and ``container`` are the config's. What is asked for beats
    them: another browser than the config's leaves out what is not its own.

    Raises:
        UsageError: a container is asked for in another browser than Firefox.
    """
    if asked_container:
        if asked_browser not in (None, "firefox"):
            raise UsageError("only Firefox has containers", fix="leave --container out")
        return BrowserWindow("firefox", chain, container=container or "true", color=color)
    if asked_browser is None and container is not None:
        return BrowserWindow("firefox", chain, container=container, color=color)
    chosen = asked_browser or browser
    if chosen is None:
        return None
    if chosen == "firefox":
        return BrowserWindow(chosen, chain, container=container, color=color)
    return BrowserWindow(chosen, chain, profile=profile)


def _opened(name: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    return ("open", "-na", name, "--args", *arguments)


def _programs(browser: str, environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    if platform == "darwin":
        return (f"/Applications/{_MACOS[browser]}",)
    if platform == "win32":
        folders = [environ[name] for name in _WINDOWS_FOLDERS if environ.get(name)]
        return tuple(f"{folder}\\{_WINDOWS[browser]}" for folder in folders)
    return _LINUX[browser]
