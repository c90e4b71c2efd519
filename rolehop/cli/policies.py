"""What the commands that judge policies share: documents, flags, and a plan's hops as requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from rolehop.arn import RoleArn, is_principal
from rolehop.cli.completing import files
from rolehop.cli.wiring import App, WalkOptions
from rolehop.config.model import SourceConfig
from rolehop.errors import UsageProblem
from rolehop.plan.model import Hop, Mfa, Plan
from rolehop.trust.callers import session_of
from rolehop.trust.chain import ChainVerdict, judge_chain
from rolehop.trust.hops import HopAsked, Setting, Start, TokenAsked, requests, token_request
from rolehop.trust.records import NotRecords, Records, load_strictly, policy_text, read_records
from rolehop.values import dataclass, field, replace

F = TypeVar("F", bound=Callable[..., Any])

# The CI service whose issuer is the same for everybody; others have one for each installation.
_CI_ISSUERS = {"github": "token.actions.githubusercontent.com"}
_CI_AUDIENCE = "sts.amazonaws.com"
# Built into STS: named by host, without a provider's ARN (STS API reference).
_HOST_PROVIDERS = ("accounts.google.com", "www.amazon.com", "graph.facebook.com")


@dataclass(slots=True)
class Given:
    """What flags say about documents and about the request."""

    policies: tuple[str, ...] = ()
    scps: tuple[str, ...] = ()
    rcps: tuple[str, ...] = ()
    caller: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def policy_options(command: F) -> F:
    """Add the options that bring documents and say what is known; gives ``told: Given``."""

    @wraps(command)
    def gathered(
        *args: Any,
        policies: tuple[str, ...],
        scp: tuple[str, ...],
        rcp: tuple[str, ...],
        caller: str | None,
        context: tuple[str, ...],
        **others: Any,
    ) -> Any:
        return command(*args, told=_given(policies, scp, rcp, caller, context), **others)

    made = cast("F", gathered)
    for option in reversed(
        [
            click.option(
                "--policies",
                multiple=True,
                metavar="FILE",
                shell_complete=files,
                help="Output of aws iam get-account-authorization-details or get-role; repeat it.",
            ),
            click.option(
                "--scp",
                multiple=True,
                metavar="[ACCOUNT=]FILE",
                help="A service control policy, of that account or of all.",
            ),
            click.option(
                "--rcp",
                multiple=True,
                metavar="[ACCOUNT=]FILE",
                help="A resource control policy, likewise.",
            ),
            click.option(
                "--as",
                "caller",
                metavar="ARN",
                help="Who the source is, where the config does not say.",
            ),
            click.option(
                "--context",
                multiple=True,
                metavar="KEY=VALUE",
                help="What the call will carry, e.g. aws:SourceIp=203.0.113.9; repeat it.",
            ),
        ]
    ):
        made = option(made)
    return made


def _given(
    policies: tuple[str, ...],
    scp: tuple[str, ...],
    rcp: tuple[str, ...],
    caller: str | None,
    context: tuple[str, ...],
) -> Given:
    """Check what the flags say.

    Raises:
        UsageProblem: a context without a key, or a caller that is no principal.
    """
    if caller is not None and not is_principal(caller):
        raise UsageProblem(
            f"--as wants the ARN of a user, role or session, not {caller!r}",
            fix="aws sts get-caller-identity prints it",
        )
    told: dict[str, tuple[str, ...]] = {}
    for each in context:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise UsageProblem(
                f"--context wants KEY=VALUE, not {each!r}",
                fix="for example --context aws:SourceIp=203.0.113.9; KEY= says it is absent",
            )
        told[key.strip()] = (*told.get(key.strip(), ()), *((value,) if value else ()))
    return Given(policies, scp, rcp, caller, told)


def read_documents(given: Given) -> Records:
    """Read all files.

    Raises:
        UsageProblem: a file is not there, or is nothing that is understood.
    """
    records = Records()
    for name in given.policies:
        records = records.merged(_read(name, read_records))
    return replace(records, scps=_guardrails(given.scps), rcps=_guardrails(given.rcps))


T = TypeVar("T")


def _read(name: str, read: Callable[[str], T]) -> T:
    try:
        return read(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageProblem(f"{name} cannot be read", cause=reason) from None
    except NotRecords as error:
        raise UsageProblem(
            f"{name} is no output that rolehop understands",
            cause=str(error),
            fix="aws iam get-account-authorization-details > FILE",
        ) from None


def _guardrails(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in given:
        account, equals, name = each.partition("=")
        if not (equals and account.isdigit() and len(account) == 12):
            account, name = "*", each
        found[account] = (*found.get(account, ()), _read(name, _policy_of))
    return found


def _policy_of(text: str) -> str:
    """Return a bare policy document, or the one in ``aws organizations describe-policy``."""
    document = load_strictly(text)
    if isinstance(document, dict) and isinstance(document.get("Policy"), dict):
        document = document["Policy"].get("Content", document)
    return text if document is None else policy_text(document)


# ---- from a plan to a verdict


def judge(app: App, chain: str, records: Records, given: Given) -> ChainVerdict:
    """Judge a chain by the documents at hand; no call is made."""
    plan = app.plan(chain, WalkOptions())
    return judge_plan(plan, app, records, given)


def judge_plan(plan: Plan, app: App, records: Records, given: Given) -> ChainVerdict:
    """Judge a plan by the documents at hand."""
    setting = Setting(records, app.now(), plan.region, given.context)
    token = token_of(plan.source)
    own = () if token is None else (token_request(token, setting),)
    mfa = True if plan.hops and plan.hops[0].mfa is not Mfa.NONE else None
    start = start_of(plan.source, token, given, long_lived=plan.long_lived, mfa=mfa)
    asked = requests(start, [_asked(step.hop) for step in plan.hops], setting)
    first = 1 - len(own)
    return judge_chain(plan.chain, plan.source.name, (*own, *asked), first=first)


def start_of(
    source: SourceConfig,
    token: TokenAsked | None,
    given: Given,
    *,
    long_lived: bool,
    mfa: bool | None,
) -> Start:
    """Return what a source's credentials are; ``mfa``: hop 1 surely carries it, or nobody said."""
    principal = given.caller or source.principal
    settings = source.settings
    if principal is None and token is not None:
        principal = session_of(token.role, token.session_name)
    role = settings.get("role")
    if principal is None and source.type == "roles-anywhere" and isinstance(role, str):
        principal = session_of(role)
    account, policy, arns = (settings.get(key) for key in ("account", "policy", "policy_arns"))
    role_session = principal is not None and ":user/" not in principal
    if mfa is None and (long_lived or role_session):
        mfa = False
    return Start(
        principal,
        account=account if isinstance(account, str) else None,
        long_lived=long_lived,
        mfa=mfa,
        policy=policy if isinstance(policy, str) else None,
        policy_arns=tuple(map(str, arns)) if isinstance(arns, tuple | list) else (),
    )


def _asked(hop: Hop) -> HopAsked:
    return HopAsked(
        role=hop.role,
        session_name=hop.session_name,
        external_id=hop.external_id,
        policy=hop.policy,
        policy_arns=hop.policy_arns,
        tags=hop.tags,
        transitive_tags=hop.transitive_tags,
        source_identity=hop.source_identity,
    )


def token_of(source: SourceConfig) -> TokenAsked | None:
    """Return the call by which a federated source gets its own role; ``None``: it is none."""
    settings, kind = source.settings, source.type
    role = settings.get("role")
    if kind not in ("web-identity", "saml") or not isinstance(role, str):
        return None
    if kind == "saml":
        provider = settings.get("provider")
        named = provider if isinstance(provider, str) else None
        return TokenAsked(role, "AssumeRoleWithSAML", named)
    host = _issuer_host(settings)
    name = settings.get("session_name")
    audience = settings.get("audience", _CI_AUDIENCE if "ci" in settings else None)
    known = {f"{host}:aud": [audience]} if host and isinstance(audience, str) else {}
    return TokenAsked(
        role,
        "AssumeRoleWithWebIdentity",
        _provider(host, RoleArn.parse(role)) if host else None,
        session_name=name if isinstance(name, str) else None,
        known=known,
    )


def _issuer_host(settings: Mapping[str, object]) -> str | None:
    provider, issuer = settings.get("provider_id"), settings.get("issuer")
    if isinstance(provider, str):
        return provider
    if isinstance(issuer, str):
        return issuer.removeprefix("https://").rstrip("/")
    return _CI_ISSUERS.get(str(settings.get("ci")))


def _provider(host: str, role: RoleArn) -> str:
    if host in _HOST_PROVIDERS:
        return host
    return f"arn:{role.partition}:iam::{role.account}:oidc-provider/{host}"
