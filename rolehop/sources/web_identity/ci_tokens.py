"""Tokens that CI services give to their jobs: what each looks for, and how it is asked for.

GitLab is not among them: its jobs name the variable themselves (``id_tokens:``), so ``token_env``
is all that is needed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.sources.shared.subprocesses import printed_by, why_not_started
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolehop.sources.context import SourceContext

DEFAULT_AUDIENCE = "sts.amazonaws.com"
_CIRCLECI, _BUILDKITE = "circleci", "buildkite-agent"


@dataclass(frozen=True, slots=True)
class Ci:
    """One service."""

    title: str
    variables: tuple[str, ...]
    """What must be set for a token to be had; the first holds the token where it is a variable."""

    job: tuple[str, ...]
    """What tells one job from another: the stamp of a token that must be asked for first."""

    hint: str
    """What to do where the variables are missing."""

    get: Callable[[SourceContext, str | None], Secret]
    """Returns the token for an audience, where one is named."""

    in_variable: bool = False
    """The token is the first variable's value."""

    asked_for_others: bool = False
    """It is, but for another audience a program must be asked."""

    program: str | None = None
    """Which must be asked, where the token does not lie here."""

    def lies_here(self, audience: str | None) -> bool:
        """Tell whether the token for ``audience`` is in a variable already."""
        return self.in_variable and not (self.asked_for_others and audience is not None)


def _github(inputs: SourceContext, audience: str | None) -> Secret:
    from rolehop.sources.shared.aws_clients import http_of
    from rolehop.sources.web_identity.github_actions import github_token

    url, bearer = (inputs.environ[name] for name in _GITHUB)
    advice = "the job's own network must reach GitHub"
    with http_of(inputs, "us-east-1", advice=advice, set_by=_GITHUB[0]) as http:
        return github_token(http, url, Secret(bearer), audience or DEFAULT_AUDIENCE)


def _circleci(inputs: SourceContext, audience: str | None) -> Secret:
    if audience is None:
        return _in_variable(inputs, "CIRCLE_OIDC_TOKEN_V2")
    # The token of the variable is for the organisation; another audience must be asked for.
    claims = json.dumps({"aud": audience})
    return _printed(inputs, (_CIRCLECI, "run", "oidc", "get", "--claims", claims))


def _buildkite(inputs: SourceContext, audience: str | None) -> Secret:
    asked = audience or DEFAULT_AUDIENCE
    return _printed(inputs, (_BUILDKITE, "oidc", "request-token", "--audience", asked))


def _bitbucket(inputs: SourceContext, audience: str | None) -> Secret:
    del audience  # it is the workspace's, always
    return _in_variable(inputs, "BITBUCKET_STEP_OIDC_TOKEN")


def _in_variable(inputs: SourceContext, name: str) -> Secret:
    return Secret((inputs.secret_variable(name) or "").strip())


def _printed(inputs: SourceContext, command: Sequence[str]) -> Secret:
    what = f"{command[0]}, which gives this job's token,"
    return Secret(printed_by(command, inputs, what=what).decode("utf-8", "replace").strip())


_GITHUB = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")

CI: Mapping[str, Ci] = {
    "github": Ci(
        "GitHub Actions",
        _GITHUB,
        ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"),
        "give the job 'permissions: id-token: write'",
        _github,
    ),
    "circleci": Ci(
        "CircleCI",
        ("CIRCLE_OIDC_TOKEN_V2",),
        ("CIRCLE_WORKFLOW_JOB_ID",),
        "the job must use at least one context",
        _circleci,
        in_variable=True,
        asked_for_others=True,
        program=_CIRCLECI,
    ),
    "buildkite": Ci(
        "Buildkite",
        ("BUILDKITE_JOB_ID",),
        ("BUILDKITE_JOB_ID",),
        "run it in a step of a pipeline, with buildkite-agent in PATH",
        _buildkite,
        program=_BUILDKITE,
    ),
    "bitbucket": Ci(
        "Bitbucket Pipelines",
        ("BITBUCKET_STEP_OIDC_TOKEN",),
        ("BITBUCKET_STEP_UUID",),
        "give the step 'oidc: true'",
        _bitbucket,
        in_variable=True,
    ),
}


def missing(ci: Ci, inputs: SourceContext, audience: str | None) -> SourceError | None:
    """Return the error for a job without a token; ``None``: all that is looked for is there."""
    found = _unset(ci, inputs)
    if found is not None or ci.program is None or ci.lies_here(audience):
        return found
    wrong = why_not_started(ci.program, inputs.environ)
    if wrong is None:
        return None
    return SourceError(
        f"there is no {ci.program} here, which gives the token of {ci.title}",
        cause=wrong,
        fix="install it where the job runs, in PATH; or set token_command to its whole path",
    )


def _unset(ci: Ci, inputs: SourceContext) -> SourceError | None:
    value_of = inputs.secret_variable if ci.in_variable else inputs.environ.get
    absent = [name for name in ci.variables if not value_of(name)]
    if not absent:
        return None
    return SourceError(
        f"there is no token of {ci.title} here",
        cause=f"not set: {', '.join(absent)}",
        fix=ci.hint,
    )
