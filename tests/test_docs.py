"""Docs agree with the program; ``python -m tests.test_docs`` rewrites the blocks of the guide."""

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
from rolehop.base import errors
from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.config.schema import CHAIN, DEFAULTS, FLEET, HOP, SOURCE, TOP, VAULT, Table
from rolehop.guide import topic_names
from rolehop.handover.shells import registry
from rolehop.hotpath.command_table import COMMANDS
from rolehop.sources import SOURCE_TABLES
from tests.guide.blocks import Page, pages
from tests.support.commands import commands, first_line

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = pages()
README = PAGES["README"].text
CONFIGURATION, COMMANDS_PAGE = PAGES["configuration"].text, PAGES["commands"].text

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
        assert f"rolehop {name}" in (command.epilog or "")

    @every_command
    def test_a_command_calls_its_streams_stdin_stdout_and_stderr(
        self, name: str, command: click.Command
    ) -> None:
        helps = [each.help or "" for each in command.params if isinstance(each, click.Option)]
        assert "standard " not in " ".join([command.help or "", *helps])

    def test_what_asks_nothing_takes_no_code(self) -> None:
        takes = {name for name, each in commands() for of in each.params if of.name == "mfa_stdin"}
        assert {"plan", "show", "explain", "check"}.isdisjoint(takes)
        assert {"assume", "exec", "export", "keys rotate"} <= takes

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


every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


class TestReadmeAndGuide:
    @every_page
    def test_its_blocks_are_what_the_program_prints(self, page: Page) -> None:
        assert rewritten(page.text) == page.text, "python -m tests.test_docs rewrites it"

    def test_the_longest_helps_and_the_line_of_each_shell_are_in_it(self) -> None:
        text = "".join(page.text for page in PAGES.values())
        assert len(BLOCK.findall(text)) >= 6
        assert len(SHELLS.findall(text)) == 1

    @every_command
    def test_it_shows_every_command(self, name: str, command: click.Command) -> None:
        table = re.search(r"^\| command \| example \|\n(.*?)\n\n", COMMANDS_PAGE, re.M | re.DOTALL)
        assert table
        parent, _, own = name.partition(" ")
        rows = [line for line in table[1].splitlines() if line.startswith(f"| `{parent}` |")]
        assert len(rows) == 1
        assert f"{parent} {own}".strip() in rows[0].partition("|")[2]

    @every_page
    def test_it_promises_no_command_that_is_not_there(self, page: Page) -> None:
        named = set(
            re.findall(r"(?<![\w./\[-])rolehop ([a-z][a-z-]*)(?![\w.-])", code_of(page.text))
        )
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
        part = CONFIGURATION.partition(f"\n**{title}**")[2]
        part = part.partition("\n**")[0].partition("\n## ")[0]
        explained = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        inherited = {key.name for table in but for key in table.keys}
        assert sorted(explained) == sorted(
            {key.name for table in tables for key in table.keys} - inherited
        )

    def test_its_section_on_fleets_is_true(self) -> None:
        taken = {key.name for key in (*CHAIN.keys, *HOP.keys)} - {"hops", "mfa_serial"}
        own = {"accounts", "accounts_file", "chains", "regions"}
        assert {key.name for key in FLEET.keys} == taken | own

    @pytest.mark.parametrize("source_type", SOURCE_TABLES)
    def test_it_names_every_source_type(self, source_type: str) -> None:
        assert f'`"{source_type}"`' in CONFIGURATION

    @pytest.mark.parametrize("name", ["README", "getting-started", "configuration"])
    def test_its_first_config_has_the_chain_of_the_examples(
        self, name: str, tmp_path: Path
    ) -> None:
        example = next(each for each in PAGES[name].blocks() if each.language == "toml")
        for name, text in (("config.toml", example.text), ("team.toml", "")):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        config = load_config(
            [tmp_path / "config.toml"], explicit=True, read=read_trusted, source_types=SOURCE_TABLES
        )
        assert "prod-admin" in config.chains

    def test_its_examples_of_sources_load(self, tmp_path: Path) -> None:
        blocks = [each for each in PAGES["sources"].blocks() if each.language == "toml"]
        file = tmp_path / "config.toml"
        file.write_text("\n".join(each.text for each in blocks if not each.mark))
        file.chmod(0o600)
        config = load_config([file], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
        shown = {source.type for source in config.sources.values()}
        assert shown >= set(SOURCE_TABLES) - {"profile", "environment"}

    def test_its_exit_codes_are_those_of_the_errors(self) -> None:
        table = COMMANDS_PAGE.partition("\n## Exit codes\n")[2].partition("\n## ")[0]
        documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
        raised = {
            each.exit_code
            for each in vars(errors).values()
            if isinstance(each, type) and issubclass(each, errors.RolehopError)
        }
        assert documented == raised | {0, 130}

    def test_its_messages_are_the_programs(self) -> None:
        said = "\n".join(strings_of_the_program())
        text = PAGES["troubleshooting"].text
        table = text.partition("\n| message | what to do |\n")[2].partition("\n\n")[0]
        messages = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
        assert len(messages) >= 10
        for message in messages:
            # Names, numbers and units are filled in by the program.
            for part in re.split(r"'x'|\d+ (?:h|min)\b|\d+|behind", message):
                assert part.strip("' ") in said, message

    @every_page
    def test_its_links_lead_somewhere(self, page: Page) -> None:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.text):
            path, _, anchor = target.partition("#")
            file = page.path.parent / path if path else page.path
            assert file.exists(), target
            headings = re.findall(r"^##+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", each.lower()) for each in headings}
            assert not anchor or anchor in {each.replace(" ", "-") for each in anchors}, target

    def test_the_readme_links_to_every_topic_and_is_short(self) -> None:
        assert {each for each in PAGES if f"(rolehop/guide/{each}.md)" in README} >= set(
            topic_names()
        )
        assert len(README.splitlines()) <= 350

    def test_the_readmes_figures_are_those_of_the_table(self) -> None:
        table = PAGES["how-it-works"].text
        slower = re.search(r"as fast as starting Python\. `.*` takes ([\d.]+) times", README)
        assert slower
        assert f"its cache warm | {slower[1]} |" in table
        own = re.search(
            r"\| the line that `profile install` writes, the same \| ([\d.]+) \|", table
        )
        assert own
        assert float(own[1]) < 1.1

    def test_its_set_up_is_two_lines_to_copy(self) -> None:
        start = README.partition("\n## ")[0]
        lines = re.findall(r"^```sh\n(.+)\n```$", start, re.MULTILINE)
        assert [line.rpartition("&& ")[2] for line in lines] == [
            ".venv/bin/rolehop demo",
            ".venv/bin/pytest",
        ]
        assert all(line.startswith("python3 -m venv .venv && ") for line in lines)
        assert "as_tester .venv/bin/pytest" in (ROOT / ".ci" / "run").read_text().splitlines()


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
    for each_page in PAGES.values():
        each_page.path.write_text(rewritten(each_page.text), encoding="utf-8")
