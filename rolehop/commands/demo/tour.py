"""The steps of the demo: each runs the ordinary command line in its own process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console
from rich.text import Text

from rolehop.commands.demo.home import (
    Children,
    DemoHome,
    demo_home,
    ending_in_order,
    only_environment,
)
from rolehop.commands.demo.keyring import DemoKeyring
from rolehop.commands.demo.world import HOME, HUB, REGION, SPOKE, USER, World, world

CHAIN = "spoke"
_PYTHON = (sys.executable, "-P")
"""It looks for no module in the working folder."""

_INDENT = 3
_SET = re.compile(r"^export (\w+)=", re.MULTILINE)

_CONFIG = f"""\
version = 1

[defaults]
region = "{REGION}"
session_name = "{USER}@demo"

[vault]
backend = "{DemoKeyring.__module__}.{DemoKeyring.__qualname__}"

[sources.{USER}]
type = "keys"

[chains.hub]
source = "{USER}"
hops = [
  {{ role = "{HOME}:role/Developer" }},
  {{ role = "{HUB}:role/Hub" }},
]

[chains.{CHAIN}]
from = "hub"
hops = [{{ role = "{SPOKE}:role/Spoke" }}]
"""

_PROFILE = f"""\
[profile {CHAIN}]
region = {REGION}
credential_process = {{rolehop}} credential-process {CHAIN}
"""


def show(new_console: Callable[[], Console]) -> None:
    """Show everything on a console, then remove all that was made.

    Raises:
        RolehopError: a step failed; everything is removed all the same.
    """
    before, console = dict(os.environ), new_console()
    try:
        with ExitStack() as stack:
            stack.enter_context(ending_in_order())
            home = stack.enter_context(demo_home())
            stack.enter_context(only_environment(home.environ(before)))
            aws = stack.enter_context(world())
            _settle(home)
            _Tour(console, home, aws, home.environ(before, aws.endpoint)).walk()
    finally:
        # Another one: if a signal came as the first began to print, it keeps all that follows.
        console = new_console()
        console.print("\nThe demo's AWS has ended and its folder is removed.")
    console.print("Your own chain: rolehop config init, then rolehop plan CHAIN")


def _settle(home: DemoHome) -> None:
    home.write(home.config, _CONFIG)
    home.write(home.aws_config, _PROFILE.format(rolehop=f'"{sys.executable}" -P -m rolehop'))


class _Tour:
    """The steps and how they are shown."""

    def __init__(
        self, console: Console, home: DemoHome, aws: World, environ: dict[str, str]
    ) -> None:
        self._console = console
        self._home = home
        self._aws = aws
        self._number = 0
        width = str(min(console.width, 80) - _INDENT)
        self._children = Children({**environ, "COLUMNS": width}, home.folder)

    def walk(self) -> None:
        """Run all steps."""
        self._opening()
        self._keys()
        self._plan()
        self._assume("The first walk: one call to STS for each hop")
        self._assume("The same again: every session comes from the keyring")
        self._status()
        self._client()

    def _opening(self) -> None:
        self._console.print(Text("Three accounts, three hops, all on this machine\n", "bold"))
        self._lines(
            f"{HOME}  user {USER}, and role Developer, which trusts her",
            f"{HUB}  role Hub, which trusts Developer",
            f"{SPOKE}  role Spoke, which trusts Hub",
        )
        self._console.print(
            f"\nmoto plays AWS at {self._aws.endpoint}. Config, keyring and sessions lie in a\n"
            "folder that is removed at the end. The config is:\n"
        )
        self._lines(*_CONFIG[_CONFIG.index("[chains.hub]") :].splitlines(), style="cyan")

    def _keys(self) -> None:
        self._step(f"{USER}'s access key goes into the keyring")
        self._typed(f"aws iam create-access-key | rolehop keys add {USER} --stdin")
        self._rolehop("keys", "add", USER, "--stdin", stdin=self._aws.new_keys())
        self._aws.calls()

    def _plan(self) -> None:
        self._step("The plan: what a walk would do")
        self._typed(f"rolehop plan {CHAIN}")
        self._rolehop("plan", CHAIN)
        self._count()

    def _assume(self, heading: str) -> None:
        self._step(heading)
        self._typed(f'eval "$(rolehop assume {CHAIN})"')
        handed = self._rolehop("assume", CHAIN, "--shell", "sh", captured=True)
        names = _SET.findall(handed)
        self._lines(f"the shell would set {len(names)} variables: {names[0]} …")
        self._count()

    def _status(self) -> None:
        self._step("The sessions in the keyring and how long they last")
        self._typed("rolehop status")
        self._rolehop("status")

    def _client(self) -> None:
        self._step("A program that knows only boto3 and an AWS profile")
        self._lines(*_PROFILE.format(rolehop="rolehop").splitlines(), style="cyan")
        self._typed(f'boto3.Session(profile_name="{CHAIN}").client("sts").get_caller_identity()')
        self._children.run([*_PYTHON, "-m", "rolehop.commands.demo.client", CHAIN], line=self._line)
        self._count()

    def _rolehop(self, *arguments: str, stdin: str | None = None, captured: bool = False) -> str:
        color = ["--color", "always" if self._console.color_system else "never"]
        return self._children.run(
            [*_PYTHON, "-m", "rolehop", *color, *arguments],
            line=self._line,
            stdin=stdin,
            captured=captured,
        )

    def _step(self, heading: str) -> None:
        self._number += 1
        self._console.print(Text(f"\n{self._number}  {heading}", style="bold"))

    def _typed(self, command: str) -> None:
        self._lines(f"$ {command}", style="cyan")

    def _count(self) -> None:
        """Show the calls that reached STS since this was last called."""
        calls = self._aws.calls()
        counts = ", ".join(f"{calls.count(fromkey)} {fromkey}" for fromkey in dict.fromkeys(calls))
        self._lines(f"calls to STS: {counts or 'none'}", style="green")

    def _lines(self, *lines: str, style: str = "") -> None:
        for line in lines:
            self._console.print(Text(" " * _INDENT + line if line else "", style=style))

    def _line(self, line: str) -> None:
        """Show one line of a program's output with its colours."""
        self._console.print(Text(" " * _INDENT) + Text.from_ansi(line.rstrip()))
