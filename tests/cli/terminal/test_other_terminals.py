"""Terminals that cannot print Unicode, are 20 columns wide, or are not there at all."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.many_runs import COMMANDS, FORMS, OPTIONS, runs_of
from tests.support.world import CONFIG, HUB, SCRIPT, World, temporary_world

NOT_LATIN = "日本"
CONFIG_WITH_UNICODE = CONFIG.replace("Admin in prod", f"Zürich → {NOT_LATIN} …")
NAMES = sorted({words[0] for words in COMMANDS if words and not words[0].startswith("-")})
HELPS = [[name, "--help"] for name in NAMES]
ASKED = [*([*words, "admin"] for words in FORMS), *HELPS, ["--help"], ["config", "reference"]]
# A word for an option ends in what a form shows or in one kind of error: once a kind of terminal.
ASKED_OF_OPTIONS = [[*words, "admin"] for words in OPTIONS]
UNFORESEEN = ("Traceback", "UnicodeEncodeError", "something unexpected")


@pytest.fixture(scope="module")
def written() -> Iterator[World]:
    """A world whose config has words that few encodings have."""
    with temporary_world() as world:
        world.config(CONFIG_WITH_UNICODE)
        yield world


@pytest.fixture(scope="module")
def latin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """The variables of a locale in ISO-8859-1."""
    if shutil.which("localedef") is None:
        pytest.skip("localedef is not installed")
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "de_DE.ISO-8859-1"
    argv = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(made)]
    subprocess.run(argv, capture_output=True, check=False)
    if not (made / "LC_CTYPE").is_file():  # it exits with 1 after mere warnings, too
        pytest.skip("the sources of locales are not installed")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1"}


ASCII: dict[str, str | None] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(params=["latin", "ascii", "C"])
def encoding(request: pytest.FixtureRequest) -> tuple[str, dict[str, str | None]]:
    if request.param == "latin":
        return "iso-8859-1", request.getfixturevalue("latin")
    return ("ascii", ASCII) if request.param == "ascii" else ("utf-8", {"LC_ALL": "C"})


def decodes(shown: str, encoding: str) -> bool:
    """True if a terminal of this encoding can show all of the bytes."""
    try:
        shown.encode("utf-8", "surrogateescape").decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("columns", [0, 80])
def test_every_command_works_if_unicode_cannot_be_printed(
    encoding: tuple[str, dict[str, str | None]], columns: int, written: World
) -> None:
    name, env = encoding
    asked = [*ASKED, *(ASKED_OF_OPTIONS if name == "ascii" else ())]
    runs: list[tuple[int | str, list[str]]] = [(columns, words) for words in asked]
    for (_, words), (code, shown) in zip(runs, runs_of(written, runs, env), strict=True):
        assert not [each for each in UNFORESEEN if each in shown], (columns, words, shown)
        assert code != 1, (columns, words, shown)
        if columns:
            assert decodes(shown, name), (words, shown)


def test_what_an_encoding_lacks_is_shown_in_other_characters(
    latin: dict[str, str | None], written: World
) -> None:
    ((_, table), (_, document)) = runs_of(
        written, [(120, ["list"]), (120, ["list", "--format", "json"])], latin
    )
    for shown in (table, document):
        text = shown.encode("utf-8", "surrogateescape").decode("iso-8859-1")
        assert r"Zürich -> \u65e5\u672c ..." in text
    piped = written.rolehop("list", "--format", "json", env=latin)
    assert f"Zürich → {NOT_LATIN} …" in [each["description"] for each in piped.json["chains"]]


def test_variables_come_back_byte_by_byte_in_any_encoding(
    latin: dict[str, str | None], written: World
) -> None:
    value = b"caf\xe9".decode("utf-8", "surrogateescape")
    env = {**latin, "AWS_PROFILE": value, "AWS_REGION": "eu-west-1"}
    script = 'eval "$(rolehop assume admin)"; eval "$(rolehop leave)"; printf "[%s]" "$AWS_PROFILE"'
    done = written.run("bash", "-c", script, env=env)
    assert f"[{value}]" in done.out, done.err


# Output in Latin-1 where the locale, and with it each argument, is in UTF-8.
LATIN_OUTPUT: dict[str, str | None] = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}


@pytest.mark.parametrize("kind", ["locale", "output"])
def test_a_name_with_an_accent_is_found_and_shown(
    kind: str, written: World, request: pytest.FixtureRequest
) -> None:
    is_locale = kind == "locale"
    env = request.getfixturevalue("latin") if is_locale else LATIN_OUTPUT
    name = "café"
    typed = name.encode("latin-1" if is_locale else "utf-8").decode("utf-8", "surrogateescape")
    key = written.alice.key
    written.aws_config(
        f"[profile {name}]\nsource_profile = base\nrole_arn = {HUB}\n[profile base]\n"
        f"aws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
    )
    each = (["plan", name], ["show", name], ["assume", name], ["status"])
    runs: list[tuple[int | str, list[str]]]
    runs = [(columns, words) for words in each for columns in (0, 80)]
    for (columns, words), (code, shown) in zip(runs, runs_of(written, runs, env), strict=True):
        assert code == 0, (words, shown)
        # What a program reads is in the encoding of the system.
        encoding = "latin-1" if is_locale or columns else "utf-8"
        if words[0] != "assume" or columns:
            text = shown.encode("utf-8", "surrogateescape").decode(encoding)
            assert name in text, (words, columns, text)
    done = written.rolehop("exec", typed, "--", "printenv", "ROLEHOP_CHAIN", env=env)
    assert (done.code, done.out) == (0, f"{typed}\n")


def test_a_file_whose_name_cannot_be_written_is_named_as_the_cause(
    latin: dict[str, str | None], written: World
) -> None:
    broken = written.home / "broken.toml"
    broken.write_text(f'include = ["{NOT_LATIN}.toml"]\n', encoding="utf-8")
    done = written.rolehop("list", "--config", str(broken), env=latin)
    assert (done.code, "the encoding of this locale lacks its name" in done.err) == (3, True)


@pytest.mark.long
def test_every_command_fits_a_window_of_twenty_columns(written: World) -> None:
    runs: list[tuple[int | str, list[str]]] = [(20, words) for words in [*ASKED, *ASKED_OF_OPTIONS]]
    for (_, words), (code, shown) in zip(runs, runs_of(written, runs), strict=True):
        assert not [each for each in UNFORESEEN if each in shown], (words, shown)
        assert code != 1, (words, shown)


@pytest.mark.long
@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_no_command_ends_in_a_traceback_if_a_stream_is_closed(closed: str, written: World) -> None:
    asked = [*ASKED, *(ASKED_OF_OPTIONS if closed == "2" else ())]
    runs: list[tuple[int | str, list[str]]] = [(closed, words) for words in asked]
    for (_, words), (code, shown) in zip(runs, runs_of(written, runs), strict=True):
        assert not [each for each in UNFORESEEN if each in shown], (closed, words, shown)
        assert code >= 0, (closed, words)
        if closed in ("0", "2"):
            assert code != 1, (closed, words, shown)
        elif closed == "1" and code == 1:
            assert "the output could not be written" in shown, (words, shown)


def test_a_process_that_starts_with_closed_streams_reports_what_it_lost(written: World) -> None:
    lines = [f"{SCRIPT} {each}; echo $?" for each in ("list >&-", "list 2>&-", "nonsense <&- 2>&-")]
    done = written.run("bash", "-c", "\n".join(lines), env={"PYTHONFAULTHANDLER": "1"})
    assert done.err == (
        "rolehop: the output could not be written\n  cause  bad file descriptor\n"
        "  try    check where stdout goes: whether it is open and has room\n"
    )
    assert [line for line in done.out.splitlines() if line.isdigit()] == ["1", "0", "2"]


def test_a_terminal_without_control_sequences_gets_none(written: World) -> None:
    commands = [["assume"], ["refresh", "spokes/*"], ["whoami", "admin"], ["status"]]
    env = {"TERM": "dumb", "NO_COLOR": "1"}
    runs = runs_of(written, [(80, words) for words in commands], env)
    assert not [shown for _, shown in runs if "\x1b" in shown]
    assert [code for code, _ in runs] == [2, 0, 0, 0]
    assert "no chain is named" in runs[0][1]
    assert "2 refreshed, 0 failed" in runs[1][1]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_tables_and_trees_keep_their_columns_without_unicode(columns: int, written: World) -> None:
    assert written.rolehop("logout", "--all").code == 0  # of the tests before
    assert written.rolehop("credential-process", "admin").code == 0
    (_, listed), (_, status) = runs_of(written, [(columns, ["list"]), (columns, ["status"])], ASCII)
    assert listed.isascii()
    assert status.isascii()
    head, *rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in listed.splitlines()]
    assert {row[head.index("ROLE") :][:5].strip() for row in rows} == {"", "Hub", "Admin", "Audit"}
    assert {row[: head.index("CACHED") + 6].split()[-1] for row in rows} == {"-", "h"}
    tree = re.sub(r"\x1b\[[0-9;]*m", "", status).splitlines()
    assert tree[2].startswith("`- 333333333333")
    assert tree[2].index("Admin") == tree[0].index("ROLE")
