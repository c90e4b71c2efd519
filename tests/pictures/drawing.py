"""Draw the README's pictures: real commands in a small AWS, their terminal output as SVG.

``python -m tests.pictures`` rewrites ``.pictures/*.svg``. The accounts are made up, what differs
from run to run (times, unique IDs) is fixed, and no font is fetched from anywhere.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.world import CONFIG, World

FOLDER = Path(__file__).parents[2] / ".pictures"
COLUMNS = 80
CONFIG_SHOWN = CONFIG.replace(
    'labels = { env = "prod" }', 'labels = { env = "prod" }\ncolor = "red"\nconfirm = true'
).replace('type = "environment"', 'type = "keys"')
PICTURES = {
    "list": ("list",),
    "plan": ("plan", "admin", "--read-only", "--reason", "INC-42"),
    "status": ("status",),
    "whoami": ("whoami", "spokes/444444444444", "-q"),
}
# Readable on a light and a dark page: dark letters on a light background.
THEME = TerminalTheme(
    (250, 250, 250),
    (36, 41, 47),
    [
        *((36, 41, 47), (190, 30, 45), (17, 99, 41), (125, 78, 0)),
        *((9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129)),
    ],
)
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def shown() -> dict[str, str]:
    """Return what each command shows on a terminal, with its colours, by the picture's name."""
    with tempfile.TemporaryDirectory(prefix="rh-") as folder, World(Path(folder)) as world:
        world.rolehop("keys", "add", "me", "--from-env")
        world.config(CONFIG_SHOWN)
        for chain in ("admin", "spokes/444444444444"):
            world.rolehop("credential-process", chain)
        world.more = {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
        return {name: _run(world, arguments) for name, arguments in PICTURES.items()}


def _run(world: World, arguments: tuple[str, ...]) -> str:
    done = world.rolehop("--color", "always", *arguments)
    assert done.code == 0, done.err
    fixed = re.sub(r"\b(?:5\d min|1 h) left", "59 min left", done.out)
    return re.sub(r"AROA[A-Z2-7]{17}", "AROAEXAMPLEEXAMPLE123", fixed)


def as_svg(name: str, output: str) -> str:
    """Return the picture of one command: what was typed, and what was shown."""
    console = Console(
        record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, highlight=False
    )
    console.print(Text(f"$ rolehop {' '.join(PICTURES[name])}", style="bold"))
    console.print(Text.from_ansi(output.rstrip("\n")))
    return console.export_svg(
        title="", theme=THEME, code_format=FORMAT, unique_id=f"rolehop-{name}"
    )


def plain(text: str) -> str:
    """Return the words of an SVG or of a terminal's output, without colours and positions."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>|\x1b\[[0-9;]*m|&#160;", " ", text, flags=re.DOTALL)
    return " ".join(text.replace("&#x27;", "'").replace("─", " ").split())
