"""The token of a ``web-identity`` source: from a file, a variable, a program, CI or a sign-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.aws.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.aws.oauth import raise_if_unavailable
from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.errors import SourceError, SourceWithdrawn
from rolehop.base.files import NotRegular, Untrusted, read_deciding
from rolehop.base.json_fields import secret_in
from rolehop.sources.oidc_login import OidcSignIn, provider_of
from rolehop.sources.program_state import program_state
from rolehop.sources.programs import source_command_output, why_not_startable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolehop.aws.jwt import Claims
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

DEFAULT_AUDIENCE = "sts.amazonaws.com"
_CIRCLECI, _BUILDKITE = "circleci", "buildkite-agent"


@dataclass(frozen=True, slots=True)
class CiService:
    """One CI service."""

    title: str
    variables: tuple[str, ...]
    """The variables that must be set; the first one holds the token if ``in_variable``."""

    hint: str
    """What to do if the variables are missing."""

    get: Callable[[SourceContext, str | None], Secret]
    """Returns the token, for an audience if one is given."""

    in_variable: bool = False
    """The token is the first variable's value."""

    program_for_audience: bool = False
    """It is, but a token for another audience must be requested from the program."""

    job: tuple[str, ...] = ()
    """The variables that tell one job from all others, for a token that must be requested."""

    program: str | None = None
    """The program that gives the token, if it is not in a variable."""

    def is_local(self, audience: str | None) -> bool:
        """True if the token for ``audience`` is in a variable."""
        return self.in_variable and not (self.program_for_audience and audience is not None)

    def job_digest(self, context: SourceContext) -> str:
        """Return what tells this job from all others, without revealing a secret."""
        return digest_of([_value_of(name, self, context) for name in self.job])


def _github(context: SourceContext, audience: str | None) -> Secret:
    from rolehop.sources.aws_clients import http_client

    url, bearer = (context.environ[name] for name in _GITHUB)
    advice = "the job's own network must reach GitHub"
    with http_client(context, "us-east-1", advice=advice, set_by=_GITHUB[0]) as http:
        return github_token(http, url, Secret(bearer), audience or DEFAULT_AUDIENCE)


def _circleci(context: SourceContext, audience: str | None) -> Secret:
    if audience is None:
        return _from_variable(context, "CIRCLE_OIDC_TOKEN_V2")
    # The token in the variable is for the organisation; one for another audience is requested.
    claims = json.dumps({"aud": audience})
    return _from_program(context, (_CIRCLECI, "run", "oidc", "get", "--claims", claims))


def _buildkite(context: SourceContext, audience: str | None) -> Secret:
    command = (_BUILDKITE, "oidc", "request-token", "--audience", audience or DEFAULT_AUDIENCE)
    return _from_program(context, command)


def _bitbucket(context: SourceContext, audience: str | None) -> Secret:
    del audience  # it is always the workspace's
    return _from_variable(context, "BITBUCKET_STEP_OIDC_TOKEN")


def _from_variable(context: SourceContext, name: str) -> Secret:
    return Secret((context.secret_variable(name) or "").strip())


def _from_program(context: SourceContext, command: Sequence[str]) -> Secret:
    what = f"{command[0]}, which gives this job's token,"
    return Secret(
        source_command_output(command, context, what=what).decode("utf-8", "replace").strip()
    )


_GITHUB = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")

CI: Mapping[str, CiService] = {
    "github": CiService(
        "GitHub Actions",
        _GITHUB,
        "give the job 'permissions: id-token: write'",
        _github,
        # The jobs of a matrix, and all calls of a reusable workflow, have the same names and IDs.
        # The request URL holds the job's own ID, and the request token is the job's own.
        job=("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", *_GITHUB),
    ),
    "circleci": CiService(
        "CircleCI",
        ("CIRCLE_OIDC_TOKEN_V2",),
        "the job must use at least one context",
        _circleci,
        in_variable=True,
        program_for_audience=True,
        # The containers of a parallel job share its ID. The token in the variable names the
        # contexts and the project, as one for another audience will.
        job=("CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_NODE_INDEX", "CIRCLE_OIDC_TOKEN_V2"),
        program=_CIRCLECI,
    ),
    "buildkite": CiService(
        "Buildkite",
        ("BUILDKITE_JOB_ID",),
        "run it in a step of a pipeline, with buildkite-agent in PATH",
        _buildkite,
        job=("BUILDKITE_JOB_ID",),  # a UUID; a retry and each parallel job have their own
        program=_BUILDKITE,
    ),
    "bitbucket": CiService(
        "Bitbucket Pipelines",
        ("BITBUCKET_STEP_OIDC_TOKEN",),
        "give the step 'oidc: true'",
        _bitbucket,
        in_variable=True,
    ),
}


def missing(ci: CiService, context: SourceContext, audience: str | None) -> SourceError | None:
    """Return the error for a job without a token, or ``None`` if it can get one."""
    found = _unset(ci, context)
    if found is not None or ci.program is None or ci.is_local(audience):
        return found
    problem = why_not_startable(ci.program, context.environ)
    if problem is None:
        return None
    return SourceError(
        f"there is no {ci.program} here, which gives the token of {ci.title}",
        cause=problem,
        fix="install it where the job runs, on its PATH, or set token_command to its full path",
    )


def _unset(ci: CiService, context: SourceContext) -> SourceError | None:
    absent = [name for name in ci.variables if not _value_of(name, ci, context)]
    if not absent:
        return None
    return SourceError(
        f"there is no token of {ci.title} here",
        cause=f"not set: {', '.join(absent)}",
        fix=ci.hint,
    )


def _value_of(name: str, ci: CiService, context: SourceContext) -> str | None:
    return context.secret_variable(name) if ci.in_variable else context.environ.get(name)


TOKEN_SOURCES = ("token_file", "token_env", "token_command", "ci", "issuer")
FILE_VARIABLE = "AWS_WEB_IDENTITY_TOKEN_FILE"
_LONGEST_FILE = 100_000  # bytes


@dataclass(frozen=True, slots=True, repr=False)
class TokenOrigin:
    """The token of one source, as configured."""

    source: SourceConfig
    context: SourceContext
    generation: str | None
    """Generation of rolehop's own sign-in that the walk was planned with, if there is one."""

    @classmethod
    def of(cls, source: SourceConfig, context: SourceContext) -> TokenOrigin:
        """Remember the current sign-in."""
        provider = provider_of(source)
        generation = context.tokens.generation(provider.token_name) if provider else None
        return cls(source, context, generation)

    def state(self) -> str:
        """Return what tells this token from those of other principals, without a call.

        Raises:
            SourceError: there is no token, or it cannot be read.
        """
        provider = provider_of(self.source)
        if provider is not None:
            if self.generation is None:
                login = Advice("rolehop source login ", Argument(self.source.name))
                raise SourceWithdrawn(
                    f"nobody is signed in to {provider.issuer} ({login})", fix=login
                )
            return self.generation
        command = self.source.settings.get("token_command")
        if isinstance(command, tuple):
            return program_state(command, self.context)
        ci = self._ci()
        if ci is not None and not self.is_local:
            return ci.job_digest(self.context)
        return self.principal_of(self.token())

    @property
    def is_local(self) -> bool:
        """True if it is in a file or a variable: no call, program or person is needed."""
        if "token_command" in self.source.settings or provider_of(self.source) is not None:
            return False
        ci = CI.get(self.text("ci") or "")
        return ci is None or ci.is_local(self.text("audience"))

    def principal_of(self, token: Secret) -> str:
        """Return whose token it is; for one that does not say, a digest of the token."""
        from rolehop.aws.jwt import token_principal

        return token_principal(token)

    def token(self) -> Secret:
        """Return the current token.

        Raises:
            SourceChanged: somebody has just signed in, so the caller must plan again.
            SourceError: there is none, or it is not a token.
            ServiceError: the service that issues it cannot be reached.
        """
        settings, environ = self.source.settings, self.context.environ
        provider = provider_of(self.source)
        if provider is not None:
            return OidcSignIn(self.source, self.context, provider, self.generation).token()
        command = settings.get("token_command")
        if isinstance(command, tuple):
            return self._from_command(command)
        ci = self._ci()
        if ci is not None:
            return self._checked(ci.get(self.context, self.text("audience")), ci.title)
        variable = self.text("token_env")
        if variable is not None:
            return self._from_variable(variable)
        path = self.text("token_file") or environ.get(FILE_VARIABLE)
        if not path:
            raise SourceError(
                "there is no web identity token here",
                cause=f"{FILE_VARIABLE} is not set, and source '{self.source.name}' names no token",
                fix=f"run it where EKS sets that variable, or add one of {', '.join(TOKEN_SOURCES)}",
            )
        return self._from_file(Path(path))

    def local_claims(self) -> Claims | None:
        """Return the claims of a token in a file or a variable, or ``None`` for other tokens.

        No call is made, no program is run, and nobody is asked.
        """
        if not self.is_local:
            return None
        try:
            return self.claims(self.token())
        except SourceError:
            return None

    def _ci(self) -> CiService | None:
        """Return the CI service in the config, or ``None`` if it names none.

        Raises:
            SourceError: there is no token of that service here.
        """
        ci = CI.get(self.text("ci") or "")
        problem = missing(ci, self.context, self.text("audience")) if ci is not None else None
        if problem is not None:
            raise problem
        return ci

    def _from_command(self, command: tuple[str, ...]) -> Secret:
        what = f"the token_command of source '{self.source.name}'"
        output = source_command_output(command, self.context, what=what, secret=True)
        printed = output.decode("utf-8", "replace")
        return self._checked(Secret(printed.strip()), f"the output of {command[0]}")

    def _from_variable(self, name: str) -> Secret:
        value = self.context.secret_variable(name)
        if not (value or "").strip():
            raise SourceError(
                f"there is no token in the variable {name}",
                cause="it is not set" if value is None else "it is empty",
                fix="run it where that variable is set (GitLab: id_tokens: of the job)",
            )
        return self._checked(Secret((value or "").strip()), f"the variable {name}")

    def _from_file(self, path: Path) -> Secret:
        try:
            raw = read_deciding(self.context.watched(path), _LONGEST_FILE)
        except FileNotFoundError:
            raise SourceError(
                f"the token file {path} is not there",
                cause="it has not been written yet, or the path is wrong",
                fix="check token_file, or AWS_WEB_IDENTITY_TOKEN_FILE",
            ) from None
        except Untrusted as error:
            raise SourceError(
                f"the token file {path} is not followed", cause=error.strerror, fix=error.fix
            ) from None
        except OSError as error:
            raise SourceError(
                f"the token file {path} cannot be read",
                cause=(error.strerror or "no reason was given").lower(),
                fix="name a file, or use token_command"
                if isinstance(error, NotRegular)
                else "check its owner and mode",
            ) from None
        text = raw.decode("utf-8", "replace").strip()
        return self._checked(Secret(text), f"the token file {path}")

    def _checked(self, token: Secret, place: str) -> Secret:
        """Return ``token`` after checking its form.

        Raises:
            SourceError: it is empty, has other text around it, or is not a JSON Web Token.
        """
        from rolehop.aws.jwt import check_one_word, read_claims

        if not token:
            raise SourceError(
                f"{place} holds no token",
                cause="it is empty",
                fix="make sure that the token is written there, or name another place",
            )
        try:
            check_one_word(token)
            if self.text("provider_id") is None:
                read_claims(token)
        except ValueError as error:
            reason = str(error)
        else:
            return token
        raise SourceError(
            f"{place} holds no web identity token",
            cause=reason,
            fix="it must hold nothing but the token; for an OAuth 2.0 access token set provider_id",
        )

    def claims(self, token: Secret) -> Claims | None:
        """Return the token's claims, or ``None`` if it is opaque."""
        from rolehop.aws.jwt import read_claims

        try:
            return read_claims(token)
        except ValueError:
            return None

    def text(self, key: str) -> str | None:
        """Return a text setting; an empty one counts as absent."""
        value = self.source.settings.get(key)
        return value if isinstance(value, str) and value else None


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
