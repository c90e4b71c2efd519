"""The OIDC token that GitHub Actions gives to a job on request.

GitHub's documentation, "About security hardening with OpenID Connect": a GET of the request URL
with the audience added, and the request token as bearer; the answer's ``value`` is the token.
"""

from __future__ import annotations

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.json_fields import secret_in
from rolehop.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.oauth.responses import raise_if_unavailable

_ATTEMPTS = 3


def github_token(http: HttpClient, url: str, bearer: Secret, audience: str) -> Secret:
    """Return the job's token for ``audience``.

    Raises:
        SourceError: GitHub refuses it.
        ServiceError: there is no answer, or an invalid one.
    """
    headers: dict[str, Text] = {"Authorization": Secret(f"bearer {bearer.reveal()}")}
    request = HttpRequest("GET", url, headers=headers, query={"audience": audience})
    answer = http.send(request, attempts=_ATTEMPTS)
    raise_if_unavailable(answer, url, "a request for a job's token")
    if answer.status in (400, 401, 403, 404):
        raise SourceError(
            "GitHub gives this job no token",
            cause=f"HTTP {answer.status}: {answer.first_text('message') or 'no reason given'}",
            fix="the job needs permissions: id-token: write; its request token ends with the job",
        )
    try:
        return secret_in(answer.json_object(), "value")
    except ValueError as error:
        reason = str(error)
    raise unexpected_response(answer, url, "a request for a job's token", reason)
