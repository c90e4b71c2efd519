"""Docs agree with the program; ``python -m tests.test_docs`` rewrites the README's blocks."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from datetime import date
from functools import cache
from pathlib import Path

import click
import pytest

import rolehop
from rolehop import errors
from rolehop.command_table import COMMANDS
from rolehop.config.loader import load_config
from rolehop.config.schema import CHAIN, DEFAULTS, FLEET, HOP, SOURCE, TOP, VAULT, Table
from rolehop.files import read_trusted
from rolehop.shells import registry
from rolehop.sources import SOURCE_TABLES
from tests.support.commands import commands, first_line

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"
TEXT = README.read_text(encoding="utf-8")

# What rolehop does in a sentence; any other word after its name is a command to type.
VERBS = {"cannot", "kept", "does", "failed", "is", "speaks", "takes"}
BLOCK = re.compile(r"(<!-- help: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
SHELLS = re.compile(r"(<!-- shells -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(text: str) -> str:
    """Return ``text`` with what the program says now between the markers, ``--help`` 80 wide."""
    text = BLOCK.sub(lambda m: f"{m[1]}\n```text\n{help_of(m[2])}```\n\n{m[3]}", text)
    return SHELLS.sub(lambda m: f"{m[1]}\n```text\n{what_to_type()}```\n\n{m[2]}", text)


def what_to_type() -> str:
    """Return what a person types to assume a chain, for each shell."""
    shells: dict[str, list[str]] = {}
    for name in registry.SHELLS:
        typed = registry.dialect(name).eval_command.format("rolehop assume CHAIN")
        shells.setdefault(typed, []).append(name)
    return "".join(f"# {', '.join(names)}\n{typed}\n" for typed, names in shells.items())


def help_of(command: str) -> str:
    """Return what ``COMMAND --help`` says."""
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--help"],
        env={"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


every_command = pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()]
)


def code_of(text: str) -> str:
    """Return the code blocks and code spans of Markdown ``text``."""
    blocks = re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w+\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", rest)])


class TestHelp:
    @every_command
    def test_a_commands_help_begins_with_one_sentence(
        self, name: str, command: click.Command
    ) -> None:
        assert re.fullmatch(r"[A-Z].*[.:]", first_line(command)), first_line(command)

    @every_command
    def test_a_command_shows_an_example(self, name: str, command: click.Command) -> None:
        if isinstance(command, click.Group):
            return  # its commands show theirs
        assert f"rolehop {name}" in (command.epilog or "")

    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_list_of_commands_agrees_with_each_help(self, name: str) -> None:
        command = dict(commands())[name]
        assert COMMANDS[name].summary == first_line(command)

    @every_command
    def test_help_fits_on_a_terminal(self, name: str, command: click.Command) -> None:
        lines = help_of(f"rolehop {name}").splitlines()
        options = lines[: lines.index("Examples:")] if "Examples:" in lines else lines
        assert max(map(len, options)) <= 80

    @every_command
    def test_help_cuts_no_sentence(self, name: str, command: click.Command) -> None:
        _, text = help_of(f"rolehop {name}").split("\n\n", 1)
        assert "..." not in text


class TestReadme:
    def test_its_blocks_are_what_the_program_prints(self) -> None:
        assert rewritten(TEXT) == TEXT, "python -m tests.test_docs rewrites it"
        assert len(BLOCK.findall(TEXT)) >= 4
        assert len(SHELLS.findall(TEXT)) == 1

    @every_command
    def test_it_shows_every_command(self, name: str, command: click.Command) -> None:
        table = re.search(r"^\| command \| example \|\n(.*?)\n\n", TEXT, re.M | re.DOTALL)
        assert table
        parent, _, own = name.partition(" ")
        rows = [line for line in table[1].splitlines() if line.startswith(f"| `{parent}` |")]
        assert len(rows) == 1
        assert f"{parent} {own}".strip() in rows[0].partition("|")[2]

    def test_it_promises_no_command_that_is_not_there(self) -> None:
        named = set(re.findall(r"(?<![\w./\[-])rolehop ([a-z][a-z-]*)", code_of(TEXT)))
        assert named - VERBS <= set(COMMANDS)

    @pytest.mark.parametrize(
        ("title", "tables", "but"),
        [
            ("Top level", [TOP], ()),
            ("`[defaults]`", [DEFAULTS], ()),
            ("`[vault]`", [VAULT], ()),
            ("`[sources.NAME]`", [SOURCE, *SOURCE_TABLES.values()], ()),
            ("`[chains.NAME]`", [CHAIN], ()),
            ("`[[chains.NAME.hops]]`", [HOP], ()),
            ("`[fleets.NAME]`", [FLEET], (CHAIN, HOP)),
        ],
    )
    def test_it_explains_every_key_of_the_config(
        self, title: str, tables: list[Table], but: tuple[Table, ...]
    ) -> None:
        part = TEXT.partition(f"\n**{title}**")[2].partition("\n**")[0].partition("\n## ")[0]
        explained = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        inherited = {key.name for table in but for key in table.keys}
        assert sorted(explained) == sorted(
            {key.name for table in tables for key in table.keys} - inherited
        )

    def test_its_section_on_fleets_is_true(self) -> None:
        taken = {key.name for key in (*CHAIN.keys, *HOP.keys)} - {"hops", "mfa_serial"}
        own = {"accounts", "accounts_file"}
        assert {key.name for key in FLEET.keys} == taken | own

    @pytest.mark.parametrize("source_type", SOURCE_TABLES)
    def test_it_names_every_source_type(self, source_type: str) -> None:
        assert f'`"{source_type}"`' in TEXT

    @pytest.mark.parametrize("number", [0, 1])
    def test_its_configs_load(self, number: int, tmp_path: Path) -> None:
        examples = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
        assert len(examples) >= 2
        for name, text in (("config.toml", examples[number]), ("team.toml", "")):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        config = load_config(
            [tmp_path / "config.toml"], explicit=True, read=read_trusted, source_types=SOURCE_TABLES
        )
        assert "prod-admin" in config.chains

    def test_its_examples_of_sources_load(self, tmp_path: Path) -> None:
        part = TEXT.partition("\n## Sources\n")[2].partition("\n## ")[0]
        examples = re.findall(r"^```toml\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        file = tmp_path / "config.toml"
        file.write_text("\n".join(examples))
        file.chmod(0o600)
        config = load_config([file], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
        shown = {source.type for source in config.sources.values()}
        assert shown >= set(SOURCE_TABLES) - {"profile", "environment"}

    def test_its_exit_codes_are_those_of_the_errors(self) -> None:
        table = TEXT.partition("\n## Exit codes\n")[2].partition("\n## ")[0]
        documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
        raised = {
            each.exit_code
            for each in vars(errors).values()
            if isinstance(each, type) and issubclass(each, errors.RolehopError)
        }
        assert documented == raised | {0, 130}

    def test_its_messages_are_the_programs(self) -> None:
        said = "\n".join(strings_of_the_program())
        table = TEXT.partition("\n| message | what to do |\n")[2].partition("\n\n")[0]
        messages = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
        assert len(messages) >= 10
        for message in messages:
            # Names, numbers and units are filled in by the program.
            for part in re.split(r"'x'|\d+ (?:h|min)\b|\d+|behind", message):
                assert part.strip("' ") in said, message

    def test_its_links_lead_somewhere(self) -> None:
        headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}
        for target in re.findall(r"\]\(([^)]+)\)", TEXT):
            if target.startswith("#"):
                assert target[1:] in anchors
            else:
                assert (ROOT / target).exists()

    def test_its_set_up_is_two_lines_to_copy(self) -> None:
        start = TEXT.partition("\n## ")[0]
        lines = re.findall(r"^```sh\n(.+)\n```$", start, re.MULTILINE)
        assert [line.rpartition("&& ")[2] for line in lines] == [
            ".venv/bin/rolehop demo",
            ".venv/bin/pytest",
        ]
        assert all(line.startswith("python3 -m venv .venv && ") for line in lines)
        assert ".venv/bin/pytest" in (ROOT / ".ci" / "run").read_text().splitlines()


class TestMessages:
    def test_they_name_only_commands_that_exist(self) -> None:
        named = {
            match[1]
            for text in strings_of_the_program()
            for match in re.finditer(r"(?:^|: |'|\$\(|, then |or )rolehop ([a-z][a-z-]*)", text)
        }
        assert named - VERBS <= set(COMMANDS)

    def test_they_name_only_subcommands_that_exist(self) -> None:
        groups = {name for name, command in commands() if isinstance(command, click.Group)}
        named = {
            match[1]
            for text in strings_of_the_program()
            for match in re.finditer(r"(?:^|: |'|\$\(|, then |or )rolehop ([a-z-]+ [a-z]+)\b", text)
        }
        of_groups = {each for each in named if each.split()[0] in groups}
        assert {each for each in of_groups if each.split()[1] not in VERBS} <= dict(
            commands()
        ).keys()


class TestChangelog:
    HEADINGS = re.findall(r"^## (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)

    def test_its_newest_heading_is_the_version(self) -> None:
        newest = self.HEADINGS[0]
        assert newest.startswith(f"[{rolehop.__version__}] - ")

    def test_a_version_has_its_day_or_is_unreleased(self) -> None:
        for number, heading in enumerate(self.HEADINGS):
            version, _, day = heading.partition(" - ")
            assert re.fullmatch(r"\[\d+\.\d+\.\d+\]", version)
            if (number, day) != (0, "Unreleased"):
                date.fromisoformat(day)

    def test_its_parts_are_those_of_keep_a_changelog(self) -> None:
        parts = set(re.findall(r"^### (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE))
        assert parts <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@cache
def strings_of_the_program() -> tuple[str, ...]:
    """Return every text in the code of rolehop that is no docstring, pieces of f-strings too."""
    found = []
    for path in sorted(Path(rolehop.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        found += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ]
    return tuple(found)


if __name__ == "__main__":
    README.write_text(rewritten(TEXT), encoding="utf-8")
