"""``rolehop refresh``: walk chains anew, so that what runs next finds fresh sessions."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

from rolehop.cli.options import Command, walk_options, walk_told
from rolehop.cli.walking import chain_names, since, watcher
from rolehop.cli.wiring import App, WalkOptions
from rolehop.errors import ConfigError


@click.command(
    cls=Command,
    epilog="""
rolehop refresh prod-admin
rolehop refresh 'spokes/*'
""",
)
@click.argument("pattern", nargs=-1, required=True, shell_complete=chain_names)
@walk_options
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...]) -> None:
    """Walk chains anew and keep their sessions.

    Every hop is called again, a hop that chains share only once. A shared MFA session is kept
    while it lasts. Prints nothing on stdout.
    """
    app = App.of(ctx)
    start, options = since(app), walk_told(ctx)
    for name in matching(app, pattern):
        app.walk(name, options, watcher(app), not_before=start)


def matching(app: App, patterns: tuple[str, ...]) -> list[str]:
    """Return the chains that the patterns mean, in the order of the config.

    Raises:
        ConfigError: a pattern means nothing.
    """
    names = list(app.config.chains)
    wanted: list[str] = []
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found and not set(pattern) & set("*?["):
            app.resolve(
                pattern, WalkOptions()
            )  # an AWS profile, or an error that names the nearest
            found = [pattern]
        if not found:
            raise ConfigError(f"no chain matches '{pattern}'", fix="rolehop list")
        wanted += [name for name in found if name not in wanted]
    return wanted
