"""Draw the pictures of README and guide: real commands in a small AWS, their terminal output as SVG.

``python -m tests.pictures`` rewrites ``.pictures/*.svg``. The accounts are made up, what differs
from run to run (times, unique IDs) is fixed, and no font is fetched from anywhere.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.policies import allow, policy, trust_for
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, CONFIG, HUB, SCRIPT, World

FOLDER = Path(__file__).parents[2] / ".pictures"
COLUMNS = 80
_NAMES = """
[accounts]
acme-users = "111111111111"
acme-hub = "222222222222"
acme-prod = "333333333333"
acme-billing = "444444444444"
acme-web = "555555555555"
"""
CONFIG_SHOWN = (
    CONFIG.replace(
        'labels = { env = "prod" }', 'labels = { env = "prod" }\ncolor = "red"\nconfirm = true'
    ).replace(
        'type = "environment"', 'type = "keys"\nprincipal = "arn:aws:iam::111111111111:user/alice"'
    )
    + _NAMES
)
PICTURES = {
    "list": ("list",),
    "plan": ("plan", "admin", "--read-only", "--reason", "INC-42"),
    "status": ("status",),
    "whoami": ("whoami", "spokes/444444444444", "-q"),
    "explain": ("explain", "admin", "--offline", "--policies", "iam.json"),
    "picker": ("assume",),
    "prompt": (),
}
"""The arguments of each command; the prompt's picture is of a shell."""

_EXIT_CODES = {"explain": 5}
_SHELL = """\
eval "$(rolehop init bash)"
PS1='${rolehop_segment}$ '
types() { # shows the prompt as bash has it, and runs what is typed there
    rolehop_prompt; printf '%s%s\\n' "${PS1@P}" "$*"; eval "$*"
}
types rolehop assume admin
types 'echo $AWS_ACCOUNT_ID'
types rolehop whoami -q
types rolehop assume spokes/444444444444
types rolehop leave
types
"""
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
        world.config(CONFIG_SHOWN.replace("confirm = true\n", ""))
        for chain in ("admin", "spokes/444444444444"):
            world.rolehop("credential-process", chain)
        world.config(CONFIG_SHOWN)
        (world.home / "iam.json").write_text(json.dumps(_inventory(world.alice.arn)))
        world.more = {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
        drawn = {
            name: _run(world, name, arguments)
            for name, arguments in PICTURES.items()
            if name not in ("picker", "prompt")
        }
        return {**drawn, "picker": _picker(world), "prompt": _prompt(world)}


def _run(world: World, name: str, arguments: tuple[str, ...]) -> str:
    done = world.rolehop("--color", "always", *arguments)
    assert done.code == _EXIT_CODES.get(name, 0), done.err
    return _fixed(done.out)


def _picker(world: World) -> str:
    """Return what the list to pick a chain from shows first: whole lines, one after the other."""
    with OnTerminal(world, SCRIPT, *PICTURES["picker"], rows=12, columns=COLUMNS) as on:
        on.expect("Esc leaves")
        shown = on.shown.partition("Esc leaves")
        on.types("no such chain\x1b")
        on.ended()
    return _fixed(re.sub(r"\x1b\[[?0-9;]*[A-Za-ln-z]|\r", "", f"{shown[0]}{shown[1]}"))


def _prompt(world: World) -> str:
    world.config(CONFIG_SHOWN.replace("confirm = true\n", ""))
    done = world.run("bash", "--norc", "--noprofile", "-c", f"exec 2>&1\n{_SHELL}")
    assert done.code == 0, done.out
    return _fixed(re.sub(r"[\x01\x02]", "", done.out))


def _fixed(text: str) -> str:
    """Return ``text`` without what differs from run to run."""
    text = re.sub(r"\b5\d min left", "1 h left", text)
    text = re.sub(r"\b5\dm\b|\b1h00m\b", "59m", text)
    return re.sub(r"AROA[A-Z2-7]{17}", "AROAEXAMPLEEXAMPLE123", text)


def _inventory(alice: str) -> dict[str, Any]:
    """Return policies by which the hub may go on, and the last role trusts somebody else."""
    return {
        "UserDetailList": [_principal(alice, allow(Resource="*"))],
        "RoleDetailList": [
            _principal(HUB, allow(Resource=ADMIN), trust=trust_for({"AWS": alice})),
            _principal(ADMIN, trust=trust_for({"AWS": HUB.replace("Hub", "Deploy")})),
        ],
    }


def _principal(arn: str, *statements: Any, trust: Any = None) -> dict[str, Any]:
    kind = "User" if trust is None else "Role"
    written = [{"PolicyName": "go", "PolicyDocument": policy(*statements)}] if statements else []
    found = {"Arn": arn, "AttachedManagedPolicies": [], f"{kind}PolicyList": written}
    if trust is None:
        return {**found, "UserId": "AIDAEXAMPLEEXAMPLE123", "GroupList": []}
    return {**found, "RoleId": "AROAEXAMPLEEXAMPLE123", "AssumeRolePolicyDocument": policy(trust)}


def as_svg(name: str, output: str) -> str:
    """Return the picture of one command: what was typed, and what was shown."""
    console = Console(
        record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, highlight=False
    )
    if PICTURES[name]:
        console.print(Text(f"$ rolehop {' '.join(PICTURES[name])}", style="bold"))
    console.print(Text.from_ansi(output.rstrip("\n")))
    return console.export_svg(
        title="", theme=THEME, code_format=FORMAT, unique_id=f"rolehop-{name}"
    )


def plain(text: str) -> str:
    """Return the words of an SVG or of a terminal's output, without colours and positions."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>|\x1b\[[0-9;]*m|&#160;", " ", text, flags=re.DOTALL)
    return " ".join(text.replace("&#x27;", "'").replace("─", " ").split())
