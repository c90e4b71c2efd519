"""A strict OpenID Connect issuer on loopback: discovery, PKCE, refresh tokens that are good once.

Its ID tokens are real: RS256, signed by a key made here, so that the STS double can verify them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.doubles.web import Asked, Reply, Service


class Issuer(Service):
    """The double; ``person`` is the subject that signs in at the browser."""

    def __init__(
        self,
        client_id: str = "rolehop-client",
        *,
        certificate: tuple[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(certificate)
        self.name = name
        """Its issuer identifier, if it is not its own address."""

        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.client_id = client_id
        self.client_secret: str | None = None
        self.person = "alice@corp"
        self.approves = True
        self.nonce: str | None = None
        """The nonce in its ID tokens, instead of the one that was sent."""

        self.claims: dict[str, object] = {}
        """Further claims of all its tokens."""

        self.seconds = 3600
        self.scopes_supported = ["openid", "offline_access"]
        self.codes: dict[str, Mapping[str, str]] = {}
        self.refreshes: dict[str, str] = {}
        """Refresh token to subject."""

        self.given: list[str] = []
        """Every secret that it issued."""

    def token(self, subject: str, audience: str | list[str] | None = None, **claims: object) -> str:
        """Make a signed ID token; ``claims`` replace those it would have."""
        now = int(datetime.now(UTC).timestamp())
        payload = {
            "iss": self.url,
            "sub": subject,
            "aud": audience or self.client_id,
            "iat": now,
            "exp": now + self.seconds,
            **self.claims,
            **claims,
        }
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': 'one'})}.{_part(payload)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{signed}.{_base64(signature)}"
        self.given.append(token)
        return token

    def expired(self, subject: str, audience: str | None = None) -> str:
        """Make a token that expired an hour ago."""
        ended = datetime.now(UTC) - timedelta(hours=1)
        return self.token(subject, audience, exp=int(ended.timestamp()))

    def discovery(self, **changes: str) -> dict[str, object]:
        """Return the discovery document; ``changes`` replace members."""
        name = self.name or self.url
        return {
            "issuer": name,
            "authorization_endpoint": f"{name}/authorize",
            "token_endpoint": f"{name}/token",
            "revocation_endpoint": f"{name}/revoke",
            "scopes_supported": self.scopes_supported,
            **changes,
        }

    def answer(self, asked: Asked) -> Reply:
        match asked.method, asked.path:
            case "GET", "/.well-known/openid-configuration":
                return Reply(json=self.discovery())
            case "GET", "/authorize":
                return self._authorize(asked)
            case "POST", "/token":
                return self._token(asked.form())
            case "POST", "/revoke":
                self.refreshes.pop(asked.form()["token"], None)
                return Reply()
            case _:
                return Reply(404, {"error": "not_found"})

    def _authorize(self, asked: Asked) -> Reply:
        query = asked.query
        good = (
            query["client_id"] == self.client_id
            and query["response_type"] == "code"
            and query["code_challenge_method"] == "S256"
            and query["redirect_uri"].startswith("http://127.0.0.1:")
            and "openid" in query["scope"].split()
            and query["state"]
            and query["nonce"]
        )
        if not good:
            return Reply(400, {"error": "invalid_request"})
        back = {"state": query["state"]}
        if self.approves:
            code = secrets.token_urlsafe(24)
            self.codes[code] = query
            back["code"] = code
        else:
            back["error"] = "access_denied"
        return Reply(302, {}, headers={"Location": f"{query['redirect_uri']}?{urlencode(back)}"})

    def _token(self, fields: dict[str, str]) -> Reply:
        if fields.get("client_id") != self.client_id:
            return Reply(401, {"error": "invalid_client"})
        if self.client_secret is not None and fields.get("client_secret") != self.client_secret:
            text = "client_secret is missing."
            return Reply(400, {"error": "invalid_request", "error_description": text})
        if fields["grant_type"] == "authorization_code":
            return self._by_code(fields)
        subject = self.refreshes.pop(fields["refresh_token"], None)
        return Reply(400, {"error": "invalid_grant"}) if subject is None else self._tokens(subject)

    def _by_code(self, fields: dict[str, str]) -> Reply:
        query = self.codes.pop(fields["code"], {})
        challenge = _base64(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if (
            query.get("code_challenge") != challenge
            or query["redirect_uri"] != fields["redirect_uri"]
        ):
            return Reply(400, {"error": "invalid_grant"})
        return self._tokens(self.person, nonce=self.nonce or query["nonce"])

    def _tokens(self, subject: str, **claims: str) -> Reply:
        refresh, access = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        self.refreshes[refresh] = subject
        self.given += [refresh, access]
        return Reply(
            json={
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": self.seconds,
                "refresh_token": refresh,
                "id_token": self.token(subject, **claims),
            }
        )


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
