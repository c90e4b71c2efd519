"""Views are drawn as wide as the terminal is: tables, trees and texts, in colours and without."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.durations import short_left, show_left
from rolehop.terminal.drawing import as_text, draw
from rolehop.terminal.layout import (
    FINE,
    WRONG,
    Branch,
    Grid,
    StyledText,
    View,
    account_role,
    at_home,
    blocks,
    changed,
    facts,
    line,
    row,
    time_left,
    to_type,
    wrapped,
)
from rolehop.terminal.output import as_shown, prepare, shows_all, visible_drawn
from rolehop.terminal.words import columns_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ROLES = Grid(
    ("CHAIN", "ROLE", "LEFT", ""),
    [
        row("prod-admin", "AWSAdministratorAccess", "58 min", "Break-glass admin in production"),
        row("dev", "Developer", "3 h 58", ""),
    ],
    right=(2,),
    elided=(1,),
)


def drawn(view: View, columns: int | None) -> list[str]:
    return visible_drawn(draw(view, columns), colors=False).splitlines()


def test_a_table_has_whole_cells_and_cuts_the_last_one() -> None:
    assert drawn([ROLES], 80) == [
        "CHAIN        ROLE                       LEFT",
        "prod-admin   AWSAdministratorAccess   58 min   Break-glass admin in production",
        "dev          Developer                3 h 58",
    ]
    assert drawn([ROLES], 65) == [
        "CHAIN       ROLE                      LEFT",
        "prod-admin  AWSAdministratorAccess  58 min  Break-glass admin in…",
        "dev         Developer               3 h 58",
    ]


def test_a_table_elides_what_may_be_elided_before_it_becomes_blocks() -> None:
    long = row("c" * 30, "AWSAdministratorAccess", "1 h", "some text")
    grid = ROLES._replace(rows=[long, *ROLES.rows])
    assert drawn([grid], 70)[1:3] == [
        f"{'c' * 30}  AWSAdmini…orAccess     1 h  some text",
        f"prod-admin{' ' * 20}  AWSAdmini…orAccess  58 min  Break-gla…",
    ]
    assert drawn([grid], 64)[1] == f"{'c' * 30}  AWSAdmini…orAccess     1 h", "rather than blocks"


def test_one_first_cell_that_is_far_longer_than_others_costs_no_table() -> None:
    rows = [row("mine/" + "x" * 60 + "/end", "acme", ""), row("hub", "acme", "it")]
    assert drawn([Grid(("CHAIN", "ACCOUNT", ""), rows)], 60) == [
        "CHAIN                                                ACCOUNT",
        f"mine/{'x' * 20}…{'x' * 21}/end  acme",
        "hub                                                  acme",
    ]


def test_a_cell_takes_the_room_of_an_empty_one_behind_it() -> None:
    rows = [row("corp", "Developer in data", "", "signed in"), row("Hub", "hub", "30 min", "new")]
    grid = Grid(("",) * 4, rows, wraps=True, spans=1)
    assert drawn([grid], 80) == [
        "corp   Developer in data    signed in",
        "Hub    hub         30 min   new",
    ]


def test_below_sixty_columns_a_row_is_a_block() -> None:
    assert drawn([ROLES], 50) == [
        "CHAIN  prod-admin",
        "ROLE   AWSAdministratorAccess",
        "LEFT   58 min",
        "       Break-glass admin in production",
        "",
        "CHAIN  dev",
        "ROLE   Developer",
        "LEFT   3 h 58",
    ]


def test_rows_of_columns_without_names_are_a_line_and_what_is_said_of_it() -> None:
    rows = [row("", "corp", "Developer", "", "signed in"), row("1", "Hub", "acme", "1 h", "cached")]
    assert drawn([Grid(("",) * 5, rows, wraps=True, spans=2)], 26) == [
        "corp  Developer",
        "   signed in",
        "1  Hub  acme  1 h",
        "   cached",
    ]


def test_a_table_stays_one_where_only_its_last_column_finds_no_room() -> None:
    grid = Grid(("A", "B", ""), [row("Nov 30", "b" * 18, "AccessDenied")], elided=(1,))
    assert drawn([grid], 60)[1] == f"Nov 30   {'b' * 18}   AccessDenied"
    grid = Grid(("A", "B", ""), [row("Nov 30", "b" * 50, "x")], right=(), elided=())
    assert drawn([grid], 60)[1] == f"Nov 30  {'b' * 50}"


def test_a_terminal_without_the_sign_for_what_is_cut_keeps_the_columns() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    prepare(file)
    shown = changed([ROLES], lambda text: as_shown(text, file), whole=True)
    lines = drawn(shown, 65)
    assert lines[1] == "prod-admin  AWSAdministratorAccess  58 min  Break-glass admin..."
    wide = [ROLES._replace(rows=[row("c" * 30, "r" * 30, "1 h", ""), *ROLES.rows])]
    for columns in range(60, 90):
        lines = drawn(changed(wide, lambda text: as_shown(text, file), whole=True), columns)
        assert max(map(columns_of, lines)) <= columns


def test_no_line_begins_with_the_dot_between_two_facts() -> None:
    text = "will call AWS · read-only · reason INC-42"
    assert [each for each in range(14, 40) if any(
        shown.lstrip().startswith("·") for shown in drawn([line(text)], each)
    )] == []  # fmt: skip


def test_a_pipe_gets_every_cell_whole() -> None:
    assert drawn([ROLES], None)[1].endswith("Break-glass admin in production")


CELLS = st.text(st.sampled_from("ab 漢-/"), max_size=40).map(str.strip)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1), st.integers(60, 200))
def test_no_row_of_a_table_is_broken_and_no_line_ends_in_blanks(
    cells: list[tuple[str, str, str]], width: int
) -> None:
    grid = Grid(("A", "B", "C"), [row(*each) for each in cells], right=(1,))
    lines = drawn([grid], width)
    assert all(each == each.rstrip(" ") for each in lines)
    widths = [max(map(columns_of, column)) for column in zip(*cells, strict=True)]
    if sum(widths[:2]) + 4 + 8 <= width:
        assert len(lines) == len(cells) + 1
        assert max(map(columns_of, lines)) <= width


def test_a_tree_is_drawn_with_its_branches() -> None:
    leaf = Branch((line("leaf"),), ())
    tree = Branch((line("root"),), (Branch((line("one"),), (leaf,)), Branch((line("two"),), ())))
    assert drawn([tree], 80) == ["root", "├─ one", "│  └─ leaf", "└─ two"]


def test_a_value_that_needs_the_room_of_its_label_stands_below_it() -> None:
    arn = "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert drawn([facts(("arn", arn), ("account", "acme"))], 50) == [
        "arn",
        f"  {arn}",
        "account  acme",
    ]


def test_a_command_is_never_split() -> None:
    command = "rolehop profile install --take-over hub prod-ro vendor and many others"
    assert drawn([to_type(command)], 40) == [f"  {command}"]
    text = [*wrapped("to see it, " + "word " * 11 + "rolehop explain --last now", "  ", "    ")]
    assert [each for each in drawn(text, None) if "rolehop explain --last" in each]
    assert [each for each in drawn(text, 40) if "rolehop explain --last" in each]


def test_blocks_of_more_than_two_lines_are_apart() -> None:
    short, long = [line("a"), line("b")], [line("1"), line("2"), line("3")]
    assert as_text(blocks(short, short)) == "a\nb\na\nb\n"
    assert as_text(blocks(short, [], long)) == "a\nb\n\n1\n2\n3\n"


def test_styles_are_sequences_and_only_where_colours_are_wanted() -> None:
    view = [line(FINE, " ", StyledText("hub", "bold"), " in ", StyledText("x", "bold bright_red"))]
    assert visible_drawn(draw(view, 80), colors=True) == (
        "\x1b[32m✓\x1b[0m \x1b[1mhub\x1b[0m in \x1b[1;91mx\x1b[0m\n"
    )
    assert visible_drawn(draw(view, 80), colors=False) == "✓ hub in x\n"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "✓✗…·–"), ("latin-1", "okx...·-"), ("ascii", "okx...--")]
)
def test_marks_have_a_form_for_every_encoding(encoding: str, shown: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    prepare(file)
    marks = f"{FINE.text}{WRONG.text}…·–"
    assert (marks if shows_all(file) else as_shown(marks, file)) == shown


@pytest.mark.parametrize(
    ("seconds", "left", "short"),
    [
        (3599, "1 h left", "1 h"),
        (3540, "59 min left", "59 min"),
        (3 * 3600 + 5 * 60, "3 h 5 min left", "3 h 05"),
        (59, "59 s left", "59 s"),
        (0, "expired", "expired"),
    ],
)
def test_the_time_left_is_told_to_the_nearest_minute(seconds: int, left: str, short: str) -> None:
    end = NOW + timedelta(seconds=seconds)
    assert (show_left(end, NOW), short_left(end, NOW)) == (left, short)


def test_the_time_left_is_green_then_yellow_then_red() -> None:
    ends = [NOW + timedelta(minutes=minutes) for minutes in (17, 15, 4)]
    assert [time_left(each, NOW).style for each in ends] == ["green", "yellow", "red"]
    assert time_left(ends[1], NOW, 600).style == "green"
    assert time_left(None, NOW) == ("–", "dim")


def test_an_account_is_shown_by_its_name_and_a_role_without_its_path() -> None:
    names = {"333333333333": "acme-prod"}
    assert account_role("333333333333", "team/Admin", names) == "acme-prod · Admin"
    assert account_role("333333333333", names=names, verbose=True) == "acme-prod (333333333333)"
    assert account_role("444444444444", "Audit", names) == "444444444444 · Audit"


def test_a_path_below_the_home_folder_begins_with_a_tilde() -> None:
    assert at_home("/home/me/.aws/config", "/home/me/") == "~/.aws/config"
    assert at_home("/home/me2/x", "/home/me") == "/home/me2/x"
    assert at_home("/x", "") == "/x"
