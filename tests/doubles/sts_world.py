"""The accounts behind the STS double: users, roles, MFA devices, and every key ever issued."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from typing import Any

from rolehop.base.credentials import Credentials, Secret
from tests.doubles.accounts.organizations import Organization

STEP_SECONDS = 30
_ID_LETTERS = string.ascii_uppercase + "234567"


@dataclass
class Key:
    """One access key, long-lived or of a session, and its identity."""

    access_key_id: str
    secret: str = field(repr=False)
    account: str
    arn: str
    user_id: str
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    user: User | None = None
    """Set for a user's own keys and for its GetSessionToken sessions."""

    role: Role | None = None
    mfa_at: datetime | None = None
    """When the GetSessionToken session was made with MFA."""

    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()
    source_identity: str | None = None
    policies: Sequence[str] | None = None
    """Session policies as JSON texts; ``None``: none were given."""

    layers: tuple[str, ...] = ()
    """Policies of GetScopedCredentials as JSON texts, in the order in which they narrowed it."""

    scoped: int = 0
    """How often GetScopedCredentials narrowed it, by a policy or a duration."""

    by_user_keys: bool = False
    """A role's session that IAM user keys called for themselves: with no session in between."""

    active: bool = True
    unknown_for: int = 0
    """How many calls are still refused: a new key takes a while to work everywhere."""

    @property
    def credentials(self) -> Credentials:
        """The key as rolehop holds it."""
        token = Secret(self.token) if self.token is not None else None
        return Credentials(self.access_key_id, Secret(self.secret), token, self.expires_at)

    @property
    def environ(self) -> dict[str, str]:
        """The key as the AWS_… variables of a process under test."""
        found = {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return found if self.token is None else {**found, "AWS_SESSION_TOKEN": self.token}

    @property
    def may_assume(self) -> Sequence[str] | None:
        owner = self.role or self.user
        return owner.may_assume if owner is not None else []


@dataclass
class User:
    """An IAM user with one access key."""

    account: str
    arn: str
    user_id: str
    may_assume: Sequence[str] | None = None
    """Patterns of role ARNs its own policies allow; ``None``: all."""

    iam_wants_mfa: bool = False
    """The user's policies allow the calls on its own keys with MFA only."""

    devices: list[Device] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return self.keys[-1]

    @property
    def credentials(self) -> Credentials:
        return self.key.credentials

    @property
    def environ(self) -> dict[str, str]:
        return self.key.environ


@dataclass
class Role:
    """An IAM role with its real trust policy."""

    arn: str
    account: str
    name: str
    role_id: str
    trust: str
    max_session: int
    may_assume: Sequence[str] | None = None


@dataclass
class Device:
    """A virtual MFA device: RFC 6238, SHA-1, six digits, steps of 30 s."""

    serial: str
    seed: str = field(repr=False)
    """Base32."""

    used_step: int = -1

    def code(self, at: datetime) -> str:
        """Return the code it shows at ``at``."""
        return totp(self.seed, int(at.timestamp()) // STEP_SECONDS)

    def accepts(self, code: str, at: datetime) -> bool:
        """Accept ``code`` if it belongs to this step or a neighbour, and no step up to it was used."""
        now = int(at.timestamp()) // STEP_SECONDS
        for step in (now, now - 1, now + 1):
            if step > self.used_step and hmac.compare_digest(totp(self.seed, step), code):
                self.used_step = step
                return True
        return False


def totp(seed: str, step: int) -> str:
    """Return RFC 6238's six digits of ``step``."""
    digest = hmac.new(base64.b32decode(seed), step.to_bytes(8, "big"), sha1).digest()
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


class World:
    """All that exists. Every world has new keys, which look like those of AWS."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.roles: dict[str, Role] = {}
        self.keys: dict[str, Key] = {}
        self.managed_policies: dict[str, str] = {}
        self.saml_providers: dict[str, Any] = {}
        """By ARN; see `saml.IdentityProvider`."""

        self.settling = 0
        """How many calls with a key that IAM has just made are refused at first."""

        self.denied: set[str] = set()
        """IAM actions that are denied to everybody."""

        self.organization = Organization()
        self.iam_readers: set[str] = set()
        """ARNs of the users and roles that may read IAM in their account."""

        self.may_not: dict[str, set[str]] = {}
        """ARN of such a user or role to IAM actions that it may not call all the same."""

        self.inline: dict[str, dict[str, str]] = {}
        """ARN of a user or role to its inline policies: name to JSON."""

        self.regions: dict[str, tuple[str, ...]] = {}
        """Account to its enabled regions, which its roles may list; others may not."""

        self.refused_with: dict[str, str] = {}
        """Role ARN to AWS's words for a policy that this double does not judge, e.g. of an SCP."""

        self.disabled_regions: set[tuple[str, str]] = set()
        """Pairs of account and region where STS is not activated."""
        self.oidc_providers: dict[str, tuple[Any, list[str]]] = {}
        """ARN to public key and audiences."""

    def user(self, account: str, name: str, *, may_assume: Sequence[str] | None = None) -> User:
        """Make an IAM user with one access key; ``name`` may carry a path."""
        user = User(account, f"arn:aws:iam::{account}:user/{name}", _id("AIDA"), may_assume)
        self.users[user.arn] = user
        self.new_key(user)
        return user

    def new_key(self, user: User) -> Key:
        """Give ``user`` one more access key, which becomes ``user.key``."""
        key = Key(_id("AKIA"), _secret(), user.account, user.arn, user.user_id, user=user)
        self.keys[key.access_key_id] = key
        user.keys.append(key)
        return key

    def role(
        self,
        arn: str,
        trusts: Sequence[str] = (),
        *,
        max_session: int = 3600,
        external_id: str | None = None,
        mfa: bool = False,
        actions: Sequence[str] = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"),
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        may_assume: Sequence[str] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> Role:
        """Make a role, or replace it.

        ``trusts`` are principals: ARNs of users, roles and sessions, account IDs, ``*``.
        ``policy`` is a whole trust policy and replaces all that makes one up.
        """
        condition = {operator: dict(keys) for operator, keys in (conditions or {}).items()}
        if external_id is not None:
            condition.setdefault("StringEquals", {})["sts:ExternalId"] = external_id
        if mfa:
            condition.setdefault("Bool", {})["aws:MultiFactorAuthPresent"] = "true"
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": list(trusts)},
            "Action": list(actions),
            "Condition": condition,
        }
        document = policy or {"Version": "2012-10-17", "Statement": [statement]}
        account, name = arn.split(":")[4], arn.rpartition("/")[2]
        role = Role(arn, account, name, _id("AROA"), json.dumps(document), max_session, may_assume)
        self.roles[arn] = role
        return role

    def oidc_provider(self, account: str, issuer: str, key: Any, audiences: list[str]) -> str:
        """Register an issuer in ``account`` by its public key; return the provider's ARN."""
        arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.partition('://')[2]}"
        self.oidc_providers[arn] = (key, audiences)
        return arn

    def web_role(self, arn: str, provider: str, **conditions: str) -> Role:
        """Make a role that an OIDC provider's tokens may take; conditions are on its claims."""
        host = provider.partition("/")[2]
        wanted = {f"{host}:{claim}": value for claim, value in conditions.items()}
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": wanted},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return self.role(arn, policy=policy)

    def mfa_device(self, user: User, serial: str | None = None, seed: str | None = None) -> Device:
        """Give ``user`` a virtual MFA device; ``seed`` is base32."""
        name = user.arn.rpartition("/")[2]
        device = Device(
            serial or f"arn:aws:iam::{user.account}:mfa/{name}",
            seed or base64.b32encode(secrets.token_bytes(20)).decode(),
        )
        user.devices.append(device)
        return device

    def forget_key(self, access_key_id: str) -> None:
        """Delete a key or session: calls signed with it are InvalidClientTokenId from now on."""
        del self.keys[access_key_id]

    def issue(self, token_length: int, **fields: Any) -> Key:
        """Make the keys of a session."""
        key = Key(_id("ASIA"), _secret(), token=_token(token_length), **fields)
        self.keys[key.access_key_id] = key
        return key


def _id(prefix: str) -> str:
    length = 20 if prefix in ("AKIA", "ASIA") else 21
    letters = (secrets.choice(_ID_LETTERS) for _ in range(length - len(prefix)))
    return prefix + _without_words("".join(letters))


def _secret() -> str:
    return _without_words(base64.b64encode(secrets.token_bytes(30)).decode())


def _token(length: int) -> str:
    text = base64.b64encode(secrets.token_bytes(length)).decode()[: length - 1]
    return _without_words(text) + "="


def _without_words(text: str) -> str:
    """Make every third character a digit: no test may find by chance the word that it looks for."""
    return "".join(
        secrets.choice("234567") if at % 3 == 2 else each for at, each in enumerate(text)
    )
