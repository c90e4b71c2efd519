"""What a first config can start from here, and what has to be asked until there is a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rolehop.app.ports import Choice
from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    credential_kind_of,
    current_profile,
    profile_setting,
    resolve_profile,
)
from rolehop.awsconfig.own_profiles import own_line
from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import RolehopError, SourceWithdrawn
from rolehop.base.text import clean
from rolehop.commands.config.importing.aws_profiles import NotASource, sign_in_settings
from rolehop.commands.config.importing.found_files import AWS_CONFIG
from rolehop.commands.config.init import questions
from rolehop.commands.config.init.adding import (
    chain_choices,
    chain_from,
    chain_from_source,
    fleet_of_center,
    source_choices,
    whole_fleet,
)
from rolehop.commands.config.init.drafts import (
    ConfigDraft,
    Draft,
    FirstChain,
    PickedRole,
    draft_of_roles,
    source_of_type,
)
from rolehop.config.draft import FleetDraft, SourceDraft
from rolehop.config.model import Config, SourceConfig
from rolehop.config.value_types import slug
from rolehop.sources.assignments import Assignments
from rolehop.sources.cli_sign_in import portal_address
from rolehop.sources.container import FULL, RELATIVE

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.commands.config.importing.found_files import ConfigImport, FoundFiles
    from rolehop.commands.config.init.questions import Interviewer
    from rolehop.config.toml import Value

_SYSTEM = Path("/sys")

# Amazon EC2 user guide, "Detect whether a host is an EC2 instance": the asset tag of a Nitro
# instance is its ID; the UUID of a Xen instance begins with ec2.
_SIGNS = (("devices/virtual/dmi/id/board_asset_tag", "i-"), ("hypervisor/uuid", "ec2"))
_LONGEST = 256  # bytes


def is_ec2_instance(system: Path = _SYSTEM) -> bool:
    """True if this machine says that it is an EC2 instance; ``system``: where Linux shows it."""
    return any(_begins(system / name, sign) for name, sign in _SIGNS)


def _begins(path: Path, sign: str) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).lower().startswith(sign.encode())
    except OSError:
        return False


PROFILE, CENTER, IMPORT, TYPE = "profile", "center", "import", "type"
"""What an offer's value is: an AWS profile, an Identity Center, a tool, a type of source."""

ALL, CHAIN, SOURCE, MANY = "all", "chain", "source", "many"
"""Of a config that is there: a fleet of all accounts of an Identity Center (the value is its source,
or empty), what goes on from a chain or a source of the config, and one role in many accounts."""


class FoundCenter(NamedTuple):
    """An Identity Center in the AWS config."""

    start_url: str
    region: str
    session: str | None
    """The name of its ``sso-session``, if it has one."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the first question."""

    kind: str
    value: str
    choice: Choice
    center: FoundCenter | None = None


# ---- found here


def found_offers(app: App, found: FoundFiles) -> list[Offer]:
    """Return what was found on this machine, the most likely first; nothing is called.

    ``found``: the AWS files and those of other tools, as they were read.
    """
    here = [*_of_environment(app), *_of_machine(app)]
    profiles = list(_profiles(app, found.aws))
    return [*here, *profiles, *_centers(found.aws), *_imports(found, len(profiles))]


def config_offers(config: Config, aws: AwsConfig) -> list[Offer]:
    """Return what a config that is there can be added to, the most likely first."""
    many = Choice("One role in many accounts", "", "a fleet", "", labels=("fleet",))
    return [
        *all_offers(config, aws),
        *(Offer(CHAIN, name, choice) for name, choice in chain_choices(config)),
        *(Offer(SOURCE, name, choice) for name, choice in source_choices(config)),
        *([Offer(MANY, "", many)] if config.sources else []),
    ]


def all_offers(config: Config, aws: AwsConfig) -> list[Offer]:
    """Return an offer for each Identity Center that is known, and not in a fleet as a whole.

    If none is known, its address is asked for.
    """
    listed = {each.query.through for each in config.listed_fleets.values()}
    there = dict[str, str]()
    for name, source in config.sources.items():
        if source.type == "identity-center" and source.principal is None:
            address = str(source.settings.get("start_url") or source.settings.get("sso_session"))
            if name not in listed:
                there.setdefault(portal_address(address), name)
            else:
                there[portal_address(address)] = ""
    found = [_all_offer(name, None, name) for name in there.values() if name]
    for center in centers_in(aws):
        if not {portal_address(center.start_url), center.session or ""} & there.keys():
            found.append(_all_offer("", center, center.session or _address(center)))
    return found or [_all_offer("", None, "")]


def _all_offer(source: str, center: FoundCenter | None, called: str) -> Offer:
    name = f"All accounts of Identity Center {clean(called)}".rstrip()
    words = (*_WORDS["identity-center"], "fleet")
    return Offer(ALL, source, Choice(name, "", "kept current: a fleet", "", labels=words), center)


def _address(center: FoundCenter) -> str:
    return center.start_url.partition("://")[2]


def _of_environment(app: App) -> Iterator[Offer]:
    environ = app.shell_before
    # A session that rolehop itself put there is no source.
    if environ.get("AWS_ACCESS_KEY_ID") and not app.environ.get("ROLEHOP_CHAIN"):
        kind = "a session" if environ.get("AWS_SESSION_TOKEN") else "IAM user keys"
        yield _typed_offer("environment", "The environment", f"{kind} in AWS_ACCESS_KEY_ID")
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN"):
        yield _typed_offer("web-identity here", "This pod's token", "AWS_WEB_IDENTITY_TOKEN_FILE")


def _of_machine(app: App) -> Iterator[Offer]:
    environ = app.shell_before
    if environ.get(RELATIVE) or environ.get(FULL):
        yield _typed_offer("container", "This container's role", "ECS or EKS")
    is_off = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    named = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if not is_off and (named or is_ec2_instance()):
        yield _typed_offer("instance", "This EC2 instance's role", "its metadata service")


def _typed_offer(value: str, name: str, detail: str) -> Offer:
    return Offer(TYPE, value, Choice(name, "", detail, "", labels=_WORDS.get(value, ())))


def _profiles(app: App, aws: AwsConfig) -> Iterator[Offer]:
    """Give the profiles that have credentials, the one that this shell names first."""
    current = current_profile(app.shell_before)
    for name in sorted(aws.profiles, key=lambda each: each != (current or "default")):
        detail = describe_profile(aws, name)
        if detail is not None:
            choice = Choice(f"AWS profile {clean(name)}", "", detail, "", labels=(name,))
            yield Offer(PROFILE, name, choice)


def describe_profile(aws: AwsConfig, name: str) -> str | None:
    """Return what a profile leads to; ``None``: it has no credentials, or has them of rolehop."""
    try:
        chain = resolve_profile(aws, name)
        kind = credential_kind_of(aws, chain.base_profile)
    except RolehopError:
        return None
    process = profile_setting(aws, chain.base_profile, "credential_process") or ""
    if kind is CredentialKind.PROCESS and own_line(process):
        return None
    if chain.base is ChainBase.PROFILE and kind is CredentialKind.NOTHING:
        return None
    if chain.hops:
        return clean(
            f"{_short(chain.hops[-1].role)}, from {_start(chain.base, chain.base_profile)}"
        )
    if kind is CredentialKind.SSO:
        role, account = (
            profile_setting(aws, name, key) or "?" for key in ("sso_role_name", "sso_account_id")
        )
        return clean(f"Identity Center: {role} in {account}")
    return str(kind.value)


def _start(base: ChainBase, profile: str) -> str:
    return profile if base is ChainBase.PROFILE else base.value


def _short(role: str) -> str:
    """Return a role as ``Admin in 333333333333``."""
    try:
        found = RoleArn.parse_in(role, "aws")
    except ValueError:
        return role
    return f"{found.name} in {found.account}"


def centers_in(aws: AwsConfig) -> list[FoundCenter]:
    """Return every Identity Center of the AWS config once, those of an ``sso-session`` first."""
    sections = [
        *((name, keys) for name, keys in aws.sso_sessions.items()),
        *((None, keys) for keys in aws.profiles.values()),
    ]
    found = dict[tuple[str, str], FoundCenter]()
    for session, keys in sections:
        url, region = keys.get("sso_start_url"), keys.get("sso_region")
        if isinstance(url, str) and isinstance(region, str) and url and region:
            center = FoundCenter(url, region, session)
            found.setdefault((portal_address(url), region), center)
    return list(found.values())


def _centers(aws: AwsConfig) -> Iterator[Offer]:
    for center in centers_in(aws):
        name = f"Identity Center {clean(center.session)}" if center.session else "Identity Center"
        address = clean(_address(center))
        choice = Choice(name, "", address, "", labels=_WORDS["identity-center"])
        yield Offer(CENTER, "", choice, center)


def _imports(found: FoundFiles, profiles: int) -> Iterator[Offer]:
    """Give the tools whose chains can be taken over as a whole."""
    for tool in found.tools:
        if tool != AWS_CONFIG:
            choice = Choice(f"Everything of {tool}", "", "its profiles become chains", "")
            yield Offer(IMPORT, tool, choice)
    if AWS_CONFIG in found.tools and profiles > 1:
        choice = Choice("All AWS profiles", "", f"{profiles} profiles become chains", "")
        yield Offer(IMPORT, AWS_CONFIG, choice)


# ---- every type of source

_WORDS = {
    "identity-center": ("sso", "aws sso", "single sign-on", "login"),
    "keys": ("access key", "static", "long-lived", "akia"),
    "profile": ("~/.aws/config", "credentials file"),
    "environment": ("variables", "env"),
    "instance": ("ec2", "imds", "instance profile", "metadata"),
    "container": ("ecs", "eks", "fargate", "pod identity", "docker"),
    "web-identity": ("oidc", "openid connect", "github", "gitlab", "ci", "irsa", "jwt"),
    "web-identity sign-in": ("oidc", "openid connect", "okta", "entra", "google"),
    "saml": ("okta", "adfs", "entra", "azure", "saml2aws", "sso"),
    "roles-anywhere": ("x.509", "x509", "pki", "pkcs", "hardware token"),
    "process": ("credential_process", "tool", "script"),
}
"""Other words that find a type of source."""

_TYPES = (
    ("identity-center", "IAM Identity Center, SSO", "sign in with a browser"),
    ("keys", "IAM user keys", "kept in the keyring"),
    ("profile", "An AWS profile, by name", "of ~/.aws/config"),
    ("environment", "The environment", "AWS_ACCESS_KEY_ID and others"),
    ("instance", "An EC2 instance's role", "its metadata service"),
    ("container", "A container's role", "ECS, EKS"),
    ("web-identity", "OpenID Connect, by file", "GitHub, GitLab, IRSA"),
    ("web-identity sign-in", "OpenID Connect, sign-in", "with a browser"),
    ("saml", "SAML", "an identity provider's assertion"),
    ("roles-anywhere", "A certificate", "IAM Roles Anywhere"),
    ("process", "Another program", "credential_process"),
)


def typed_offers(found: list[Offer]) -> list[Offer]:
    """Return one offer for each type of source that was not ``found``."""
    there = {each.value for each in found if each.kind == TYPE}
    return [_typed_offer(*each) for each in _TYPES if each[0] not in there]


def assigned_roles(
    app: App, settings: Mapping[str, Value], on_roles: Callable[[int], object]
) -> list[PickedRole]:
    """Return every role that is assigned, by account; a person signs in first if nobody is.

    Args:
        app: the application.
        settings: of a source of type ``identity-center``.
        on_roles: told of how many accounts the roles are known, from any thread.

    Raises:
        SourceError: nobody signed in.
        HopRefused: the portal refused.
        ServiceError: Identity Center cannot be reached, or throttles for too long.
    """
    own = {key: value for key, value in settings.items() if key != "type"}
    source = SourceConfig("sso", "identity-center", own)
    listed = Assignments(source, app.walk_context(app.person), on_roles)
    found = listed.read(lambda account, name: True)
    roles = [PickedRole(each.account, each.name, role) for each in found for role in each.roles]
    return sorted(roles, key=lambda each: (each.account_name.casefold(), each.account))


def choice_of(role: PickedRole) -> Choice:
    """Return a role as one line of the picker."""
    name = clean(role.account_name) or role.account
    return Choice(name, "", clean(f"{role.role} {role.account}"), "")


def none_assigned(start_url: str) -> SourceWithdrawn:
    """Return the error if nothing is assigned to the person."""
    return SourceWithdrawn(
        f"no role is assigned to you at {start_url}",
        cause="Identity Center lists no account with a role of yours",
        fix="ask whoever runs this Identity Center for an assignment",
    )


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
    app: App, person: Interviewer, aws: AwsConfig, offer: Offer, last: FirstChain | None
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
    if offer.kind == ALL:
        return _all_accounts(app, person, offer)
    if offer.kind == CHAIN:
        return _goes_on(person, chain_from(app.config, offer.value), aws, last)
    if offer.kind == SOURCE:
        return _goes_on(person, chain_from_source(app.config, offer.value), aws, last)
    if offer.kind == MANY:
        return _many_accounts(app, person)
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


def _last(key: str, last: FirstChain | None) -> str:
    """Return what was answered for a source's key before."""
    return "" if last is None else str(last.source.settings.get(key, ""))


def profile_draft(aws: AwsConfig, name: str) -> FirstChain:
    """Return the draft of a chain that starts from an AWS profile.

    A sign-in to Identity Center becomes a source of its own: rolehop signs in to it by itself.
    """
    origin = f"AWS profile {clean(name)}"
    try:
        is_sign_in = credential_kind_of(aws, name) is CredentialKind.SSO
        if is_sign_in and "role_arn" not in aws.profiles[name]:
            return FirstChain(
                SourceDraft(slug(name), sign_in_settings(aws, name)), origin, slug(name)
            )
    except (NotASource, RolehopError):
        pass  # as it is: the plan says what is wrong with it
    settings = {"type": "profile", "profile": name}
    return FirstChain(source_of_type(settings), origin, slug(name))


def _goes_on(
    person: Interviewer, draft: FirstChain, aws: AwsConfig, last: FirstChain | None
) -> FirstChain:
    """Let it go on to the roles of the ``last`` draft, else to one that is asked for."""
    if last is not None:
        kept = replace(draft, name=last.name, region=last.region)
        return replace(kept, hops=last.hops) if last.hops else _and_role(person, kept, aws)
    return _and_role(person, draft, aws)


def _and_role(person: Interviewer, draft: FirstChain, aws: AwsConfig) -> FirstChain:
    """Ask for the first role, unless the source is one already."""
    if draft.source.type in (*_WITH_ROLE, "identity-center"):
        return draft
    profile = draft.source.settings.get("profile")
    described = describe_profile(aws, str(profile)) if profile else None
    if described and ", from " in described:
        return draft
    role = person.ask(questions.next_role(draft.origin))
    return replace(draft, hops=(questions.hop(role),)) if role else draft


def _typed(app: App, person: Interviewer, value: str, last: FirstChain | None) -> FirstChain:
    """Ask for the keys that a source of a type needs."""
    from rolehop.sources import SOURCE_TABLES

    source_type = value.partition(" ")[0]
    settings: dict[str, Value] = {"type": source_type}
    for key in questions.KEYS_ASKED.get(value, ()):
        table = SOURCE_TABLES[source_type]
        answer = person.ask(questions.of_source(key, table, app, _last(key.name, last)))
        if answer:
            settings[key.name] = answer
    return typed_draft(settings)


def typed_draft(settings: Mapping[str, Value]) -> FirstChain:
    """Return the draft of a chain from a source with these settings."""
    source = source_of_type(settings)
    named = str(settings.get("role", "")).rpartition("/")[2]
    return FirstChain(source, _ORIGINS[source.type], named or source.name)


# ---- fleets


def _all_accounts(app: App, person: Interviewer, offer: Offer) -> Draft:
    """Return a fleet of all that an Identity Center assigns; its address is asked for if need be."""
    config = app.config
    taken = {*config.fleets, *config.chains}
    if offer.value:
        return ConfigDraft((), fleets=(whole_fleet(offer.value, taken),))
    center = offer.center or _asked_center(person, None)
    return fleet_of_center(center_settings(center), taken)


def _many_accounts(app: App, person: Interviewer) -> Draft:
    """Ask for a fleet: from where, which role, in which accounts, and what it is called."""
    config = app.config
    chains = {choice: name for name, choice in chain_choices(config)}
    sources = {choice: name for name, choice in source_choices(config)}
    choice = person.pick("From where?", [*chains, *sources], "way")
    role = person.ask(questions.FLEET_ROLE)
    accounts = person.ask(questions.ACCOUNTS).split()
    name = person.ask(replace(questions.FLEET_NAME, initial=slug(role.rpartition("/")[2])))
    return ConfigDraft(
        (),
        fleets=(
            FleetDraft(
                name,
                source=sources.get(choice, ""),
                continues=chains.get(choice, ""),
                role=role,
                accounts=tuple(accounts),
            ),
        ),
    )


# ---- other tools


def _import(app: App, person: Interviewer, tool: str) -> ConfigImport | None:
    from rolehop.commands.config.importing.found_files import files_of, plan_import
    from rolehop.commands.config.importing.view import beside_lines

    try:
        planned = plan_import(app, files_of(app, tool))
    except RolehopError as error:
        person.report(error)
        return None
    person.say(*beside_lines(planned.added, whole=False))
    if not planned.names:
        person.say(f"there is no chain to make of {tool}")
        return None
    return planned


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


def center_settings(center: FoundCenter) -> dict[str, Value]:
    """Return the keys of a source that say which Identity Center it is."""
    if center.session is not None:
        return {"type": "identity-center", "sso_session": center.session}
    return {
        "type": "identity-center",
        "start_url": center.start_url,
        "sso_region": center.region,
    }
