"""A strict console sign-in of AWS: tokens for sessions, used once, within 15 minutes.

Sessions are those of the STS double. Refusals are pages without a reason, as AWS's are. A browser
that is signed in with another session must sign out first, by going there: a page elsewhere that
loads the sign-out unseen sends and changes no cookies.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from tests.doubles.sts import StrictSts
from tests.doubles.sts_world import Key
from tests.doubles.web import Asked, Reply, Service

_REFUSED = Reply(400, text="<!doctype html><html><body>Bad Request</body></html>")
_SIGNED_IN = Reply(400, text="<!doctype html><title>You must first log out</title>")
# Whatever AWS shows after a sign-out, and whoever's scripts are in it: they lead no other page away.
_SIGNED_OUT = (
    "<!doctype html><title>Signed out</title>"
    "<script>opener.location = '/led-away'; opener.top.location = '/led-away'</script>"
)
_HTML = {"Content-Type": "text/html"}
_COOKIE = "session={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}"
_TOKEN_LIFE = timedelta(minutes=15)


@dataclass
class SignIn:
    """A sign-in token, and what it was used for."""

    key: Key
    made_at: datetime
    seconds: int | None
    destination: str | None = None


@dataclass
class ConsoleDouble(Service):
    """The double; ``domain`` is that of the consoles that it signs in to."""

    sts: StrictSts
    domain: str = "aws.amazon.com"
    tokens: dict[str, SignIn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def environ(self) -> dict[str, str]:
        """The variable that points a process at this double."""
        return {"AWS_ENDPOINT_URL_SIGNIN": self.url}

    @property
    def opened(self) -> list[SignIn]:
        """The sign-ins that were used."""
        return [each for each in self.tokens.values() if each.destination is not None]

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/oauth" and asked.query == {"Action": "logout"}:
            return self._sign_out(asked)
        if asked.path == "/somebody-else":
            gone_on = {"Location": asked.query["next"], "Set-Cookie": _COOKIE.format("other", 3600)}
            return Reply(302, headers=gone_on)
        if asked.path == "/console":
            return Reply(text="<!doctype html><title>Console</title>", headers=_HTML)
        if asked.path == "/signed-out":
            return Reply(text=_SIGNED_OUT, headers=_HTML)
        if asked.path != "/federation" or asked.method not in ("GET", "POST"):
            return Reply(404, text="Not Found")
        fields = asked.form() if asked.method == "POST" else dict(asked.query)
        if fields.get("Action") == "getSigninToken":
            # AWS takes a GET as well; a session in an address would be in somebody's log.
            assert asked.method == "POST", "a session in an address"
            return self._token(fields)
        return self._login(fields, asked) if fields.get("Action") == "login" else _REFUSED

    def _sign_out(self, asked: Asked) -> Reply:
        gone_to = asked.headers.get("sec-fetch-dest", "document") == "document"
        cookie = {"Set-Cookie": _COOKIE.format("", 0)} if gone_to else {}
        return Reply(302, headers={"Location": f"{self.url}/signed-out", **cookie})

    def _token(self, fields: dict[str, str]) -> Reply:
        session = json.loads(fields["Session"])
        if set(session) != {"sessionId", "sessionKey", "sessionToken"}:
            return _REFUSED
        key = self.sts.world.keys.get(session["sessionId"])
        if key is None or (key.secret, key.token) != (
            session["sessionKey"],
            session["sessionToken"],
        ):
            return _REFUSED
        seconds = int(fields["SessionDuration"]) if "SessionDuration" in fields else None
        if not self._may(key, seconds):
            return _REFUSED
        token = secrets.token_urlsafe(700)
        self.tokens[token] = SignIn(key, self.sts.now, seconds)
        return Reply(json={"SigninToken": token})

    def _may(self, key: Key, seconds: int | None) -> bool:
        """A role's session that lives; a duration only if IAM user keys assumed the role."""
        if key.role is None or key.expires_at is None or key.expires_at <= self.sts.now:
            return False
        if seconds is None:
            return True
        return 900 <= seconds <= 43200 and key.by_user_keys

    def _login(self, fields: dict[str, str], asked: Asked) -> Reply:
        used = self.tokens.get(fields.get("SigninToken", ""))
        parts = urlsplit(fields.get("Destination", ""))
        host = parts.hostname or ""
        if used is None or used.destination or self.sts.now - used.made_at > _TOKEN_LIFE:
            return _REFUSED
        if parts.scheme != "https" or not f".{host}".endswith(f".{self.domain}"):
            return _REFUSED
        cookie = SimpleCookie(asked.headers.get("cookie", "")).get("session")
        if cookie is not None and cookie.value not in ("", used.key.access_key_id):
            return _SIGNED_IN
        used.destination = fields["Destination"]
        cookie_set = {"Set-Cookie": _COOKIE.format(used.key.access_key_id, 3600)}
        return Reply(302, headers={"Location": f"{self.url}/console", **cookie_set})
