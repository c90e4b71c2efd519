"""IAM Identity Center: a person's sign-in, and the session of one role in one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import (
    HopRefused,
    NoTerminal,
    ServiceError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
    VaultBroken,
)
from rolehop.base.time_limit import uninterrupted
from rolehop.plan.model import Stamp
from rolehop.sources.center_client import (
    SPARE,
    TABLE,
    Center,
    CenterClients,
    SignedIn,
    access_in,
    center_of,
    check_picked,
    cli_sign_in,
    client_in,
    document_of,
    forget_clients,
    portal_role,
    registration_in,
    unnamed_keys,
)
from rolehop.sources.context import Document, SourceChanged, SourceContext, choose
from rolehop.sources.source_type import Diagnosis, Login, LoginSupport, SourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolehop.aws.identity_center import Portal, PortalRefusal
    from rolehop.config.model import SourceConfig

T = TypeVar("T")


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the sign-in's generation, or a digest of the AWS CLI's token.

    Raises:
        ConfigError: the ``sso_session`` does not exist or is incomplete.
    """
    center = center_of(source, context)
    value = _state(center, context)
    if value is None:
        return Stamp(None, long_lived=False, problem=_not_signed_in(source, center, context))
    if unnamed_keys(source):
        # The choice is known once it is loaded.
        return Stamp(None, long_lived=False, endpoints=center.endpoints)
    return Stamp(value, long_lived=False, endpoints=center.endpoints, stored=True)


def build(source: SourceConfig, context: SourceContext) -> IdentityCenter:
    """Build the source, which remembers the state that the walk is planned with."""
    center = center_of(source, context)
    return IdentityCenter(source, context, center, _state(center, context))


def _state(center: Center, context: SourceContext) -> str | None:
    generation = context.tokens.generation(center.token_name)
    if generation is not None:
        return generation
    cached = cli_sign_in(center, context).sign_in
    return None if cached is None else f"cli:{cached.digest}"


def _not_signed_in(source: SourceConfig, center: Center, context: SourceContext) -> str:
    problem = cli_sign_in(center, context).problem
    return Advice(
        f"nobody is signed in to {center.address} (rolehop source login ",
        Argument(source.name),
        f"); {problem}" if problem else ")",
    )


@dataclass(frozen=True, slots=True, repr=False)
class IdentityCenter:
    """One role in one account, or what else the portal gives to the person who signed in."""

    source: SourceConfig
    context: SourceContext
    center: Center
    state: str | None

    def load(self) -> Credentials:
        """Return a session of the role.

        Raises:
            SourceChanged: somebody has just signed in, so the caller must plan again.
            SourceError: nobody is signed in and nobody can be asked, or nothing is assigned.
            HopRefused: the role is not assigned to them.
            ServiceError: Identity Center cannot be reached.
            NoTerminal: account or role must be chosen and nobody can be asked.
        """
        from rolehop.aws.identity_center import PortalRefusal

        try:
            return self.ask(self._session)
        except PortalRefusal as refusal:
            raise self._refused(refusal) from None

    def ask(self, do: Callable[[Portal, Secret], T]) -> T:
        """Return what ``do`` returns, with an access token; it is called again with a new one.

        Raises:
            PortalRefusal: as ``do``; of status 401 only if the new token was rejected, too.
            SourceChanged, SourceError, ServiceError: see `load`.
        """
        from rolehop.aws.identity_center import PortalRefusal

        with CenterClients(self.center, self.context) as clients:
            token = self._token(clients)
            try:
                found = do(clients.portal, token)
            except PortalRefusal as refusal:
                if refusal.status != 401:
                    raise
                # An unexpired token is refused if the sign-in was ended elsewhere.
                found = do(clients.portal, self._token(clients, rejected=token))
        self._note_ended(False)
        return found

    def _note_ended(self, ended: bool) -> None:
        if self.state is not None and not self.state.startswith("cli:"):
            self.context.tokens.note_ended(self.center.token_name, ended=ended)

    def _token(self, clients: CenterClients, rejected: Secret | None = None) -> Secret:
        """Return an access token of the sign-in that the walk was planned with."""
        name = self.center.token_name
        with self.context.locks.hold(f"sign-in-{name.replace('/', '-')}"):
            if _state(self.center, self.context) != self.state:
                raise SourceChanged
            found = None
            if self.state is not None and self.state.startswith("cli:"):
                found = self._cli_token(clients, rejected)
            elif self.state is not None:
                found = self._vault_token(clients, rejected)
            if found is not None:
                return found
            self._note_ended(True)
            self._sign_in(clients)
        raise SourceChanged

    def _vault_token(self, clients: CenterClients, rejected: Secret | None) -> Secret | None:
        name = self.center.token_name
        document = self.context.tokens.get(name)
        if document is not None and document.get("generation") != self.state:
            raise SourceChanged
        token, ends = access_in(document)
        if token is not None and ends - self.context.now() > SPARE and token != rejected:
            return token
        fresh = self._refreshed(clients, document)
        if fresh is not None:
            return fresh
        if token is not None and token != rejected and ends > self.context.now():
            return token
        return None

    def _refreshed(self, clients: CenterClients, document: Document | None) -> Secret | None:
        """Refresh the token and store it; ``None`` if only a new sign-in helps."""
        client = registration_in(document)
        refresh = (document or {}).get("refresh_token")
        if document is None or client is None or not isinstance(refresh, Secret):
            return None
        with uninterrupted():  # a refresh token is good once
            tokens = clients.refreshed(client, refresh)
            if tokens is None:
                return None
            signed = SignedIn(replace(tokens, refresh=tokens.refresh or refresh), client)
            self.context.tokens.put(self.center.token_name, {**document, **document_of(signed)})
            clients.share(signed)
        return tokens.access

    def _cli_token(self, clients: CenterClients, rejected: Secret | None) -> Secret | None:
        cached = cli_sign_in(self.center, self.context).sign_in
        if cached is None:
            return None
        if cached.access != rejected and cached.expires_at - self.context.now() > SPARE:
            return cached.access
        client = client_in(cached, self.context)
        if not self.center.renews_cli_sign_in or client is None or cached.refresh is None:
            return None
        with uninterrupted():
            tokens = clients.refreshed(client, cached.refresh)
            if tokens is None:
                return None
            tokens = replace(tokens, refresh=tokens.refresh or cached.refresh)
            clients.write_cli_cache(SignedIn(tokens, client))
        raise SourceChanged

    def _sign_in(self, clients: CenterClients) -> None:
        """Use the AWS CLI's newer sign-in, or let a person sign in."""
        in_vault = self.state is not None and not self.state.startswith("cli:")
        if in_vault and cli_sign_in(self.center, self.context).sign_in is not None:
            self.context.tokens.remove(self.center.token_name)
            return
        if not self.context.person.can_ask:
            raise self.sign_in_needed(ended=self.state is not None)
        with self.context.locks.waiting_for_person("a sign-in"):
            clients.sign_in(Login())

    def sign_in_needed(self, *, ended: bool) -> SourceError:
        """Return the error if nobody is signed in; ``ended``: somebody was."""
        problem = cli_sign_in(self.center, self.context).problem
        cause = problem or "nobody is signed in, neither here nor in the AWS CLI"
        if ended:
            cause = "the last sign-in has expired or was ended"
        kind = SourceWithdrawn if self.state is None else SignInExpired
        return kind(
            f"source '{self.source.name}' needs a sign-in to {self.center.address}",
            cause=cause,
            fix=Advice("rolehop source login ", Argument(self.source.name)),
        )

    def _session(self, portal: Portal, token: Secret) -> Credentials:
        settings = self.source.settings
        account = str(settings.get("account") or "") or self._pick_account(portal, token)
        role = str(settings.get("role") or "") or self._pick_role(portal, token, account)
        found = portal.role_credentials(token, account, role)
        if unnamed_keys(self.source):  # the walk compares what the config names
            check_picked(self.source, self.context, self.center, found, (account, role))
        return found

    def _pick_account(self, portal: Portal, token: Secret) -> str:
        self._check_can_ask("account")
        accounts = portal.accounts(token)
        if not accounts:
            raise SourceWithdrawn(
                f"no account is assigned to you at {self.center.address}",
                cause="ListAccounts gave an empty list",
                fix="ask whoever runs this Identity Center for an assignment",
            )
        shown = [f"{each.account_id}  {each.name}" for each in accounts]
        names = [each.account_id for each in accounts]
        of = f"account of {self.center.token_name}"
        return names[choose(self.context, "which account?", shown, of, names)]

    def _pick_role(self, portal: Portal, token: Secret, account: str) -> str:
        self._check_can_ask("role")
        roles = portal.roles(token, account)
        if not roles:
            raise SourceWithdrawn(
                f"no role is assigned to you in account {account}",
                cause="ListAccountRoles gave an empty list",
                fix="ask whoever runs this Identity Center for an assignment",
            )
        of = f"role in {account} of {self.center.token_name}"
        return roles[choose(self.context, f"which role in {account}?", roles, of, roles)]

    def _check_can_ask(self, key: str) -> None:
        if not self.context.person.can_ask:
            raise NoTerminal(
                f"source '{self.source.name}' names no {key}, and nobody can be asked",
                cause="there is no terminal or prompt, or asking was forbidden",
                fix=f'add {key} = "…" to [sources.{self.source.name}]',
            )

    def _refused(self, refusal: PortalRefusal) -> SourceError | HopRefused:
        if refusal.status == 401:
            return self.sign_in_needed(ended=True)
        account, role = (self.source.settings.get(key, "picked") for key in ("account", "role"))
        return HopRefused(
            f"Identity Center gives no session of role '{role}' in account {account}",
            code=refusal.code,
            cause=f"it is not assigned to you, or there is no such role ({refusal})",
            fix="check account and role; without them rolehop lists what is assigned to you",
        )


def login(source: SourceConfig, context: SourceContext, how: Login) -> str:
    """Let a person sign in and store it; the previous sign-in is ended.

    Raises:
        SourceError: it was refused or cancelled.
        ServiceError: Identity Center cannot be reached.
    """
    center = center_of(source, context)
    name = f"sign-in-{center.token_name.replace('/', '-')}"
    with (
        CenterClients(center, context) as clients,
        context.locks.hold(name),
        context.locks.waiting_for_person("a sign-in"),
    ):
        previous = _stored(center, context)
        if how.anew:  # else the portal goes on with it, and the new sign-in ends with the old one
            context.tokens.remove(center.token_name)
            _end(previous, clients, context)
        signed = clients.sign_in(how)
        # Programs that use the AWS CLI's cache may still hold a shared sign-in.
        if not center.share_cli_cache and not how.anew:
            _end(previous, clients, context)
    renewal = "renewed automatically" if signed.tokens.refresh else "not renewable"
    return f"signed in to {center.address} until {signed.tokens.expires_at:%H:%M} UTC, {renewal}"


def logout(source: SourceConfig, context: SourceContext) -> bool:
    """Forget the sign-in, and end it at Identity Center if that can be reached.

    Raises:
        VaultError: the keyring failed; the sign-in is still stored.
    """
    center = center_of(source, context)
    previous = _stored(center, context)
    removed = context.tokens.remove(center.token_name)
    forget_clients(center, context)
    cached = cli_sign_in(center, context)
    if center.share_cli_cache and not cached.is_foreign:
        from rolehop.aws.sso_token_cache import delete_cache

        delete_cache(cached.path)
    if previous is not None:
        with CenterClients(center, context) as clients:
            _end(previous, clients, context)
    return removed


def _stored(center: Center, context: SourceContext) -> Document | None:
    try:
        return context.tokens.get(center.token_name)
    except VaultBroken:
        return None  # damaged: it can only be forgotten


def _end(previous: Document | None, clients: CenterClients, context: SourceContext) -> None:
    """End a sign-in at the server; it is forgotten here even if that fails."""
    from rolehop.aws.identity_center import PortalRefusal

    try:
        clients.log_out(previous)
    except (ServiceError, PortalRefusal) as error:
        reason = error.what if isinstance(error, ServiceError) else str(error)
        context.person.say(f"forgotten here; Identity Center did not end the old sign-in: {reason}")


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return what is known of the sign-in without the network or the keyring."""
    center = center_of(source, context)
    kept, usable = _kept_sign_in(center, context)
    cached = cli_sign_in(center, context)
    # Either of them is enough, so a missing one is a problem only if both are missing.
    absent = None if usable or cached.sign_in else False
    return (
        Diagnosis("Identity Center", f"{center.address} in {center.region}", None, _copied(center)),
        Diagnosis("a sign-in in the keyring", kept, usable or absent),
        Diagnosis(
            f"the AWS CLI's sign-in, {cached.path}",
            cached.state,
            True if cached.sign_in else absent,
        ),
        _diagnose_role(source, context),
    )


def _kept_sign_in(center: Center, context: SourceContext) -> tuple[str, bool]:
    """Return what is known of the sign-in in the keyring, and whether it can be used."""
    if context.tokens.generation(center.token_name) is None:
        return "none", False
    end = context.tokens.end(center.token_name)
    if end is None or not end.is_over(context.now()):
        return "stored", True
    return "ended: AWS takes it no longer" if end.ended else "expired", False


def _copied(center: Center) -> str | None:
    """Return what to know of a start URL that was copied from the browser."""
    if "#" not in center.start_url.removeprefix(center.address):
        return None
    return f"other tools take the start URL with #/ for another portal: write {center.address}"


def _diagnose_role(source: SourceConfig, context: SourceContext) -> Diagnosis:
    shown = " ".join(str(source.settings.get(key, "(asked)")) for key in ("account", "role"))
    unnamed = unnamed_keys(source)
    if unnamed and not context.person.can_ask:
        listed = " and ".join(f"{'an' if key == 'account' else 'a'} {key}" for key in unnamed)
        shown = f"name {listed}: nobody can be asked here"
        return Diagnosis("account and role", shown, good=False, of_chain=True)
    return Diagnosis("account and role", shown)


_SIGN_IN = LoginSupport(
    login,
    logout,
    token_name=lambda source, context: center_of(source, context).token_name,
    cli_sign_in_end=lambda source, context: cli_sign_in(center_of(source, context), context).ends,
)

TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    _SIGN_IN,
    portal_role=portal_role,
    console_user=lambda source, context: "session",
    names_permission_set=True,
)
