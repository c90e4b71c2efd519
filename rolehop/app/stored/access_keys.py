"""IAM user keys in the keyring: add, list, remove and rotate them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.context import App
from rolehop.app.stored.lost_index import load_index
from rolehop.config.model import SourceConfig
from rolehop.credentials import Credentials
from rolehop.digest import sha256_hex
from rolehop.errors import (
    NoTerminal,
    SourceError,
    SourceWithdrawn,
    UsageError,
    VaultError,
)
from rolehop.key_rotation import Rotation, shown
from rolehop.ports import StsRefusal
from rolehop.show.rows import KeyRow
from rolehop.sources import SOURCE_TYPES
from rolehop.startup.dataclass import dataclass
from rolehop.vault import backend_label

if TYPE_CHECKING:
    from rolehop.aws.sts import StsClient

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
    from rolehop.app.ports import declined, is_yes

    app.note(Advice("a key that is removed here stays valid at AWS; to end it there: ", ends_it))
    question = f"Remove access key {key_id} of '{name}'? Its secret cannot be shown again. [y/N] "
    try:
        answer = app.person.ask(question, needed="a confirmation")
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
        SourceError, ServiceError, VaultError: see `rolehop.key_rotation`.
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
