"""EC2 instance metadata (version 2 only) and a container-credentials endpoint, strict."""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from tests.doubles.endpoint import Answer, Asked, Endpoint
from tests.doubles.sts_world import Key, Role, World

_LIST = "/latest/meta-data/iam/security-credentials/"


def session_of(world: World, role: Role, name: str, **fields: object) -> Key:
    """Make the session that AWS gives a machine with ``role``; the STS double knows it."""
    return world.issue(
        600,
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{name}",
        user_id=f"{role.role_id}:{name}",
        role=role,
        expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=6),
        **fields,
    )


def document(key: Key, **changes: object) -> bytes:
    assert key.expires_at is not None
    fields: dict[str, object] = {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "Token": key.token,
        "Expiration": f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    fields |= changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


class Imds(Endpoint):
    """Gives ``role``'s session to a client that first got a token by PUT; version 1 is off."""

    def __init__(self, world: World, role: Role | None) -> None:
        super().__init__()
        self.world = world
        self.role = role
        self.changes: dict[str, object] = {}
        self._tokens: set[str] = set()
        self.keys: list[Key] = []

    def answer(self, asked: Asked) -> Answer:
        if "X-Forwarded-For" in asked.headers or "Via" in asked.headers:
            return Answer(403)
        if (asked.method, asked.path) == ("PUT", "/latest/api/token"):
            return self._token(asked.headers.get("x-aws-ec2-metadata-token-ttl-seconds", ""))
        if asked.headers.get("x-aws-ec2-metadata-token") not in self._tokens:
            return Answer(401, b"Unauthorized")
        if asked.method != "GET" or self.role is None:
            return Answer(404, b"<html>404 - Not Found</html>")
        if asked.path == _LIST:
            return Answer(200, self.role.name.encode())
        if asked.path != _LIST + self.role.name:
            return Answer(404)
        key = session_of(self.world, self.role, "i-0123456789abcdef0")
        self.keys.append(key)
        fields = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-08-01T12:00:00Z"}
        return Answer(200, document(key, **{**fields, **self.changes}))

    def _token(self, seconds: str) -> Answer:
        if not (seconds.isdecimal() and 1 <= int(seconds) <= 21600):
            return Answer(400)
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        return Answer(200, token.encode())


class ContainerAgent(Endpoint):
    """Gives ``role``'s session to a client with the current authorization token."""

    PATH = "/v1/credentials"

    def __init__(self, world: World, role: Role) -> None:
        super().__init__()
        self.world = world
        self.role = role
        self.token: str | None = secrets.token_urlsafe(32)
        self.changes: dict[str, object] = {}
        self.tags: dict[str, str] = {}
        """Transitive session tags, as EKS Pod Identity sets them."""

        self.keys: list[Key] = []

    def answer(self, asked: Asked) -> Answer:
        if (asked.method, asked.path) != ("GET", self.PATH):
            return Answer(404, b'{"Code":"NotFound","Message":"no such path"}')
        shown = asked.headers.get("Authorization", "")
        if self.token is not None and not hmac.compare_digest(
            sha256(shown.encode()).digest(), sha256(self.token.encode()).digest()
        ):
            return Answer(403, b'{"Code":"AccessDenied","Message":"the token is not valid"}')
        tags = {"tags": self.tags, "transitive": frozenset(self.tags)} if self.tags else {}
        key = session_of(self.world, self.role, "pod", **tags)
        self.keys.append(key)
        return Answer(200, document(key, RoleArn=self.role.arn, **self.changes))
