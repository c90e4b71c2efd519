"""The man pages: they have all that the commands and the guide say, and are set without a warning."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from manpages.pages import man_pages
from manpages.roff import literal, roff
from rolehop.guide import topic_names
from tests.support.commands import commands
from tests.support.environment import ROOT

PAGES = man_pages()


def shown(markdown: str) -> str:
    return roff(markdown, lambda label, target: f"{label} at {target}")


@pytest.mark.parametrize(
    ("markdown", "lines"),
    [
        ("## A `b`", r".SH A \fBb\fP"),
        ("one\ntwo **three** [four](five.md)", ".PP|one two \\fBthree\\fP four at five.md"),
        ("- one\n  more\n- two", r".IP \(bu 4|one more|.IP \(bu 4|two"),
        ("1. one", ".IP 1. 4|one"),
        ("```toml\n.a = '\\'\n```", r".PP|.RS 4|.nf|\&.a = \(aq\e\(aq|.fi|.RE"),
        ("| key | meaning |\n| --- | --- |\n| `a` | b `c|d` |", r".TP|\fBa\fP|b \fBc|d\fP"),
        ("| a | b | c |\n| --- | --- | --- |\n| 1 | 2 | |", ".TP|1|b: 2"),
        ("'quoted' -x", r".PP|\&\(aqquoted\(aq \-x"),
    ],
)
def test_markdown_becomes_roff(markdown: str, lines: str) -> None:
    assert shown(markdown).replace("\n", "|") == f"{lines}|"


def test_the_page_of_the_commands_has_every_option_and_example() -> None:
    page = PAGES["man1/rolehop.1"]
    for name, command in commands():
        assert f".SS {literal(f'rolehop {name}')}" in page
        for each in command.params:
            for option in each.opts if isinstance(each, click.Option) else ():
                assert literal(option) in page
        for line in (command.epilog or "").strip().splitlines():
            assert literal(line) in page


def test_every_topic_has_a_page_and_is_listed() -> None:
    for name in topic_names():
        assert PAGES[f"man7/rolehop-{name}.7"].count("\n.SH ") >= 3
        assert literal(f"rolehop-{name}") in PAGES["man7/rolehop-guide.7"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_they_are_set_without_a_warning(tmp_path: Path) -> None:
    files = []
    for name, text in PAGES.items():
        files.append(tmp_path / Path(name).name)
        files[-1].write_text(text, encoding="utf-8")
    argv = ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z", *map(str, files)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_they_are_made_with_nothing_but_click() -> None:
    """A wheel is built where its dependencies are not installed."""
    code = (
        "import sys\n"
        "for name in ('boto3', 'botocore', 'keyring', 'platformdirs', 'prompt_toolkit', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "from manpages.pages import man_pages\n"
        "print(len(man_pages()))\n"
    )
    argv = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / '.build'}"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(PAGES)
