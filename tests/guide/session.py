"""Run the commands of a page in one shell, and say what was not as the page has it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

from tests.doubles.sts_world import STEP_SECONDS, totp
from tests.guide import program
from tests.guide.blocks import Block, Command, Page
from tests.guide.worlds import ANSWERS, PREPARED, page_world
from tests.support import fork_server
from tests.support.environment import ROOT
from tests.support.world import SCRIPT, World

LONGEST_PAGE = 300  # seconds
_CODES = 40  # of the MFA device: for twenty minutes
_PROGRAM = """\
#!{python} -IS
import sys
sys.path.append({root!r})
from tests.guide.program import main
sys.exit(main({script!r}))
"""
# Programs that are handed a session: they end well if there is one, and print nothing.
_GIVEN = """\
#!/bin/sh
case " $* " in *" --profile "*) AWS_PROFILE=${*#*--profile }; AWS_PROFILE=${AWS_PROFILE%% *} ;;
*) [ -n "$AWS_SESSION_TOKEN$AWS_CONTAINER_CREDENTIALS_FULL_URI" ] && exit 0 ;; esac
line=$(sed -n "/^\\[\\(profile \\)\\?${AWS_PROFILE:-default}\\]/,/^\\[/s/^credential_process *= *//p" ~/.aws/config)
[ -n "$line" ] && eval "$line" >/dev/null
"""
_PROGRAMS = ("aws", "terraform", "kubectl", "ansible-playbook")


CLIENTS = os.environ.get("ROLEHOP_TEST_PYTHON_CLIENTS")
"""A Python with packages that want a botocore of their own; `.ci/run` makes one."""

_PYTHON = """\
#!/bin/sh
unset PYTHONWARNINGS
exec {python} "$@"
"""


def runs(block: Block) -> bool:
    """True if the commands of a block are run here."""
    return block.is_run and (CLIENTS is not None or not block.is_for_clients)


def problems_of(page: Page) -> list[str]:
    """Run a page; return one line for each command that is not what the page says."""
    blocks = [each for each in page.blocks() if runs(each) or each.file]
    if not any(map(runs, blocks)):
        return []
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
    ):
        page_world(world, page.name)
        prepared = PREPARED.get(page.name)
        with prepared(world) if prepared else nullcontext():
            return list(_problems(page, blocks, Path(folder), world))


def _problems(page: Page, blocks: list[Block], folder: Path, world: World) -> Iterator[str]:
    steps = [
        (block, command)
        for block in blocks
        for command in (block.commands() if runs(block) else [Command("", (), block.line)])
    ]
    outputs = folder / "outputs"
    outputs.mkdir()
    script = "".join(
        _step(number, block, command, outputs) for number, (block, command) in enumerate(steps)
    )
    codes = _codes(_run(script, folder, world))
    for number, (block, command) in enumerate(steps):
        place = f"{page.path.relative_to(ROOT)}:{command.line}: {command.text.splitlines()[:1]}"
        said = outputs / str(number)
        out = said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
        if number not in codes:
            yield f"{place} was not reached, or is no command\n{out}"
        elif codes[number] not in (0, block.exit_code):
            yield f"{place} exit code {codes[number]}\n{out}"
        elif command.shown and not _is_shown(command.shown, out):
            yield f"{place} prints something else\n{out}"
    for block in blocks:
        ended = {codes.get(number) for number, (each, _) in enumerate(steps) if each is block}
        if block.exit_code and block.exit_code not in ended:
            yield f"{page.path.relative_to(ROOT)}:{block.line}: nothing ended with {block.exit_code}"


def _step(number: int, block: Block, command: Command, outputs: Path) -> str:
    """Return a step for the shell: redirected as a whole, so that what it sets stays."""
    if block.file is not None:
        text = outputs / f"{number}.text"
        text.write_text(block.text, encoding="utf-8")
        path = block.file.replace("~", "$HOME", 1)
        return f'mkdir -p "$(dirname "{path}")"; install -m 600 {text} "{path}"; echo {number} $? >&8\n'
    typed = f"{command.text}\necho {number} $? >&8\n"
    if block.is_for_clients:
        typed = f'PATH="{outputs.parent}/clients:$PATH"\n{typed}PATH="${{PATH#*:}}"\n'
    return f"exec >{outputs}/{number} 2>&1 </dev/null\n{typed}"


def _run(script: str, folder: Path, world: World) -> str:
    """Run a script in bash; return what it wrote to its status."""
    programs = folder / "programs"
    texts = {"rolehop": _PROGRAM.format(python=sys.executable, root=str(ROOT), script=SCRIPT)}
    texts["python"] = _PYTHON.format(python=sys.executable)
    _write_programs(programs, {**dict.fromkeys(_PROGRAMS, _GIVEN), **texts})
    _write_programs(folder / "clients", {"python": _PYTHON.format(python=CLIENTS)})
    _write_answers(folder, world)
    server, status = fork_server.server_number(), folder / "status"
    environ = world.environ_with(
        {
            "PATH": f"{programs}{os.pathsep}{world.environ['PATH']}",
            program.SERVER: str(server),
            program.FOLDER: str(folder),
            **dict.fromkeys(world.alice.environ),  # who reads the page has keys in the keyring only
        }
    )
    environ |= {"SHELL": "/bin/bash", "XDG_DATA_HOME": str(world.home / ".local/share")}
    with status.open("w", encoding="utf-8") as file:
        subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", f"exec 8>&{file.fileno()}\n{script}"],
            env=environ,
            cwd=world.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "errors").open("w"),
            pass_fds=[server, file.fileno()],
            start_new_session=True,
            timeout=LONGEST_PAGE,
            check=False,
        )
    return status.read_text(encoding="utf-8")


def _write_programs(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)


def _write_answers(folder: Path, world: World) -> None:
    key, secret = world.alice.environ.values()
    answers = {**ANSWERS, "Access key ID:": key, "Secret access key:": secret}
    lines = "".join(f"{question}\t{answer}\n" for question, answer in answers.items())
    (folder / "answers").write_text(lines, encoding="utf-8")
    first = int(time.time()) // STEP_SECONDS
    codes = [totp(world.device.seed, step) for step in range(first, first + _CODES)]
    (folder / "codes").write_text(" ".join([str(first), *codes]), encoding="utf-8")


def _codes(status: str) -> dict[int, int]:
    rows = [line.split() for line in status.splitlines()]
    return {int(number): int(code) for number, code in rows}


def _is_shown(shown: tuple[str, ...], out: str) -> bool:
    """True if a command printed these lines; ``…`` is any part of a line, and alone any lines."""
    patterns = [
        r"(?:.*\n)*?"
        if line.strip() == "…"
        else re.escape(line.rstrip()).replace("…", ".*") + " *\n"
        for line in shown
        if line.strip()
    ]
    lines = "".join(f"{line}\n" for line in out.splitlines() if line.strip())
    return re.fullmatch("".join(patterns), lines) is not None
