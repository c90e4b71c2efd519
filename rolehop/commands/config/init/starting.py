"""From an offer to a draft: what a first config starts from, and what has to be asked for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolehop.app.first_config import questions
from rolehop.app.first_config.drafts import (
    ChainDraft,
    Draft,
    ImportDraft,
    draft_of_roles,
    source_of_type,
)
from rolehop.app.first_config.identity_center import assigned_roles, choice_of, none_assigned
from rolehop.app.first_config.offers import (
    CENTER,
    IMPORT,
    PROFILE,
    FoundCenter,
    Offer,
    describe_profile,
)
from rolehop.awsconfig import CredentialKind, credential_kind_of
from rolehop.config.starter import StarterSource
from rolehop.errors import RolehopError
from rolehop.importing.names import slug
from rolehop.importing.profile_source import NotASource, sign_in_settings
from rolehop.startup.dataclass import replace
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.first_config.port import Interviewer
    from rolehop.awsconfig import AwsConfig
    from rolehop.config.starter import Setting

_ORIGINS = {
    "keys": "IAM user keys",
    "environment": "the environment",
    "instance": "the EC2 instance",
    "container": "the container",
    "web-identity": "the token",
    "saml": "the SAML sign-in",
    "roles-anywhere": "the certificate",
    "process": "the program",
}
_WITH_ROLE = frozenset({"web-identity", "saml", "roles-anywhere", "instance", "container"})
"""The types whose source is a role already: nothing has to follow."""


def draft_from(
    app: App, person: Interviewer, aws: AwsConfig, offer: Offer, last: ChainDraft | None
) -> Draft | None:
    """Ask for what the offer leaves open; ``None``: it led nowhere, which the person was told.

    Args:
        app: the application without a config.
        person: who is asked.
        aws: the AWS files.
        offer: where the person starts.
        last: a draft that this one replaces; its hops, name and region are kept, and its answers
            stand there where the same is asked again.

    Raises:
        KeyboardInterrupt: the person left.
    """
    if offer.kind == IMPORT:
        return _import(app, person, offer.value)
    if offer.kind == CENTER:
        return _center(app, person, offer.center)
    if offer.kind == PROFILE:
        return _goes_on(person, profile_draft(aws, offer.value), aws, last)
    if offer.value == "identity-center":
        return _center(app, person, None)
    if offer.value == "profile":
        check = questions.aws_profile(aws)
        name = person.ask(
            questions.LineQuestion(
                "Which AWS profile?", "of ~/.aws/config", check, initial=_last("profile", last)
            )
        )
        return _goes_on(person, profile_draft(aws, name), aws, last)
    return _goes_on(person, _typed(app, person, offer.value, last), aws, last)


def _last(key: str, last: ChainDraft | None) -> str:
    """Return what was answered for a source's key before."""
    return "" if last is None else str(last.source.settings.get(key, ""))


def profile_draft(aws: AwsConfig, name: str) -> ChainDraft:
    """Return the draft of a chain that starts from an AWS profile.

    A sign-in to Identity Center becomes a source of its own: rolehop signs in to it by itself.
    """
    origin = f"AWS profile {clean(name)}"
    try:
        is_sign_in = credential_kind_of(aws, name) is CredentialKind.SSO
        if is_sign_in and "role_arn" not in aws.profiles[name]:
            return ChainDraft(
                StarterSource(slug(name), sign_in_settings(aws, name)), origin, slug(name)
            )
    except (NotASource, RolehopError):
        pass  # as it is: the plan says what is wrong with it
    settings = {"type": "profile", "profile": name}
    return ChainDraft(source_of_type(settings), origin, slug(name))


def _goes_on(
    person: Interviewer, draft: ChainDraft, aws: AwsConfig, last: ChainDraft | None
) -> ChainDraft:
    """Let it go on to the roles of the ``last`` draft, else to one that is asked for."""
    if last is not None:
        kept = replace(draft, name=last.name, region=last.region)
        return replace(kept, hops=last.hops) if last.hops else _and_role(person, kept, aws)
    return _and_role(person, draft, aws)


def _and_role(person: Interviewer, draft: ChainDraft, aws: AwsConfig) -> ChainDraft:
    """Ask for the first role, unless the source is one already."""
    if draft.source.type in (*_WITH_ROLE, "identity-center"):
        return draft
    profile = draft.source.settings.get("profile")
    described = describe_profile(aws, str(profile)) if profile else None
    if described and ", from " in described:
        return draft
    role = person.ask(questions.next_role(draft.origin))
    return replace(draft, hops=(questions.hop(role),)) if role else draft


def _typed(app: App, person: Interviewer, value: str, last: ChainDraft | None) -> ChainDraft:
    """Ask for the keys that a source of a type needs."""
    from rolehop.sources import SOURCE_TABLES

    source_type = value.partition(" ")[0]
    settings: dict[str, Setting] = {"type": source_type}
    for key in questions.KEYS_ASKED.get(value, ()):
        table = SOURCE_TABLES[source_type]
        answer = person.ask(questions.of_source(key, table, app, _last(key.name, last)))
        if answer:
            settings[key.name] = answer
    return typed_draft(settings)


def typed_draft(settings: Mapping[str, Setting]) -> ChainDraft:
    """Return the draft of a chain from a source with these settings."""
    source = source_of_type(settings)
    named = str(settings.get("role", "")).rpartition("/")[2]
    return ChainDraft(source, _ORIGINS[source.type], named or source.name)


# ---- other tools


def _import(app: App, person: Interviewer, tool: str) -> ImportDraft | None:
    from rolehop.app.importing.found_files import files_of
    from rolehop.app.importing.proposing import plan_import

    try:
        planned = plan_import(app, files_of(app, tool))
    except RolehopError as error:
        person.report(error)
        return None
    person.say(*(f"not carried: {each}" for each in planned.lost))
    if not planned.chains:
        person.say(f"there is no chain to make of {tool}")
        return None
    return ImportDraft(planned)


# ---- Identity Center


def _center(app: App, person: Interviewer, center: FoundCenter | None) -> Draft:
    """Sign in, list what is assigned, and let the person choose; a failure asks for the address."""
    while True:
        center = center or _asked_center(person, None)
        settings = center_settings(center)
        try:
            with person.counting() as count:
                roles = assigned_roles(app, settings, count)
            if not roles:
                raise none_assigned(center.start_url)
        except RolehopError as error:
            person.report(error)
            center = _asked_center(person, center)
            continue
        by_choice = {choice_of(each): each for each in roles}
        chosen = person.pick_many("Which roles?", list(by_choice), "role")
        origin = center.session or center.start_url.partition("://")[2]
        picked = tuple(by_choice[each] for each in chosen)
        return draft_of_roles(settings, f"Identity Center {clean(origin)}", picked)


def _asked_center(person: Interviewer, last: FoundCenter | None) -> FoundCenter:
    """Ask for an Identity Center; what was answered ``last`` stands there already."""
    url, region = ("", "") if last is None else (last.start_url, last.region)
    url = person.ask(replace(questions.START_URL, initial=url))
    region = person.ask(replace(questions.SSO_REGION, initial=region))
    return FoundCenter(url, region, None)


def center_settings(center: FoundCenter) -> dict[str, Setting]:
    """Return the keys of a source that say which Identity Center it is."""
    if center.session is not None:
        return {"type": "identity-center", "sso_session": center.session}
    return {
        "type": "identity-center",
        "start_url": center.start_url,
        "sso_region": center.region,
    }
