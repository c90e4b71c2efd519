"""Replace an IAM user's access key by a new one, so that a working key is stored at all times.

    list -> create -> wait until it works -> store -> deactivate the old -> delete the old

The old key stays in the vault until the new one is stored, which is known to work by then. After
any interruption, a note says which keys remain at AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from rolehop.advice import Advice, Argument
from rolehop.credentials import Credentials
from rolehop.errors import RolehopError, ServiceError, SourceError
from rolehop.ports import CallerIdentity, StsRefusal
from rolehop.startup.dataclass import dataclass

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
                    f" {new.access_key_id}; rolehop keys list says which one is kept here,"
                    " then: rolehop keys rotate ",
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
                    f"the old key {old.access_key_id} is in use as before, and a new one that nobody"
                    " can use remains at AWS: rolehop keys rotate ",
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
