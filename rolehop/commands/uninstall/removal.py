"""Ask whether all of it goes, and remove it: first what others use, last what says where things are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.advice import Advice
from rolehop.app.profiles.changes import write_changes
from rolehop.app.stored.access_keys import ends_at_aws
from rolehop.app.stored.sessions import forget_sessions
from rolehop.app.uninstall.holdings import find_holdings, holding_lines
from rolehop.app.uninstall.startup_lines import take_out
from rolehop.app.uninstall.state_folder import remove_state
from rolehop.errors import ConfigError, NoTerminal, RolehopError
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.uninstall.holdings import Holdings

_REGISTRATIONS = (".device", ".code")
"""What the vault calls the clients that a sign-in to Identity Center registered, after its name."""


def confirm_removal(app: App, found: Holdings) -> bool:
    """Ask whether all of it may be removed, and apart whether IAM user keys may; true if they may.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
        ConfigError: more is there by now than was shown.
    """
    with_keys = _may_remove(app, found)
    # Sessions come and go by themselves, in programs that run: they are no part of the question.
    shown = {*holding_lines(found)}
    for label, text in holding_lines(find_holdings(app)):
        if label != "sessions" and (label, text) not in shown:
            raise ConfigError(
                "nothing was removed: it is no longer what was shown",
                cause=f"{label}: {text}",
                fix="run it again",
            )
    return with_keys


def _may_remove(app: App, found: Holdings) -> bool:
    from rolehop.app.ports import declined, is_yes

    try:
        answer = app.person.ask("Remove all of this? [y/N] ", needed="a confirmation")
    except NoTerminal as error:
        error.fix = "run it in a terminal, or add --yes (and --keys, for IAM user keys)"
        raise
    if not is_yes(answer):
        raise declined("nothing was removed", answer, "answer y to remove it")
    if not found.keys:
        return False
    names = ", ".join(found.keys)
    question = (
        f"The IAM user keys of {names}, too?"
        " They stay valid at AWS, and their secrets cannot be shown again. [y/N] "
    )
    return is_yes(app.person.ask(question, needed="a confirmation"))


def remove_all(app: App, found: Holdings, *, keys: bool) -> Iterator[str]:
    """Remove what was ``found``; give a line for each part that is gone or had to stay.

    Without ``keys``, IAM user keys stay, and with them the state folder, which says where they are.

    Raises:
        ConfigError: a file has changed or cannot be written: nothing after it was removed.
        VaultError: the keyring failed: the state folder stays.
    """
    if found.profiles:
        write_changes(app, found.profiles)
        yield f"removed: {pluralize(sum(len(each.profiles) for each in found.profiles), 'profile')}"
    for file in found.startup:
        if file.own:
            take_out(file)
            yield f"removed: {pluralize(len(file.own), 'line')} of {file.path}"
    forgotten = forget_sessions(app, None)
    if forgotten.count:
        yield f"removed: {pluralize(forgotten.count, 'session')}"
    app.vault.digest_key.forget()  # chooses the keyring, too
    elsewhere = _sign_ins_elsewhere(app)
    here = [name for name in found.sign_ins if name not in elsewhere]
    for name in here:
        _end_sign_in(app, name)
    if here:
        yield f"removed: {pluralize(len(here), 'sign-in')}"
    left = forgotten.left()
    left += [f"sign-ins in {each}" for each in sorted({*elsewhere.values()})]
    ended, kept = _remove_keys(app, found) if keys else ([], list(found.keys))
    yield from ended
    left += [f"the keys of {each}" for each in kept]
    yield from _remove_files(app, found, left)


def _sign_ins_elsewhere(app: App) -> dict[str, str]:
    """Return the sign-ins that the keyring in use does not have, each with what has it.

    To be called when a keyring is in use; without one it has none of them.
    """
    index, in_use = app.index, app.vault.backend
    ends = index.sign_in_ends
    named = {name: ends[name].backend if name in ends else None for name in index.sign_ins}
    return {
        name: backend or "a keyring that is not in use"
        for name, backend in named.items()
        if in_use is None or backend not in {None, in_use}
    }


def _end_sign_in(app: App, name: str) -> None:
    """Forget a sign-in; at the provider it ends by itself, or by ``source logout``."""
    for each in (name, *(f"{name}{kind}" for kind in _REGISTRATIONS)):
        app.vault.tokens.remove(each)


def _remove_keys(app: App, found: Holdings) -> tuple[list[str], list[str]]:
    """Remove the keys; return what to say of each that is gone, and those that stay."""
    gone: list[str] = []
    kept: list[str] = []
    key_ids = {name: entry.access_key_id for name, entry in app.index.keys.items()}
    for name in found.keys:
        try:
            is_removed = app.vault.keys.remove(name)
        except RolehopError as error:
            kept.append(f"{name} ({error.what})")
            continue
        if is_removed and name in key_ids:
            said = f"removed: the key of {name}, still valid at AWS; to end it there: "
            gone.append(Advice(said, ends_at_aws(app, name, key_ids[name])))
    return gone, kept


def _remove_files(app: App, found: Holdings, left: list[str]) -> Iterator[str]:
    try:
        for path in found.scripts:
            path.unlink(missing_ok=True)
            yield f"removed: {path}"
        if left:
            yield f"left: {', '.join(left)}, and the state folder, which says where they are"
        elif found.state is not None:
            if remove_state(app, found.state):
                yield f"removed: {found.state}"
            else:
                yield "left: the state folder, which names what another rolehop stored just now"
    except OSError as error:
        raise ConfigError(
            f"{error.filename or found.state} cannot be removed",
            cause=(error.strerror or str(error)).lower(),
            fix=getattr(error, "fix", "remove it by hand"),
        ) from None
