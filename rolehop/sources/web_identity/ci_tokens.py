"""The tokens that CI services give to their jobs, and how each is obtained.

GitLab is not among them: its jobs choose the variable themselves (``id_tokens:``), so ``token_env``
is enough.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rolehop.credentials import Secret
from rolehop.digest import digest_of
from rolehop.errors import SourceError
from rolehop.sources.shared.subprocesses import source_command_output, why_not_startable
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    from rolehop.sources.shared.aws_clients import http_client
    from rolehop.sources.web_identity.github_actions import github_token

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
