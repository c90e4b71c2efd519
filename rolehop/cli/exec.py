"""``rolehop exec``: run a command with a chain's session in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import click

from rolehop.cli.options import Command, walk_options, walk_told
from rolehop.cli.walking import chain_names, walk_to_hand_over
from rolehop.cli.wiring import App

NOT_FOUND = 127
NOT_EXECUTABLE = 126


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True},
    epilog="""
rolehop exec prod-admin -- aws s3 ls
rolehop exec prod-admin --duration 30m -- terraform apply
""",
)
@click.argument("chain", shell_complete=chain_names)
@click.argument("argv", metavar="-- CMD…", nargs=-1, required=True, type=click.UNPROCESSED)
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str, argv: tuple[str, ...]) -> None:
    """Run a command with a chain's session.

    The command takes rolehop's place in this process, so signals and the exit code are its own.
    127: there is no such command; 126: it cannot be executed.
    """
    from rolehop.handover.child import child_environment
    from rolehop.handover.variables import assumed

    app = App.of(ctx)
    handed = walk_to_hand_over(app, chain, walk_told(ctx))
    changes = assumed(handed.session, chain=handed.chain, region=handed.region, before=app.environ)
    ctx.exit(run(argv, child_environment(app.variables, changes)))


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Become ``argv`` (POSIX), or run it and return its code; 127 and 126 as shells have them."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name == "posix":
            os.execvpe(argv[0], list(argv), dict(environment))  # noqa: S606 - that is the command
        return subprocess.run(list(argv), env=dict(environment), check=False).returncode
    except FileNotFoundError:
        return _say(f"{argv[0]}: no such command", NOT_FOUND)
    except (PermissionError, NotADirectoryError, OSError) as error:
        return _say(f"{argv[0]}: {error.strerror}", NOT_EXECUTABLE)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"rolehop: {text}\n")
    return code
