"""A first config from options, loaded before there is a file, written, and what to type next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.config_files import load_with, with_same_config
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.files import is_there, put_new, write_beside
from rolehop.commands.config.importing.found_files import ConfigImport, keys_lines
from rolehop.commands.config.init import questions
from rolehop.commands.config.init.adding import OwnConfig
from rolehop.commands.config.init.drafts import (
    KEYS_THAT_MAY_NEED_MFA,
    ConfigDraft,
    Draft,
    FirstChain,
    PickedRole,
    draft_of_role,
    starter_text,
)
from rolehop.commands.config.init.options import InitFlags
from rolehop.commands.config.init.starting import (
    FoundCenter,
    center_settings,
    profile_draft,
    typed_draft,
)
from rolehop.commands.shell.scripts import missing_startup_line
from rolehop.config import value_types

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.commands.config.init.questions import Answer


def write_example(path: Path) -> Path:
    """Write a commented example, and return where it is, links followed.

    Raises:
        UsageError: there is a file by now.
        ConfigError: it cannot be written.
    """
    return write_new(path, starter_text())


def usable_app(app: App, path: Path) -> App:
    """Return the application with an empty config if ``path`` was named, and is not there yet."""
    from rolehop.config.model import Config

    return app.with_config(Config()) if app.config_roots[1] and not is_there(path) else app


def loaded_app(app: App, path: Path, text: str) -> App:
    """Return the application as if ``path`` held ``text``.

    Raises:
        ConfigError: the loader does not accept it.
    """
    return app.with_config(load_with(app, path, text, None))


def write_new(path: Path, text: str) -> Path:
    """Write a config file, whole or not at all, mode 0600, and return where it is, links followed.

    Raises:
        UsageError: there is a file by now.
        ConfigError: it cannot be written.
    """
    real = Path(os.path.realpath(path))  # a link's target is the file that the user means
    if path.is_symlink() and not real.parent.is_dir():
        raise ConfigError(
            f"{path} cannot be written",
            cause=f"it is a link to {real}, whose folder is not there",
            fix="make that folder, or remove the link",
        )
    try:
        write_beside(real, text, place=put_new)
    except FileExistsError:
        raise exists_already(path) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or name another file with --config",
        ) from None
    return real


def exists_already(path: Path) -> RolehopError:
    """Return the error if there is a config, and it was not said what to add to it."""
    return UsageError(
        f"{path} already exists",
        cause="config init adds to it on a terminal, or by its options",
        fix="rolehop config init --help; rolehop config import adds what other tools have",
    )


def next_commands(app: App, draft: Draft) -> Iterator[Advice]:
    """Give the commands to type next: those for keys, and the one for the first chain."""
    yield from missing_keys(app, draft)
    if isinstance(draft, ConfigDraft) and not draft.names:
        refresh = with_same_config(app, "fleet refresh ", Argument(draft.fleets[0].name))
        yield Advice("next: ", refresh)
    else:
        yield Advice("next: ", with_same_config(app, "shell ", Argument(draft.names[0])))


def missing_keys(app: App, draft: Draft) -> Iterator[Advice]:
    """Give the commands that put keys into the keyring which the config needs there."""
    if isinstance(draft, ConfigImport):
        yield from keys_lines(app, draft.keys)
    elif isinstance(draft, FirstChain) and draft.source.type == "keys":
        source = draft.source.name
        if source not in app.index_store.load().keys:
            yield Advice("next: ", with_same_config(app, "keys add ", Argument(source)))


def shell_line(app: App) -> tuple[str, str] | None:
    """Return the start-up file of the shell that asked, and the line that it lacks for rolehop.

    ``None``: it lacks none, or it is no shell that has one.
    """
    return missing_startup_line(app)


def draft_of_flags(app: App, flags: InitFlags) -> FirstChain:
    """Return what the options say.

    Raises:
        UsageError: one is not valid, one is missing, or two exclude each other.
        ConfigError: the AWS files cannot be read.
    """
    draft = _start(app, flags)
    hops = tuple(questions.hop(_checked("--role", questions.role, each)) for each in flags.role)
    if flags.external_id is not None:
        if not hops:
            raise UsageError("--external-id needs a --role", fix="add --role ARN")
        external_id = _checked("--external-id", questions.external_id, flags.external_id)
        hops = (*hops[:-1], replace(hops[-1], external_id=external_id))
    if flags.mfa_serial is not None:
        if draft.source.type not in KEYS_THAT_MAY_NEED_MFA:
            raise UsageError(
                f"--mfa-serial does not go with a source of type {draft.source.type}",
                cause="only IAM user keys carry MFA into a call",
                fix="leave it out",
            )
        serial = _checked("--mfa-serial", questions.mfa_serial, flags.mfa_serial)
        draft = draft.with_setting("mfa_serial", serial)
    name = flags.name and _checked("--name", questions.chain_name, flags.name)
    region = flags.region and _checked("--region", questions.region, flags.region)
    return replace(draft, hops=hops, name=name, region=region)


def write_flags(app: App, path: Path, flags: InitFlags) -> tuple[Path, FirstChain]:
    """Write what the options say: a first config, or one chain more; return where, and what.

    Raises:
        UsageError: one is not valid, or the name that was chosen is taken.
        ConfigError: the config is broken, or cannot be written.
    """
    draft = draft_of_flags(app, flags)
    app = usable_app(app, path)
    own = OwnConfig.of(app, path)
    if own.old is None:
        return write_new(path, draft.text), draft
    if flags.name in {*own.config.chains, *own.config.fleets}:
        raise UsageError(
            f"--name: a chain or fleet called '{flags.name}' already exists", fix="choose another"
        )
    fitted = own.fitted_chain(draft)
    load_with(app, path, own.text_with(fitted), own.old.distrust)
    return own.save(app, fitted), fitted


def _start(app: App, flags: InitFlags) -> FirstChain:
    starts = {
        "--profile": flags.profile,
        "--source": flags.source,
        "--sso-start-url": flags.sso_start_url,
    }
    given = [name for name, value in starts.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            f"{' and '.join(given)} exclude each other"
            if given
            else "it is not said where to start",
            fix=f"give one of {', '.join(starts)}",
        )
    _check_sso(flags)
    if flags.profile is not None:
        aws = app.aws_config
        return profile_draft(aws, _checked("--profile", questions.aws_profile(aws), flags.profile))
    if flags.source is not None:
        return typed_draft({"type": flags.source})
    return _identity_center(flags)


def _check_sso(flags: InitFlags) -> None:
    values = (flags.sso_start_url, flags.sso_region, flags.sso_account, flags.sso_role)
    names = ("--sso-start-url", "--sso-region", "--sso-account", "--sso-role")
    missing = [name for name, value in zip(names, values, strict=True) if value is None]
    if 0 < len(missing) < len(names):
        *most, last = missing
        listed = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        raise UsageError(
            f"{listed} missing",
            cause="an Identity Center source has a start URL, a region, an account and a role",
            fix="add them, or run it in a terminal: it lists what is assigned to you",
        )


def _identity_center(flags: InitFlags) -> FirstChain:
    url = _checked("--sso-start-url", questions.start_url, flags.sso_start_url or "")
    region = _checked("--sso-region", questions.region, flags.sso_region or "")
    account = questions.of_check(value_types.ACCOUNT)
    picked = PickedRole(
        _checked("--sso-account", account, flags.sso_account or ""),
        "",
        _checked("--sso-role", questions.text, flags.sso_role or ""),
    )
    settings = center_settings(FoundCenter(url, region, None))
    return draft_of_role(settings, url, picked)


def _checked(option: str, check: Answer, value: str) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", fix="rolehop config init --help") from None
