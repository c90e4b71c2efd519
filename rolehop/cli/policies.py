"""What the commands that judge policies share: documents, flags, and a plan's hops as requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from rolehop.arn import account_of, is_principal, is_same_principal
from rolehop.cli.completing import files
from rolehop.cli.own import own_call
from rolehop.cli.places import places_of
from rolehop.cli.wiring import App, WalkOptions
from rolehop.config.model import SourceConfig
from rolehop.errors import ConfigError, UsageProblem
from rolehop.plan.model import Hop, Mfa, Stamp
from rolehop.sources import is_federated
from rolehop.trust.callers import session_of
from rolehop.trust.chain import ChainVerdict, judge_chain
from rolehop.trust.contradiction import contradiction
from rolehop.trust.course import Course, Place
from rolehop.trust.hops import SOURCE_SESSION, HopAsked, Setting, Start
from rolehop.trust.outputs import policy_text, read_records
from rolehop.trust.own import PROFILE, OwnCall, own_request
from rolehop.trust.part import NotRecords, load_strictly
from rolehop.trust.records import Records
from rolehop.trust.supplied import never_of_session, problem_with, sent_by
from rolehop.values import dataclass, field, replace
from rolehop.words import quoted

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Given:
    """What flags say about documents and about the request."""

    policies: tuple[str, ...] = ()
    scps: tuple[str, ...] = ()
    rcps: tuple[str, ...] = ()
    caller: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    """What is taken for granted of a source's session."""


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
        assume: tuple[str, ...],
        **others: Any,
    ) -> Any:
        told = _given(policies, scp, rcp, caller, context)
        told.taken = frozenset(assume)
        return command(*args, told=told, **others)

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
            click.option(
                "--assume",
                multiple=True,
                type=click.Choice([SOURCE_SESSION, PROFILE]),
                help="Take for granted that what nobody can see of the source's session is not there.",
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
        UsageProblem: a context that can't be meant so, or a caller that is no principal.
    """
    if caller is not None and not is_principal(caller):
        raise _no_caller(caller)
    return Given(policies, scp, rcp, caller, _told(context))


def _no_caller(text: str) -> UsageProblem:
    if ":oidc-provider/" in text or ":saml-provider/" in text:
        return UsageProblem(
            f"--as wants who calls, and {quoted(text)} is an identity provider",
            cause="a federated source says itself which provider and role it has",
            fix="say what its token holds instead: --context ISSUER:sub=VALUE, saml:aud=VALUE",
        )
    return UsageProblem(
        f"--as wants the ARN of a user, role or session, not {quoted(text)}",
        fix="aws sts get-caller-identity prints it",
    )


def _told(context: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return condition keys, as typed first, with all values given; none: surely absent."""
    told: dict[str, tuple[str, ...]] = {}
    spelled: dict[str, str] = {}
    for each in context:
        key, equals, value = each.partition("=")
        key = key.strip()
        problem = None if equals else "there is no = in it"
        problem = problem or problem_with(key, value)
        key = spelled.setdefault(key.lower(), key)
        known = told.get(key)
        if problem is None and known is not None and not (value and all(known)):
            problem = "the key is said to be absent, and given a value, too"
        if problem is not None:
            raise UsageProblem(
                f"--context wants KEY=VALUE, not {quoted(each)}",
                cause=problem,
                fix="for example --context aws:SourceIp=203.0.113.9; KEY= says it is absent",
            )
        told[key] = (*(known or ()), value)
    return {key: tuple(filter(None, values)) for key, values in told.items()}


def read_documents(given: Given) -> Records:
    """Read all files.

    Raises:
        UsageProblem: a file is not there.
        ConfigError: a file is nothing that is understood, or two contradict each other.
    """
    records = Records()
    seen: list[tuple[str, Records]] = []
    for name in given.policies:
        found = _read(name, read_records)
        for other, known in seen:
            _check_agreement(contradiction(known, found), other, name)
        seen.append((name, found))
        records = records.merged(found)
    return replace(records, scps=_guardrails(given.scps), rcps=_guardrails(given.rcps))


def _check_agreement(different: str | None, one: str, other: str) -> None:
    if different is not None:
        raise ConfigError(
            f"{one} and {other} contradict each other",
            cause=f"they differ in {different}, so one of them is old",
            fix="leave the older one out: aws iam get-account-authorization-details > FILE",
        )


T = TypeVar("T")


def _read(name: str, read: Callable[[str], T]) -> T:
    try:
        raw = Path(name).read_bytes()
        # PowerShell writes UTF-16 where > makes a file, and Windows editors mark UTF-8.
        return read(raw.decode(json.detect_encoding(raw)))
    except OSError as error:
        raise UsageProblem(f"{name} cannot be read", cause=error.strerror) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{name} cannot be read",
            cause="it is neither UTF-8 nor UTF-16",
            fix="save it as UTF-8",
        ) from None
    except NotRecords as error:
        raise ConfigError(
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


def judge(
    app: App,
    chain: str,
    records: Records,
    given: Given,
    stamps: dict[str, Stamp] | None = None,
    *,
    options: WalkOptions | None = None,
) -> ChainVerdict:
    """Judge a chain by the documents at hand; no call is made.

    ``stamps`` remembers those of the sources, where many chains are judged at once; ``options`` are
    the flags that it would be walked with.

    Raises:
        UsageProblem: ``--as`` names somebody whom the source can never be, or ``--context`` says
            what the call surely does not carry.
    """
    plan = app.plan(chain, options or WalkOptions(), stamps)
    setting = Setting(records, app.now(), plan.region, given.context, given.taken)
    principal = given.caller or plan.source.principal
    own = own_call(app, plan.source, plan.region, records, principal)
    mfa = True if plan.hops and plan.hops[0].mfa is not Mfa.NONE else None
    start = start_of(plan.source, own, given, long_lived=plan.long_lived, mfa=mfa)
    course = Course(
        start,
        tuple(_asked(step.hop) for step in plan.hops),
        setting,
        own=() if own is None else (own_request(own, setting),),
        places=_less_flags(places_of(app.config, plan), plan.flags),
    )
    verdict = judge_chain(plan.chain, plan.source.name, course)
    return replace(verdict, own_role_unknown=own is None and is_federated(plan.source))


_SAID_BY = {
    "--tag": ("tags", "transitive_tags"),
    "--source-identity": ("source_identity",),
    "--reason": ("session_name", "tags"),
}


def _less_flags(places: tuple[Place, ...], flags: tuple[str, ...]) -> tuple[Place, ...]:
    """Return the places, the last without what flags say: no change of the config mends that."""
    told = {key for flag in flags for key in _SAID_BY.get(flag, ())}
    last = places[-1]
    keys = {key: name for key, name in last.keys.items() if key not in told}
    return (*places[:-1], replace(last, keys=keys))


def start_of(
    source: SourceConfig,
    own: OwnCall | None,
    given: Given,
    *,
    long_lived: bool,
    mfa: bool | None,
) -> Start:
    """Return what a source's credentials are; ``mfa``: hop 1 surely carries it, or nobody said.

    Raises:
        UsageProblem: ``--as`` names somebody whom the source can never be.
    """
    principal = given.caller or source.principal
    settings = source.settings
    _check_caller(given.caller, own, source)
    _check_context(given.context, source)
    if own is not None and not _is_session_of(own.role, principal):
        principal = session_of(own.role, own.session_name)
    account, policy, arns = (settings.get(key) for key in ("account", "policy", "policy_arns"))
    role_session = principal is not None and ":user/" not in principal
    if mfa is None and (long_lived or role_session):
        mfa = False
    if role_session:
        _check_session(given.context, source)
    return Start(
        principal,
        role=None if own is None else own.role,
        carried=None if own is None else own.carried,
        account=account if isinstance(account, str) else None,
        long_lived=long_lived,
        mfa=mfa,
        policy=policy if isinstance(policy, str) else None,
        policy_arns=tuple(map(str, arns)) if isinstance(arns, tuple | list) else (),
        # What the source's own call asks for is all there is, but for what a profile adds.
        policy_unseen=own is None or own.carried.unseen == PROFILE,
    )


def _check_caller(caller: str | None, own: OwnCall | None, source: SourceConfig) -> None:
    if caller is None:
        return
    if not is_federated(source):
        _check_principal(caller, source)
        return
    if own is not None and is_same_principal(own.role, caller):
        return
    raise UsageProblem(
        f"--as says {caller}, and source '{source.name}' is a session of another role",
        cause=f"its config makes it {own.role if own is not None else 'a federated role session'}",
        fix="leave --as out for this source, or give the ARN of a session of its role",
    )


def _check_principal(caller: str, source: SourceConfig) -> None:
    """Refuse somebody else than the config says, or somebody of another account."""
    known = source.principal
    account = source.settings.get("account")
    if known is not None:
        same = is_same_principal(known, caller) or is_same_principal(caller, known)
        says = f"its config says that it is {known}"
    else:
        same = not isinstance(account, str) or account_of(caller) == account
        says = f"its config says that it is of account {account}"
    if not same:
        raise UsageProblem(
            f"--as says {caller}, and source '{source.name}' is somebody else",
            cause=says,
            fix="leave --as out for this source, or correct its config",
        )


def _check_context(context: Mapping[str, tuple[str, ...]], source: SourceConfig) -> None:
    """Refuse what a walk itself says to STS; only a token's own call may bring it unseen."""
    key = next((key for key in context if sent_by(key)), None)
    if key is None or is_federated(source):
        return
    raise UsageProblem(
        f"--context cannot say {key}: what a walk sends is known",
        cause="it would be judged by what is not sent",
        fix=f"change what is sent: {sent_by(key)} says it",
    )


def _check_session(context: Mapping[str, tuple[str, ...]], source: SourceConfig) -> None:
    """Refuse what no session of a role has: a user's name, MFA."""
    key = next((key for key, given in context.items() if given and never_of_session(key)), None)
    if key is None or [each.lower() for each in context[key]] == ["false"]:
        return
    raise UsageProblem(
        f"--context cannot say {key}: source '{source.name}' is a role's session",
        cause="a role's session has no user name, and never carries MFA",
        fix="leave it out",
    )


def _is_session_of(role: str, principal: str | None) -> bool:
    session = principal is not None and ":assumed-role/" in principal
    return session and is_same_principal(role, principal or "")


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
