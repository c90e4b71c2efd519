"""The console's sign-in for a session that has credentials already: one call, then a form or a link.

IAM user guide, "Enable custom identity broker access to the AWS console". The call is unsigned; the
session itself is what is sent, so it goes in a body, which nothing logs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from rolehop.aws.api_calls import send_json
from rolehop.aws.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.aws.net.transport import HttpResponse
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import HopRefused, ServiceError
from rolehop.walk.ports import OnCall

_ACTION = "signin:GetSigninToken"
_ATTEMPTS = 3
_LONGEST_TOKEN = 20_000  # characters


class ConsoleSignIn:
    """Signs in at one address: the token is used where it was made.

    Args:
        http: sends the call.
        url: scheme and host of the sign-in.
        on_call: is told of the call.
    """

    def __init__(self, http: HttpClient, url: str, on_call: OnCall) -> None:
        self._http = http
        self._url = f"{url}/federation"
        self._on_call = on_call

    @property
    def url(self) -> str:
        """Where token and form are sent."""
        return self._url

    def token(self, credentials: Credentials, seconds: int | None = None) -> Secret:
        """Return a sign-in token for a session, valid for 15 minutes.

        ``seconds`` is how long the console stays signed in, 900 to 43200: only for a role that was
        assumed with IAM user keys. It is left out if AWS does not take it. Without, the console
        stays signed in as long as the session lasts.

        Raises:
            HopRefused: AWS opens no console for this session.
            ServiceError: there is no answer, or it makes no sense.
        """
        response = self._ask(credentials, seconds)
        if response.status == 400 and seconds is not None:
            response = self._ask(credentials, None)
        if response.status in (400, 403):
            raise HopRefused(
                "AWS opens no console for this session",
                code=f"HTTP {response.status}",
                cause=f"its sign-in answered HTTP {response.status}, as for a session that has ended, is"
                " of GetSessionToken, or of another partition",
                fix="the chain needs a hop into a role of this partition; rolehop refresh makes the"
                " session again",
            )
        return self._read(response)

    def _ask(self, credentials: Credentials, seconds: int | None) -> HttpResponse:
        form: dict[str, Text] = {"Action": "getSigninToken", "Session": _session(credentials)}
        if seconds is not None:
            form["SessionDuration"] = str(seconds)
        request = HttpRequest("POST", self._url, form=form)
        return send_json(
            lambda: self._http.send(request, attempts=_ATTEMPTS), self._on_call, _ACTION
        )

    def _read(self, response: HttpResponse) -> Secret:
        if response.unavailable:
            raise ServiceError(
                "the console's sign-in is not available",
                cause=f"it answered HTTP {response.status}",
                fix="try again in a moment; status of AWS: https://health.aws.amazon.com",
            )
        try:
            if not response.ok:
                raise ValueError("this call has no such status")
            token = response.json_object().get("SigninToken")
            if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
                raise ValueError("SigninToken is missing")
            if not (token.isascii() and token.isprintable()):
                raise ValueError("SigninToken is no token")
            return Secret(token)
        except ValueError as error:
            reason = str(error)
        raise unexpected_response(response, self._url, "getSigninToken", reason)


def login_fields(token: Secret, destination: str, issuer: str = "") -> Mapping[str, str | Secret]:
    """Return what the browser sends to the sign-in's address, in a form or a link.

    ``issuer`` is where the console sends a person whose session has ended.
    """
    return {
        "Action": "login",
        "Issuer": issuer,
        "Destination": destination,
        "SigninToken": token,
    }


def login_link(url: str, fields: Mapping[str, str | Secret]) -> str:
    """Return the sign-in as a link, for whom asked for it by name.

    It is a secret: whoever opens it within 15 minutes is signed in.
    """
    plain = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in fields.items()
    }
    return f"{url}?{urlencode(plain)}"


def _session(credentials: Credentials) -> Secret:
    token = credentials.session_token
    return Secret(
        json.dumps(
            {
                "sessionId": credentials.access_key_id,
                "sessionKey": credentials.secret_access_key.reveal(),
                "sessionToken": "" if token is None else token.reveal(),
            }
        )
    )
