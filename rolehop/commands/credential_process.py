"""``rolehop credential-process``: the AWS credential_process contract."""

from __future__ import annotations

import click

from rolehop.app.asking import SDK
from rolehop.app.proof import UNASKED
from rolehop.app.walking import keep_sdk_problem, note_handover, session_of_chain, write_record
from rolehop.base.advice import Advice, Argument
from rolehop.base.errors import RolehopError, ServiceError
from rolehop.base.time_limit import OutOfTime, program_time_limit
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.cli.param_types import Duration
from rolehop.plan.walk_options import WalkOptions

_SECONDS = 54
"""Go's SDK kills a credential process after 60 s, and its user would not learn why."""

_MOST_BYTES = 8_192
"""aws-sdk-go v1 reads no more of a credential process, and quotes what it has read in its error
(processcreds, DefaultBufSize)."""


@click.command(
    cls=Command,
    epilog="""
# in ~/.aws/config:
[profile prod-admin]
credential_process = rolehop credential-process prod-admin
""",
)
@click.argument("chain", shell_complete=chain_names)
@click.option(
    "--min-ttl",
    type=Duration(),
    metavar="D",
    help="How long the session must still last, at most half of its lifetime.  [default: 16m]",
)
@click.option("--no-prompt", is_flag=True, help="Fail at once instead of asking a question.")
@click.pass_context
def command(ctx: click.Context, chain: str, min_ttl: int | None, no_prompt: bool) -> None:
    """Answer an AWS SDK with a chain's session.

    One JSON object on stdout and nothing else; on failure nothing. Questions go to the terminal,
    since SDKs keep stdin and stderr for themselves. Stderr has no progress: errors, and a line if
    the keyring takes no session. A chain that asks for a confirmation or a reason never answers
    here (exit 8): nobody sees when an SDK starts this.
    """
    from rolehop.handover.formats import as_process

    cli = CommandContext.of(ctx)
    cli.sdk_chain = chain
    options = WalkOptions(min_ttl=min_ttl, no_prompt=no_prompt)
    try:
        with program_time_limit(_SECONDS):
            plan, session = session_of_chain(cli.app, chain, options, UNASKED, asked_by=SDK)
    except OutOfTime:
        raise ServiceError(
            f"no session within {_SECONDS} s",
            cause="AWS, a program or another rolehop took too long",
            fix=Advice(
                "rolehop assume ",
                Argument(chain),
                " shows where it waits; then SDKs find the session cached",
            ),
            chain=chain,
        ) from None
    answer = as_process(session)
    cli.terminal.write_output(answer)
    note_handover(cli.app, "credential-process", plan.chain, session)
    if len(answer) > _MOST_BYTES:
        _warn_of_length(cli, chain, len(answer))
    write_record(cli.app, plan, options, chain)


def _warn_of_length(cli: CommandContext, chain: str, length: int) -> None:
    """Say that an answer may be too long, on stderr and in `status`; its text is ASCII."""
    problem = RolehopError(
        f"the answer has {length:,} bytes",
        cause=f"AWS SDK for Go v1 takes {_MOST_BYTES:,}, and its error shows the whole answer with its"
        " secrets",
        fix="use a program with a newer SDK, or a session with fewer tags and a shorter policy",
    )
    cli.terminal.note(f"{problem.what}: {problem.cause}")
    keep_sdk_problem(cli.app, chain, problem, 0)
