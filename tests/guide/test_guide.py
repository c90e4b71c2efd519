"""``rolehop guide``, and what every topic is made of; ``python -m tests.guide`` runs their commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.guide import ORDER, topic_names, topic_summary, topic_text
from rolehop.sources import SOURCE_TABLES
from tests.guide.blocks import REASONS, Block, Page, pages
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

TOPICS = topic_names()
LONG = max(TOPICS, key=lambda name: len(topic_text(name)))
PAGES = pages()
every_topic = pytest.mark.parametrize("name", TOPICS)
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


# ---- the command


def test_it_lists_every_topic_with_a_sentence(shared_world: World) -> None:
    lines = shared_world.rolehop("guide").out.splitlines()
    assert [line.split()[0] for line in lines] == TOPICS
    assert all(line.endswith(topic_summary(line.split()[0])) for line in lines)


def test_in_a_pipe_a_topic_is_its_markdown_without_comments(shared_world: World) -> None:
    done = shared_world.rolehop("guide", "getting-started")
    assert (done.out, done.err) == (topic_text("getting-started"), "")
    assert done.out.startswith("# Getting started\n")
    assert "<!--" not in done.out


def test_a_wrong_topic_names_the_nearest(shared_world: World) -> None:
    done = shared_world.rolehop("guide", "started")
    assert (done.code, done.out) == (2, "")
    assert "did you mean getting-started?" in done.err
    assert shared_world.rolehop("guide", "\x1b[2J").err.startswith(
        "rolehop: the guide has no topic"
    )


def test_on_a_terminal_a_long_topic_is_shown_by_the_pager(shared_world: World) -> None:
    pager = shared_world.folder / "pager"
    pager.write_text('#!/bin/sh\ncat >"$0.shown"; echo "$LESS" >"$0.less"\n')
    pager.chmod(0o755)
    env = {"PAGER": str(pager), "TERM": "xterm", "AWS_SESSION_TOKEN": "t", "NO_COLOR": "1"}
    with OnTerminal(
        shared_world, SCRIPT, "guide", LONG, env=env, stdout_too=True, rows=24, columns=80
    ) as on:
        assert on.ended().code == 0
    shown = Path(f"{pager}.shown").read_text(encoding="utf-8")
    assert topic_text(LONG).split()[1] in shown
    assert "```" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert Path(f"{pager}.less").read_text() == "FRX\n"


@pytest.mark.parametrize("pager", ["/nonexistent/pager", "'", ""])
def test_without_a_pager_it_is_all_there(shared_world: World, pager: str) -> None:
    env = {"PAGER": pager, "TERM": "xterm"}
    with OnTerminal(
        shared_world, SCRIPT, "guide", LONG, env=env, stdout_too=True, rows=24, columns=80
    ) as on:
        on.reads_all()
        assert on.ended().code == 0
        assert on.shown.count("\n") > 24


# ---- the texts


def test_every_topic_has_its_place_in_the_order() -> None:
    assert list(ORDER) == TOPICS


@every_topic
def test_a_topic_begins_with_its_title_and_one_sentence(name: str) -> None:
    title = topic_text(name).split("\n", 1)[0]
    assert re.fullmatch(r"# \S.*", title)
    assert re.fullmatch(r"[A-Z].*\.", topic_summary(name))
    assert not re.search(r"\. [A-Z]", topic_summary(name)), "one sentence"


@every_page
def test_its_blocks_say_what_they_are(page: Page) -> None:
    for block in page.blocks():
        where = f"{page.path}:{block.line}"
        if block.language == "console":
            assert block.text.startswith("$ "), where
            assert block.mark != "not run" or block.value in REASONS, where
        else:
            # What the README has of them is set up by `.ci/run` in the same way.
            assert block.language != "sh" or page.name == "README", f"{where}: not console"


def test_one_block_in_ten_may_not_be_run() -> None:
    blocks = [each for page in PAGES.values() for each in page.blocks()]
    commands = [each for each in blocks if each.language == "console"]
    assert sum(not each.is_run for each in commands) <= len(commands) // 10


@every_page
def test_its_configs_load(page: Page, tmp_path: Path) -> None:
    (tmp_path / "team.toml").touch(0o600)
    for number, block in enumerate(each for each in page.blocks() if is_config(each)):
        file = tmp_path / f"{number}.toml"
        file.write_text(block.text, encoding="utf-8")
        file.chmod(0o600)
        load_config([file], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)


def is_config(block: Block) -> bool:
    """True if a block is a whole config, and no part of one or another program's file."""
    return block.language == "toml" and block.mark in ("", "config")
