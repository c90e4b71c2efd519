"""IAM user keys in the keyring: add, list and remove them, or replace one by a new one.

While a key is replaced, one that works is stored at all times:

    list -> create -> wait until it works -> store -> deactivate the old -> delete the old

The old key stays in the vault until the new one is stored, which is known to work by then. After
any interruption, a note says which keys remain at AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from rolehop.app.context import App
from rolehop.app.lost_index import load_index
from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import (
    NoTerminal,
    RolehopError,
    ServiceError,
    SourceError,
    SourceWithdrawn,
    UsageError,
    VaultError,
)
from rolehop.base.startup import Pattern
from rolehop.config.model import SourceConfig
from rolehop.sources import SOURCE_TYPES
from rolehop.vault import backend_label
from rolehop.walk.ports import CallerIdentity, StsRefusal

if TYPE_CHECKING:
    from rolehop.aws.sts import StsClient

T = TypeVar("T")

MOST_KEYS = 2
"""Most access keys of one IAM user (IAM user guide, quotas)."""

_WAITS = (1, 1, 2, 2, 4, 4, 8, 8, 15, 15)
"""Seconds between two tries of a new key: IAM is eventually consistent."""

_IN_A_ROW = 2
"""Successful answers in a row that count as working: each may come from another part of STS."""

_NOT_YET = ("InvalidClientTokenId", "SignatureDoesNotMatch", "AuthFailure", "AccessDenied")


class ListedKey(Protocol):
    """One access key, as IAM lists it."""

    @property
    def access_key_id(self) -> str: ...  # noqa: D102

    @property
    def active(self) -> bool: ...  # noqa: D102


class Iam(Protocol):
    """The calls; each raises ``StsRefusal`` or ``ServiceError``."""

    def create(self, signer: Credentials) -> Credentials: ...  # noqa: D102

    def list(self, signer: Credentials) -> Sequence[ListedKey]: ...  # noqa: D102

    def deactivate(self, signer: Credentials, access_key_id: str) -> None: ...  # noqa: D102

    def delete(self, signer: Credentials, access_key_id: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation with its connections to AWS, the vault and the user."""

    source: str
    iam: Iam
    caller: Callable[[Credentials], CallerIdentity]
    """GetCallerIdentity."""

    load: Callable[[], Credentials | None]
    """Returns the key that is in the vault now."""

    store: Callable[[Credentials], None]
    """Replaces the key in the keyring; the old one stays there if that fails."""

    with_mfa: Callable[[], Credentials] | None
    """Gives the user's MFA session, if the source has a device: policies may require it for IAM."""

    note: Callable[[str], None]
    sleep: Callable[[float], object]

    def run(self) -> str:
        """Rotate, and return the new access key ID.

        Raises:
            SourceError: there is no key, IAM refuses, or the user has two keys already.
            ServiceError: the network or AWS failed.
            VaultError: the new key could not be stored; the old one is still there.
        """
        old = self._stored()
        signer = self._signer(old)
        self._check_key_count(signer, old)
        new = self._call("creating a key", lambda: self.iam.create(signer))
        self.note(f"created {shown(new.access_key_id)}")
        try:
            self._wait_until_it_works(old, new)
            self.store(new)
        except BaseException:
            self._take_back(signer, old, new)
            raise
        self.note(f"{shown(new.access_key_id)} works and is kept for source '{self.source}'")
        self._retire(self._later_signer(signer, new), old.access_key_id)
        return new.access_key_id

    def finish(self, access_key_id: str) -> None:
        """Deactivate and delete another key of the same user, left behind by an interruption.

        Raises:
            SourceError: it is the key in use, or not a key of the user.
        """
        stored = self._stored()
        if access_key_id == stored.access_key_id:
            raise SourceError(
                f"{access_key_id} is the key in use of source '{self.source}'",
                cause="without it nothing could sign",
                fix=Advice("rolehop keys rotate ", Argument(self.source), " makes a new one first"),
            )
        signer = self._signer(stored)
        listed = self._call("listing the keys", lambda: self.iam.list(signer))
        if access_key_id not in {each.access_key_id for each in listed}:
            raise SourceError(
                f"{access_key_id} is not a key of this user",
                cause=f"the user has {_listed(listed)}",
                fix=Advice("rolehop keys rotate ", Argument(self.source)),
            )
        self._retire(signer, access_key_id)

    def _stored(self) -> Credentials:
        stored = self.load()
        if stored is None:
            raise SourceError(
                f"no keys are in the keyring for source '{self.source}'",
                cause="they were never added, or were removed",
                fix=Advice("rolehop keys add ", Argument(self.source)),
            )
        return stored

    def _signer(self, stored: Credentials) -> Credentials:
        return stored if self.with_mfa is None else self.with_mfa()

    def _later_signer(self, signer: Credentials, new: Credentials) -> Credentials:
        """Return the new key as the signer, unless MFA is required: that session still lasts."""
        return new if self.with_mfa is None else signer

    def _check_key_count(self, signer: Credentials, old: Credentials) -> None:
        listed = self._call("listing the keys", lambda: self.iam.list(signer))
        if old.access_key_id not in {each.access_key_id for each in listed}:
            raise SourceError(
                f"the key of source '{self.source}' is not among its user's keys",
                cause=f"the user has {_listed(listed)}",
                fix=Advice("rolehop keys add ", Argument(self.source), " --replace"),
            )
        others = [each for each in listed if each.access_key_id != old.access_key_id]
        if len(listed) >= MOST_KEYS and others:
            raise SourceError(
                f"the user of source '{self.source}' has {len(listed)} access keys,"
                " and IAM allows no more",
                cause=f"besides the key in use: {_listed(others)}",
                fix=Advice(
                    "if nobody uses it any more: rolehop keys rotate ",
                    Argument(self.source),
                    f" --finish {others[0].access_key_id}",
                ),
            )

    def _wait_until_it_works(self, old: Credentials, new: Credentials) -> None:
        wanted = self._call("asking who the old key is", lambda: self.caller(old)).arn
        answers = 0
        for seconds in (*_WAITS, 0):
            try:
                found = self.caller(new).arn
            except StsRefusal as refusal:
                if refusal.code not in _NOT_YET:
                    raise self._refused("trying the new key", refusal) from None
                answers = 0
            else:
                if found != wanted:
                    raise SourceError("the new key belongs to another user", cause=f"it is {found}")
                answers += 1
                if answers == _IN_A_ROW:
                    return
            self.sleep(seconds)
        raise ServiceError(
            "the new key does not work yet",
            cause=f"STS has not recognized it for {sum(_WAITS)} s",
            fix="try again in a few minutes",
        )

    def _take_back(self, signer: Credentials, old: Credentials, new: Credentials) -> None:
        """Delete the new key after a failure, unless it is the one in the vault."""
        try:
            kept = self.load()
        except RolehopError:
            kept = None
        if kept is None or kept.access_key_id != old.access_key_id:
            # It may be in use: deleting it could leave no working key.
            self.note(
                Advice(
                    f"two keys remain at AWS, and both work: {old.access_key_id} and"
                    f" {new.access_key_id}. rolehop keys list shows the one kept here; remove the"
                    " other: rolehop keys rotate ",
                    Argument(self.source),
                    " --finish THE_OTHER",
                )
            )
            return
        try:
            self.iam.delete(signer, new.access_key_id)
        except (StsRefusal, RolehopError):
            self.note(
                Advice(
                    f"the old key {old.access_key_id} still works; a new one that nobody can use"
                    " remains at AWS: rolehop keys rotate ",
                    Argument(self.source),
                    f" --finish {new.access_key_id}",
                )
            )
        else:
            self.note(f"nothing has changed: the old key {old.access_key_id} is in use as before")

    def _retire(self, signer: Credentials, access_key_id: str) -> None:
        """Deactivate and delete; on failure, the error says what remains and how to go on."""
        state = "active"
        finish = Advice("rolehop keys rotate ", Argument(self.source), f" --finish {access_key_id}")
        try:
            self._retry_while_unknown(lambda: self.iam.deactivate(signer, access_key_id))
            state = "inactive"
            self._retry_while_unknown(lambda: self.iam.delete(signer, access_key_id))
        except StsRefusal as refusal:
            raise SourceError(
                f"the old key {access_key_id} remains at AWS, {state}; the new one is in use",
                cause=f"{refusal.code}: {refusal.message}",
                fix=finish,
            ) from None
        except RolehopError as error:
            error.what = (
                f"the old key {access_key_id} remains at AWS, {state}; the new one is in use:"
                f" {error.what}"
            )
            error.fix = finish
            raise
        except BaseException:  # Ctrl-C
            self.note(Advice(f"the old key {access_key_id} remains at AWS, {state}: ", finish))
            raise
        self.note(f"deleted {shown(access_key_id)}")

    def _retry_while_unknown(self, call: Callable[[], None]) -> None:
        """Call, and call again while the new key, which signs, is not known everywhere yet."""
        for seconds in (1, 2, 4, 8):
            try:
                call()
            except StsRefusal as refusal:
                if refusal.code != "InvalidClientTokenId":
                    raise
                self.sleep(seconds)
            else:
                return
        call()

    def _call(self, doing: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except StsRefusal as refusal:
            raise self._refused(doing, refusal) from None

    def _refused(self, doing: str, refusal: StsRefusal) -> SourceError:
        fix = "let the user's policies allow iam:ListAccessKeys, iam:CreateAccessKey,"
        fix += " iam:UpdateAccessKey and iam:DeleteAccessKey on the user itself"
        if self.with_mfa is None and refusal.code == "AccessDenied":
            fix += '; where they want MFA, set mfa_serial = "auto" on the source'
        if refusal.code in ("InvalidClientTokenId", "SignatureDoesNotMatch"):
            fix = Advice(
                "the key in the keyring does not work: rolehop keys add ",
                Argument(self.source),
                " --replace",
            )
        return SourceError(
            f"IAM refused {doing} of source '{self.source}'",
            cause=f"{refusal.code}: {refusal.message}",
            fix=fix,
        )


def shown(access_key_id: str) -> str:
    """Return a key ID, shortened for people."""
    return f"{access_key_id[:4]}…{access_key_id[-4:]}"


def _listed(keys: Sequence[ListedKey]) -> str:
    parts = (f"{each.access_key_id} ({'active' if each.active else 'inactive'})" for each in keys)
    return " and ".join(parts) or "none"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of ``rolehop keys list``."""

    name: str
    access_key_id: str
    backend: str
    keyring: str
    """What people call the back end."""
    added_at: datetime


_SESSION_SECONDS = 900  # the least GetSessionToken gives, and more than a rotation takes


def add_keys(
    app: App, name: str, credentials: Credentials, *, replace: bool, until_reboot: bool
) -> bool:
    """Store a user's keys under ``name``; true if a source of type ``keys`` starts from them.

    Args:
        app: the application.
        name: the name of the source.
        credentials: the user's keys.
        replace: replace keys that are stored under the name.
        until_reboot: accept a keyring that forgets when the machine restarts.

    Raises:
        UsageError: there are keys under the name, or the keyring forgets.
        VaultError: the keyring failed.
    """
    app.vault.keys.add(name, credentials, replace=replace, until_reboot=until_reboot)
    source = app.config.sources.get(name)
    return source is not None and SOURCE_TYPES[source.type].keeps_keys


def check_keyring(app: App, *, until_reboot: bool) -> None:
    """Check that a keyring keeps keys, before anything is asked; ``until_reboot`` is as in `add_keys`.

    Raises:
        VaultError: there is none, or it forgets; the error names the ways out.
    """
    app.vault.keys.check_lasting(until_reboot=until_reboot)


def key_rows(app: App) -> list[KeyRow]:
    """Return a row per stored pair of IAM user keys, without the secret."""
    for name in load_index(app).keys:
        with suppress(VaultError):  # then the index is all that is known
            app.source_context.keys.access_key_id(name)  # corrects an outdated entry
    return [
        KeyRow(
            name, entry.access_key_id, entry.backend, backend_label(entry.backend), entry.added_at
        )
        for name, entry in app.index.keys.items()
    ]


def remove_keys(app: App, name: str, *, confirmed: bool) -> Advice | None:
    """Delete the keys stored under ``name`` from the keyring, after asking unless ``confirmed``.

    Returns the command that ends the key at AWS, where it is still valid; ``None`` if the access
    key ID could not be found out.

    Raises:
        UsageError: there are none.
        Declined: the answer was not yes.
        NoTerminal: nobody can be asked.
        VaultError: the keyring failed.
    """
    key_id = _stored_key_id(app, name)
    ends_it = None
    if key_id is not None:
        ends_it = ends_at_aws(app, name, key_id)
        if not confirmed:
            _confirm_removal(app, name, key_id, ends_it)
    if not app.vault.keys.remove(name):
        raise UsageError(f"no keys are stored under '{name}'", fix="rolehop keys list")
    return ends_it


def ends_at_aws(app: App, name: str, key_id: str) -> Advice:
    """Return the command that deletes the key; without --user-name it would be the caller's own."""
    source = app.config.sources.get(name)
    principal = source and source.principal
    _, of_user, path = (principal or "").partition(":user/")
    user = Argument(path.rpartition("/")[2]) if of_user else "USER, whose key it is"
    return Advice(
        *("aws iam delete-access-key --access-key-id ", Argument(key_id), " --user-name ", user)
    )


def _stored_key_id(app: App, name: str) -> str | None:
    with suppress(VaultError):  # removing says what is wrong with the keyring
        stored = app.vault.keys.get(name)
        if stored is not None:
            return stored.access_key_id
    entry = app.vault.keys.names().get(name)
    return None if entry is None else entry.access_key_id


def _confirm_removal(app: App, name: str, key_id: str, ends_it: Advice) -> None:
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    app.note(Advice("a key that is removed here stays valid at AWS; to end it there: ", ends_it))
    question = f"Remove access key {key_id} of '{name}'? Its secret cannot be shown again."
    try:
        answer = ask_yes_or_no(app.person, question)
    except NoTerminal as error:
        error.cause = f"{key_id} stays valid at AWS, and this may be the only copy of its secret"
        error.fix = Advice("rolehop keys remove ", Argument(name), " --yes")
        raise
    if not is_yes(answer):
        raise declined(f"the keys of '{name}' are still stored", answer, "answer y to remove them")


def rotate_keys(app: App, name: str, finish: str | None, *, mfa_stdin: bool) -> None:
    """Rotate the keys of source ``name``, or delete ``finish``, another key ID of the same user.

    Only one process at a time rotates a source: a second one would hit the limit of two keys.

    Raises:
        UsageError: the source's keys are not in the keyring.
        SourceError, ServiceError, VaultError: see `rolehop.commands.keys.access_keys`.
    """
    source = _source(app, name)
    from rolehop.app.planning import sts_of_shell

    sts = sts_of_shell(app)
    keys = app.vault.keys
    session = _MfaSession(app, source, sts, mfa_stdin)
    rotation = Rotation(
        source=name,
        iam=sts.iam_keys,
        caller=sts.caller,
        load=lambda: keys.get(name),
        # A key in a keyring that forgets at reboot was added there with --until-reboot.
        store=lambda new: keys.add(name, new, replace=True, until_reboot=True),
        with_mfa=session.get if "mfa_serial" in source.settings else None,
        note=app.note,
        sleep=app.source_context.sleep,
    )
    with app.locks.hold(f"rotate-{sha256_hex(name.encode())}"):
        if finish is not None:
            rotation.finish(finish)
            return
        new = rotation.run()
    app.note(f"source '{name}' now has {shown(new)}; sessions of the old key are not used")


def _source(app: App, name: str) -> SourceConfig:
    source = app.config.sources.get(name, SourceConfig(name, "keys"))
    if not SOURCE_TYPES[source.type].keeps_keys:
        raise UsageError(
            f"source '{name}' is of type {source.type}: rolehop cannot rotate its keys",
            fix='only sources of type "keys" keep theirs in the keyring',
        )
    return source


@dataclass(slots=True)
class _MfaSession:
    """The session for IAM policies with an MFA condition; one code for all calls."""

    app: App
    source: SourceConfig
    sts: StsClient
    mfa_stdin: bool

    def get(self) -> Credentials:
        """Return a GetSessionToken session with MFA, made with the stored key.

        Raises:
            SourceError: STS refused the key or the code.
            NoTerminal: a code is needed and nobody can be asked.
        """
        stored = self.app.vault.keys.get(self.source.name)
        if stored is None:
            raise SourceWithdrawn(
                f"no keys are in the keyring for source '{self.source.name}'",
                fix=Advice("rolehop keys add ", Argument(self.source.name)),
            )
        try:
            return self._session(stored)
        except StsRefusal as refusal:
            raise SourceError(
                f"AWS gave no MFA session for source '{self.source.name}'",
                cause=f"{refusal.code}: {refusal.message}",
                fix="try again with the device's next code, and check mfa_serial",
            ) from None
        except NoTerminal as error:
            error.what = "rotating these keys needs an MFA code, and there is no terminal"
            error.fix = "run it in a terminal, set mfa_command, or give the code by --mfa-stdin"
            error.chain = None
            raise

    def _session(self, stored: Credentials) -> Credentials:
        from rolehop.app.mfa_codes import mfa_codes

        app, name = self.app, self.source.name
        serial = str(self.source.settings["mfa_serial"])
        if serial == "auto":
            serial = self.sts.mfa_device(stored)
        codes = mfa_codes(app, self.source, name, app.person, from_stdin=self.mfa_stdin)
        return codes.use(
            serial,
            f"to rotate the keys of '{name}'",
            lambda code: self.sts.session_token(stored, _SESSION_SECONDS, code).credentials,
        )


# AKIA: long-term; ASIA: temporary (STS API reference, GetAccessKeyInfo). 16-128 of [\w].
_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")
_TEMPORARY = "ASIA"

# AWS makes secrets of 40 characters and says nothing of their length. Less than an ID has is none.
_SHORTEST_SECRET = 16


def key_id_problem(text: str) -> str | None:
    """Return what is wrong with an access key ID, ``None`` if nothing is."""
    if text.startswith(_TEMPORARY):
        return "this is the key of a session, and sessions end; a user's begins with AKIA"
    if not _KEY_ID.fullmatch(text):
        return "the access key ID is not valid (AKIA and 16 more)"
    return None


def secret_problem(text: str) -> str | None:
    """Return what is wrong with a secret access key, ``None`` if nothing is."""
    if not text or not text.isascii() or any(each.isspace() for each in text):
        return "the secret access key is empty or contains whitespace"
    if len(text) < _SHORTEST_SECRET:
        return "the secret access key is too short (AWS makes them 40 characters long)"
    return None


def user_keys(key_id: str, secret: str, token: object = None) -> Credentials:
    """Return a user's keys.

    Raises:
        UsageError: they are a session's, or not valid keys; the error never quotes them.
    """
    check_key_id(key_id, token)
    problem = secret_problem(secret)
    if problem is not None:
        raise unreadable_keys(problem)
    return Credentials(key_id, Secret(secret))


def check_key_id(key_id: str, token: object = None) -> None:
    """Check that an access key ID is a user's, which has no session ``token``.

    Raises:
        UsageError: it is a session's, or none; the error never quotes it.
    """
    if token or key_id.startswith(_TEMPORARY):
        raise UsageError(
            "these are the keys of a session, and sessions end",
            cause="keys of an IAM user begin with AKIA and have no session token",
            fix="aws iam create-access-key makes a user's keys",
        )
    problem = key_id_problem(key_id)
    if problem is not None:
        raise unreadable_keys(problem)


def unreadable_keys(cause: str) -> UsageError:
    """Return the error for a text in which there are no keys."""
    return UsageError("no IAM user keys could be read", cause=cause, fix="rolehop keys add --help")
