"""IAM Identity Center: a person's sign-in, and a session of one role in one account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import HopRefused, NoTerminal, ServiceError, SourceError, VaultBroken
from rolehop.plan import Stamp
from rolehop.sources.context import Document, SourceChanged, SourceContext
from rolehop.sources.identity_center.client import SPARE, Calls, access_in, cached_in, client_in
from rolehop.sources.identity_center.login import (
    SignedIn,
    document_of,
    forget_clients,
    registration_in,
)
from rolehop.sources.identity_center.settings import Center, center_of
from rolehop.sources.source_type import Finding, Login, LoginSupport, SourceType
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.sso_portal import Portal, PortalRefusal
    from rolehop.config.model import SourceConfig
    from rolehop.ports import Source


def _one_center(values: Mapping[str, object]) -> None:
    own = [key for key in ("start_url", "sso_region") if key in values]
    if "sso_session" in values and own:
        raise ValueError(f"keep one of sso_session and {' + '.join(own)}")
    if "sso_session" not in values and len(own) < 2:
        raise ValueError("needs start_url and sso_region, or sso_session")


def _account(value: object) -> str:
    # A fleet's chains fill it in.
    return "{account}" if value == "{account}" else str(value_types.ACCOUNT.run(value))


TABLE = Table(
    "sources.NAME (identity-center)",
    "a person's sign-in to IAM Identity Center, and one role in one account",
    (
        Key("start_url", value_types.URL, "the access portal's address"),
        Key("sso_region", value_types.REGION, "the region of the Identity Center itself"),
        Key("sso_session", value_types.TEXT, "an sso-session of the AWS config, instead of both"),
        Key(
            "account",
            value_types.Check("account ID", '12 digits, or "{account}" for a fleet', _account),
            "the account",
            "asked on the terminal",
            template=True,
        ),
        Key("role", value_types.TEXT, "the permission set's name", "asked on the terminal"),
        Key("flow", value_types.choice("auto", "pkce", "device"), "how to sign in", '"auto"'),
        Key(
            "share_cli_cache",
            value_types.BOOLEAN,
            "keeps the sign-in in the AWS CLI's cache too, in plain text on disk",
            "false",
        ),
    ),
    _one_center,
    fields=("account",),
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return the sign-in's generation, else what tells the AWS CLI's token from others.

    Raises:
        ConfigError: the ``sso_session`` cannot be followed.
    """
    center = center_of(source, inputs)
    value = _state(center, inputs)
    if value is None:
        return Stamp(None, long_lived=False, problem=_not_signed_in(source, center, inputs))
    if _unnamed(source):
        return Stamp(None, long_lived=False)  # which one is picked is known when it is loaded
    return Stamp(value, long_lived=False, kept=True)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; its state now is what it is planned by."""
    center = center_of(source, inputs)
    return _IdentityCenter(source, inputs, center, _state(center, inputs))


def _state(center: Center, inputs: SourceContext) -> str | None:
    generation = inputs.tokens.generation(center.token_name)
    if generation is not None:
        return generation
    cached = cached_in(center, inputs).usable
    return None if cached is None else f"cli:{cached.digest}"


def _not_signed_in(source: SourceConfig, center: Center, inputs: SourceContext) -> str:
    trouble = cached_in(center, inputs).trouble
    told = f"nobody is signed in to {center.start_url} (rolehop source login {source.name})"
    return f"{told}; {trouble}" if trouble else told


def _unnamed(source: SourceConfig) -> list[str]:
    """Return which of account and role a person must pick."""
    return [key for key in ("account", "role") if not source.settings.get(key)]


@dataclass(frozen=True, slots=True, repr=False)
class _IdentityCenter:
    source: SourceConfig
    inputs: SourceContext
    center: Center
    state: str | None

    def load(self) -> Credentials:
        """Return a session of the role.

        Raises:
            SourceChanged: somebody has just signed in; plan again.
            SourceError: nobody is signed in and nobody can be asked, or nothing is assigned.
            HopRefused: the role is not theirs.
            ServiceError: Identity Center cannot be reached.
            NoTerminal: account or role must be picked and nobody can be asked.
        """
        from rolehop.aws.sso_portal import PortalRefusal

        with Calls(self.center, self.inputs) as calls:
            token = self._token(calls)
            try:
                return self._session(calls.portal, token)
            except PortalRefusal as refusal:
                if refusal.status != 401:
                    raise self._refused(refusal) from None
            # A token that has not expired is refused once the session was ended elsewhere.
            try:
                return self._session(calls.portal, self._token(calls, rejected=token))
            except PortalRefusal as refusal:
                raise self._refused(refusal) from None

    def _token(self, calls: Calls, rejected: Secret | None = None) -> Secret:
        """Return an access token of the very sign-in that was planned with."""
        name = self.center.token_name
        with self.inputs.locks.hold(f"sign-in-{name.replace('/', '-')}"):
            if _state(self.center, self.inputs) != self.state:
                raise SourceChanged
            found = None
            if self.state is not None and self.state.startswith("cli:"):
                found = self._cli_token(calls, rejected)
            elif self.state is not None:
                found = self._own_token(calls, rejected)
            if found is not None:
                return found
            self._sign_in(calls)
        raise SourceChanged

    def _own_token(self, calls: Calls, rejected: Secret | None) -> Secret | None:
        name = self.center.token_name
        document = self.inputs.tokens.get(name)
        if document is not None and document.get("generation") != self.state:
            raise SourceChanged
        token, ends = access_in(document)
        if token is not None and ends - self.inputs.now() > SPARE and token != rejected:
            return token
        fresh = self._refreshed(calls, document)
        if fresh is not None:
            return fresh
        if token is not None and token != rejected and ends > self.inputs.now():
            return token
        return None

    def _refreshed(self, calls: Calls, document: Document | None) -> Secret | None:
        """Return a refreshed token and keep it; ``None``: only a person can help."""
        client = registration_in(document)
        refresh = (document or {}).get("refresh_token")
        if document is None or client is None or not isinstance(refresh, Secret):
            return None
        tokens = calls.refreshed(client, refresh)
        if tokens is None:
            return None
        tokens = replace(tokens, refresh=tokens.refresh or refresh)
        signed = SignedIn(tokens, client)
        self.inputs.tokens.put(self.center.token_name, {**document, **document_of(signed)})
        calls.share(signed)
        return tokens.access

    def _cli_token(self, calls: Calls, rejected: Secret | None) -> Secret | None:
        cached = cached_in(self.center, self.inputs).usable
        if cached is None:
            return None
        if cached.access != rejected and cached.expires_at - self.inputs.now() > SPARE:
            return cached.access
        client = client_in(cached, self.inputs)
        if not self.center.share_cli_cache or client is None or cached.refresh is None:
            return None
        tokens = calls.refreshed(client, cached.refresh)
        if tokens is None:
            return None
        calls.share(SignedIn(replace(tokens, refresh=tokens.refresh or cached.refresh), client))
        raise SourceChanged

    def _sign_in(self, calls: Calls) -> None:
        """Take over the AWS CLI's newer sign-in, or let a person sign in."""
        own = self.state is not None and not self.state.startswith("cli:")
        if own and cached_in(self.center, self.inputs).usable is not None:
            self.inputs.tokens.remove(self.center.token_name)
            return
        if not self.inputs.person.can_ask:
            raise self._needed(own=own)
        with self.inputs.locks.waiting_for_person():
            calls.sign_in(Login())

    def _needed(self, *, own: bool) -> SourceError:
        trouble = cached_in(self.center, self.inputs).trouble
        cause = trouble or "nobody is signed in, neither here nor in the AWS CLI"
        if own:
            cause = "the last sign-in has expired or was ended"
        return SourceError(
            f"source '{self.source.name}' needs a sign-in to {self.center.start_url}",
            cause=cause,
            fix=f"rolehop source login {self.source.name}",
        )

    def _session(self, portal: Portal, token: Secret) -> Credentials:
        settings = self.source.settings
        account = str(settings.get("account") or "") or self._pick_account(portal, token)
        role = str(settings.get("role") or "") or self._pick_role(portal, token, account)
        return portal.role_credentials(token, account, role)

    def _pick_account(self, portal: Portal, token: Secret) -> str:
        self._may_ask("account")
        accounts = portal.accounts(token)
        if not accounts:
            raise SourceError(
                f"no account is assigned to you at {self.center.start_url}",
                cause="ListAccounts gave an empty list",
                fix="ask whoever runs this Identity Center for an assignment",
            )
        shown = [f"{each.account_id}  {each.name}" for each in accounts]
        return accounts[self.inputs.person.choose("which account?", shown)].account_id

    def _pick_role(self, portal: Portal, token: Secret, account: str) -> str:
        self._may_ask("role")
        roles = portal.roles(token, account)
        if not roles:
            raise SourceError(
                f"no role is assigned to you in account {account}",
                cause="ListAccountRoles gave an empty list",
                fix="ask whoever runs this Identity Center for an assignment",
            )
        return roles[self.inputs.person.choose(f"which role in {account}?", roles)]

    def _may_ask(self, key: str) -> None:
        if not self.inputs.person.can_ask:
            raise NoTerminal(
                f"source '{self.source.name}' names no {key}, and nobody can be asked",
                cause="there is no terminal, or --no-prompt was given",
                fix=f'add {key} = "…" to [sources.{self.source.name}]',
            )

    def _refused(self, refusal: PortalRefusal) -> SourceError | HopRefused:
        if refusal.status == 401:
            return self._needed(own=True)
        account, role = (self.source.settings.get(key, "picked") for key in ("account", "role"))
        return HopRefused(
            f"Identity Center gives no session of role '{role}' in account {account}",
            code=refusal.code,
            cause=f"it is not assigned to you, or there is no such role ({refusal})",
            fix="check account and role; without them rolehop lists what is assigned to you",
        )


def login(source: SourceConfig, inputs: SourceContext, how: Login) -> str:
    """Let a person sign in and keep it; the sign-in before is ended.

    Raises:
        SourceError: it was refused or given up.
        ServiceError: Identity Center cannot be reached.
    """
    center = center_of(source, inputs)
    name = f"sign-in-{center.token_name.replace('/', '-')}"
    with (
        Calls(center, inputs) as calls,
        inputs.locks.hold(name),
        inputs.locks.waiting_for_person(),
    ):
        before = _kept(center, inputs)
        signed = calls.sign_in(how)
        if not center.share_cli_cache:  # else programs that use the AWS CLI's cache may hold it yet
            _end(before, calls, inputs)
    renewed = "renewed by itself" if signed.tokens.refresh else "not renewable"
    return f"signed in to {center.start_url} until {signed.tokens.expires_at:%H:%M} UTC, {renewed}"


def logout(source: SourceConfig, inputs: SourceContext) -> bool:
    """Forget the sign-in, and end it at Identity Center where that can be reached.

    Raises:
        VaultError: the keyring failed; the sign-in is still kept.
    """
    from rolehop.aws.sso_token_cache import cache_file

    center = center_of(source, inputs)
    before = _kept(center, inputs)
    there = inputs.tokens.remove(center.token_name)
    forget_clients(center, inputs)
    if center.share_cli_cache:
        cache_file(inputs.home, center.cache_key).unlink(missing_ok=True)
    if before is not None:
        with Calls(center, inputs) as calls:
            _end(before, calls, inputs)
    return there


def _kept(center: Center, inputs: SourceContext) -> Document | None:
    try:
        return inputs.tokens.get(center.token_name)
    except VaultBroken:
        return None  # damaged: all that is left is to forget it


def _end(before: Document | None, calls: Calls, inputs: SourceContext) -> None:
    """End a sign-in at the server; that it is forgotten here is what counts."""
    from rolehop.aws.sso_portal import PortalRefusal

    try:
        calls.end(before)
    except (ServiceError, PortalRefusal) as error:
        inputs.person.say(f"forgotten here; Identity Center did not end the old sign-in: {error}")


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Return what is known of the sign-in, without the network and without opening the keyring."""
    center = center_of(source, inputs)
    kept = inputs.tokens.generation(center.token_name) is not None
    cached = cached_in(center, inputs)
    # Either of them will do, so one that is not there stands in nobody's way.
    absent = None if kept or cached.usable else False
    return (
        Finding("Identity Center", f"{center.start_url} in {center.region}"),
        Finding("a sign-in in the vault", "kept" if kept else "none", kept or absent),
        Finding(
            f"the AWS CLI's sign-in, {cached.path}",
            cached.said,
            True if cached.usable else absent,
        ),
        _role_found(source, inputs),
    )


def _role_found(source: SourceConfig, inputs: SourceContext) -> Finding:
    shown = " ".join(str(source.settings.get(key, "(asked)")) for key in ("account", "role"))
    unnamed = _unnamed(source)
    if unnamed and not inputs.person.can_ask:
        shown = f"{' and '.join(unnamed)} must be named where nobody can be asked"
        return Finding("account and role", shown, good=False)
    return Finding("account and role", shown)


TYPE = SourceType(TABLE, stamp, build, findings, LoginSupport(login, logout))
