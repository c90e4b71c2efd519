"""A first config made of options instead of answers, for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.first_config import questions
from rolehop.app.first_config.drafts import (
    KEYS_THAT_MAY_NEED_MFA,
    ChainDraft,
    PickedRole,
    draft_of_role,
)
from rolehop.app.first_config.init_flags import InitFlags
from rolehop.app.first_config.offers import FoundCenter
from rolehop.app.first_config.starting import center_settings, profile_draft, typed_draft
from rolehop.config import value_types
from rolehop.errors import UsageError
from rolehop.startup.dataclass import replace

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.first_config.questions import Answer


def draft_of_flags(app: App, flags: InitFlags) -> ChainDraft:
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


def _start(app: App, flags: InitFlags) -> ChainDraft:
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


def _identity_center(flags: InitFlags) -> ChainDraft:
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
