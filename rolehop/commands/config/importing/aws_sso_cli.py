"""aws-sso-cli: the roles of its ``config.yaml``, and AWS profiles that run it.

From its ``docs/config.md``: ``SSOConfig`` has the Identity Centers, each with accounts and their roles;
``Via`` is the role from which another one is assumed, where an Identity Center's own role is written
``arn:aws:iam::ACCOUNT:role/NAME`` or ``ACCOUNT:NAME`` (its ``ParseRoleARN``); account IDs are numbers;
``Profile``, else ``ProfileFormat``, names a role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rolehop.base.dataclass import replace
from rolehop.commands.config.importing.draft import ProfileDraft, option, runs
from rolehop.commands.config.importing.granted import CONTAINER_COLORS
from rolehop.commands.config.importing.names import told_apart
from rolehop.commands.config.importing.proposal import NOTE, SETTING, NotCarried, Proposal
from rolehop.commands.config.importing.yaml_values import Yaml, read_yaml
from rolehop.config.draft import ChainDraft, SourceDraft
from rolehop.config.model import HopConfig
from rolehop.config.value_types import slug

NAME = "aws-sso-cli"
_PROGRAM = "aws-sso"
_FLOWS = {"device_code": "device", "pkce": "pkce"}
_CARRIED = frozenset({"SSOConfig", "DefaultRegion", "AuthWorkflow", "ProfileFormat", "DefaultSSO"})
_OF_CENTER = frozenset({"SSORegion", "StartUrl", "DefaultRegion", "Accounts"})
_OF_ACCOUNT = frozenset({"Name", "DefaultRegion", "Tags", "Roles"})
_OF_ROLE = frozenset({"Profile", "DefaultRegion", "Tags", "Via", "SourceIdentity"})

_LOOKS = ("Color", "Icon")
"""Tags of a Firefox container."""

_Names = dict[tuple[str, str, str], str]
"""By center, account and role."""

_WHY_LOST = "a setting of aws-sso"


class SsoRole(NamedTuple):
    """One role of the file."""

    center: str
    account: str
    role: str
    keys: Mapping[str, Yaml]
    account_keys: Mapping[str, Yaml]

    @property
    def key(self) -> tuple[str, str, str]:
        """Center, account and name: two centers can have the same role."""
        return self.center, self.account, self.role

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"role {self.role} in {self.account}"

    @property
    def via(self) -> str:
        """The role from which it is assumed, empty if it is the center's own."""
        return str(self.keys.get("Via", ""))


def is_own(text: str) -> bool:
    """True if ``text`` looks like its ``config.yaml``."""
    return any(line.startswith("SSOConfig:") for line in text.splitlines())


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile runs aws-sso."""
    return any(runs(draft, name, _PROGRAM) for name in draft.profiles)


def adapt(draft: ProfileDraft, text: str) -> None:
    """Make sign-ins of the profiles that run aws-sso; those of the file's own roles go with these.

    Raises:
        ValueError: ``text``, its ``config.yaml``, is broken.
    """
    whole = _table(read_yaml(text))
    centers = _table(whole.get("SSOConfig", ""))
    roles = {each.key for each in _roles(centers)}
    for name in list(draft.profiles):
        words = runs(draft, name, _PROGRAM)
        if not words:
            continue
        account, role = _of_arn(option(words, "--arn", "-a"))
        usual = str(whole.get("DefaultSSO", "")) or "Default"
        center = option(words, "--sso", "-S") or usual
        if not account or center not in centers:
            draft.note(
                f"profile {name}", "aws-sso is asked: its config.yaml does not say what this is"
            )
        elif (center, account, role) in roles:
            del draft.profiles[name]
        else:
            settings = _sign_in(_table(centers[center]), whole)
            draft.become(name, NAME, {**settings, "account": account, "role": role})


def propose(text: str) -> Proposal:
    """Return the sources and chains of a ``config.yaml``.

    Raises:
        ValueError: it is broken.
    """
    whole = _table(read_yaml(text))
    centers = _table(whole.get("SSOConfig", ""))
    if not centers:
        raise ValueError("it has no SSOConfig")
    roles = list({each.key: each for each in _roles(centers)}.values())  # 0001 and 1 are one
    names, starts = _names(roles, whole)
    found = Proposal(lost=(*_lost(whole, centers), *_lost_of_roles(roles)))
    for each in roles:
        found += _of_role(each, names, starts, whole, _table(centers[each.center]))
    for center, keys in centers.items():
        if not any(each.center == center for each in roles):
            name = told_apart(center, names.values())
            found += _of_center(name, _sign_in(_table(keys), whole))
    for key, name in starts.items():
        settings = {**_sign_in(_table(centers[key[0]]), whole), "account": key[1], "role": key[2]}
        found += Proposal((SourceDraft(name, settings, f"Via of {NAME}"),))
    return found


def _names(roles: list[SsoRole], whole: Mapping[str, Yaml]) -> tuple[_Names, _Names]:
    """Return the names of the roles, and of the sources for those that are a ``Via`` only."""
    names: _Names = {}
    for each in roles:
        names[each.key] = told_apart(_name(each, whole), names.values())
    starts: _Names = {}
    for each in roles:
        key = (each.center, *_of_arn(each.via))
        if key[1] and key not in names and key not in starts:
            taken = {*names.values(), *starts.values()}
            starts[key] = told_apart(f"{key[1]} {key[2]}", taken)
    return names, starts


def _of_role(
    each: SsoRole,
    names: _Names,
    starts: _Names,
    whole: Mapping[str, Yaml],
    center: Mapping[str, Yaml],
) -> Proposal:
    name = names[each.key]
    tags = _tags(each.account_keys) | _tags(each.keys)
    chain = ChainDraft(
        name,
        comment=f"{NAME}: role {each.role} in {each.account}",
        source=name,
        region=_region(each.keys, each.account_keys, center, whole),
        description=str(each.account_keys.get("Name", "")),
        color=CONTAINER_COLORS.get(tags.get("Color", "")),
        labels={slug(key): value for key, value in tags.items() if key not in _LOOKS},
    )
    if not each.via:
        settings = {**_sign_in(center, whole), "account": each.account, "role": each.role}
        return Proposal((SourceDraft(name, settings, chain.comment),), (chain,))
    via = (each.center, *_of_arn(each.via))
    if not via[1]:
        return Proposal(lost=(NotCarried(each.title, "its Via is no role's ARN"),))
    identity = str(each.keys.get("SourceIdentity", "")) or None
    hop = HopConfig(f"arn:aws:iam::{each.account}:role/{each.role}", source_identity=identity)
    above = names.get(via)
    start = {"source": None, "continues": above} if above else {"source": starts[via]}
    return Proposal(chains=(replace(chain, hops=(hop,), **start),))


def _of_center(name: str, settings: dict[str, str]) -> Proposal:
    """Return a chain that asks for account and role: the file names none."""
    origin = f"{NAME}: {name}, which asks for account and role"
    source = SourceDraft(name, settings, origin)
    return Proposal((source,), (ChainDraft(name, origin, source=name),))


def _roles(centers: Mapping[str, Yaml]) -> Iterator[SsoRole]:
    for center, keys in centers.items():
        for account, account_keys in _table(_table(keys).get("Accounts", "")).items():
            below = _table(account_keys)
            for role, role_keys in _table(below.get("Roles", "")).items():
                yield SsoRole(center, _account_id(account), role, _table(role_keys), below)


def _lost(whole: Mapping[str, Yaml], centers: Mapping[str, Yaml]) -> Iterator[NotCarried]:
    for key in whole:
        if key not in _CARRIED:
            yield NotCarried(key, _WHY_LOST, kind=SETTING)
    for name, center in centers.items():
        yield from _not_in(_table(center), _OF_CENTER, name)
        for account, keys in _table(_table(center).get("Accounts", "")).items():
            yield from _not_in(_table(keys), _OF_ACCOUNT, f"account {account}")
            if not _table(_table(keys).get("Roles", "")):
                yield NotCarried(f"account {account}", "it names no role", kind=NOTE)


def _lost_of_roles(roles: list[SsoRole]) -> Iterator[NotCarried]:
    for each in roles:
        yield from _not_in(each.keys, _OF_ROLE, each.title)
        tags = _tags(each.account_keys) | _tags(each.keys)
        for tag in _LOOKS:
            if tag in tags and not (tag == "Color" and tags[tag] in CONTAINER_COLORS):
                why = "a Firefox container's, not a terminal's"
                yield NotCarried(f"the tag {tag}", why, each.title, SETTING)


def _not_in(keys: Mapping[str, Yaml], known: frozenset[str], where: str) -> Iterator[NotCarried]:
    for key in keys:
        if key not in known:
            yield NotCarried(key, _WHY_LOST, where, SETTING)


def _sign_in(center: Mapping[str, Yaml], whole: Mapping[str, Yaml]) -> dict[str, str]:
    settings = {"type": "identity-center"}
    for key, written in (("start_url", "StartUrl"), ("sso_region", "SSORegion")):
        if center.get(written):
            settings[key] = str(center[written])
    flow = _FLOWS.get(str(whole.get("AuthWorkflow", "")))
    return {**settings, "flow": flow} if flow else settings


def _name(each: SsoRole, whole: Mapping[str, Yaml]) -> str:
    own = str(each.keys.get("Profile", ""))
    if own:
        return own
    account = str(each.account_keys.get("Name", ""))
    text = str(whole.get("ProfileFormat", ""))
    for key, value in (
        ("AccountName", account),
        ("RoleName", each.role),
        ("AccountIdPad", each.account),
        ("AccountId", each.account.lstrip("0")),
    ):
        for written in (f"{{{{.{key}}}}}", f"{{{{ .{key} }}}}"):
            text = text.replace(written, value or each.account)
    return text if text and "{{" not in text else f"{account or each.account}-{each.role}"


def _region(*places: Mapping[str, Yaml]) -> str | None:
    return next((str(each["DefaultRegion"]) for each in places if each.get("DefaultRegion")), None)


def _tags(keys: Mapping[str, Yaml]) -> dict[str, str]:
    written = keys.get("Tags", "")
    tables = written if isinstance(written, list) else [written]
    return {
        key: value
        for table in tables
        for key, value in _table(table).items()
        if isinstance(value, str) and value
    }


def _of_arn(arn: str) -> tuple[str, str]:
    """Return account and name of a role's ARN, short or long; empty if it is none."""
    parts = arn.split(":")
    if len(parts) == 2 and all(parts):
        return _account_id(parts[0]), parts[1]
    is_role = len(parts) == 6 and parts[5].startswith("role/")
    return (_account_id(parts[4]), parts[5].rpartition("/")[2]) if is_role else ("", "")


def _account_id(number: str) -> str:
    """Return an account ID of twelve digits: aws-sso takes it for a number, however many zeros."""
    return number.lstrip("0").zfill(12)


def _table(value: Yaml) -> dict[str, Yaml]:
    return value if isinstance(value, dict) else {}
