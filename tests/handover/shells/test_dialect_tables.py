r"""What each dialect writes, as tables: words, lines to type, start-up files, starts of subshells.

That the shells read these back, ``handover`` and the other tests here try with the shells themselves.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.base.errors import UsageError
from rolehop.base.text import HIDDEN_LETTERS
from rolehop.handover.shells import elvish, nu, tcsh
from rolehop.handover.shells.dialect import Dialect, InitScript, color_number
from rolehop.handover.shells.registry import SHELLS, dialect
from rolehop.hotpath.command_table import INIT_SHELLS

NAME = "NAME"  # the placeholder
EVAL = 'eval "$({})"'

# ---- words: as the shell evaluates them, and as a person types them

TEXTS = ("it's", "a b!\\", "", "-x", "\u2019\u00e9", 'say "$x"')
WORDS = {
    "sh": (
        (r"'it'\''s'", r"'it'\''s'"), (r"'a b!\'", r"'a b'\!'\'"), ("''", "''"),
        ("'-x'", "-- '-x'"), ("'\u2019\u00e9'", "'\u2019\u00e9'"), ("'say \"$x\"'",) * 2,
    ),
    "fish": (
        (r"'it\'s'", r"'it\'s'"), (r"'a b!\\'", r"'a b!\\'"), ("''", "''"), ("'-x'", "-- '-x'"),
        ("'\u2019\u00e9'", "'\u2019\u00e9'"), ("'say \"$x\"'",) * 2,
    ),
    "powershell": (
        ("'it''s'", "'it''s'"), (r"'a b!\'", NAME), ("''", "''"), ("'-x'", "-- '-x'"),
        ("'' + [char]0x2019 + [char]0x00e9", "'\u2019\u2019\u00e9'"), ("'say \"$x\"'", NAME),
    ),
    "cmd": (
        ('"it\'s"', NAME), (r'"a b!\"', NAME), ('""', '""'), ('"-x"', '-- "-x"'),
        ('"\u2019\u00e9"', '"\u2019\u00e9"'), ('"say "$x""', NAME),
    ),
    "nu": (
        ('"it\'s"', '"it\'s"'), (r'"a b!\\"', r'"a b!\\"'), ('""', '""'), ('"-x"', '-- "-x"'),
        (r'"\u2019\u00e9"', '"\u2019\u00e9"'), (r'"say \"$x\""',) * 2,
    ),
    "tcsh": (
        (r"it\'s", r"it\'s"), (r"a\ b\!\\", NAME), ("''", "''"), ("-x", "-- -x"),
        ("\u2019\u00e9", "\u2019\u00e9"), (r"say\ \"\$x\"", NAME),
    ),
    "xonsh": (
        ('"it\'s"', '@("it\'s")'), (r"'a b!\\'", r"@('a b!\\')"), ("''", "@('')"),
        ("'-x'", "-- @('-x')"), (r"'\u2019\xe9'", r"@('\u2019\xe9')"),
        ("'say \"$x\"'", "@('say \"$x\"')"),
    ),
    "elvish": (
        ("'it''s'", "'it''s'"), (r"'a b!\'", r"'a b!\'"), ("''", "''"), ("'-x'", "-- '-x'"),
        ("'\u2019\u00e9'", "'\u2019\u00e9'"), ("'say \"$x\"'",) * 2,
    ),
}  # fmt: skip
WORDS |= dict.fromkeys(("bash", "zsh", "dash", "ksh"), WORDS["sh"])


@pytest.mark.parametrize("name", SHELLS)
def test_a_text_as_it_is_evaluated_and_as_it_is_typed(name: str) -> None:
    shell = dialect(name)
    assert tuple((shell.quote(each), shell.argument(each)) for each in TEXTS) == WORDS[name]
    assert shell.argument("plain") == "plain"


@pytest.mark.parametrize("character", "\"%!^&|<>()'`$\u201c\u201d\u201e")
def test_what_cmd_cannot_be_given_in_a_line(character: str) -> None:
    assert dialect("cmd").argument(f"a{character}b") == NAME


@pytest.mark.parametrize(
    ("text", "typed"), [(r"a b", '"a b"'), ("a b\\", r'"a b\\"'), ("a \\\\", r'"a \\\\"')]
)
def test_cmd_doubles_backslashes_before_the_last_quote(text: str, typed: str) -> None:
    assert dialect("cmd").argument(text) == typed


@pytest.mark.parametrize(
    ("text", "typed"),
    [("a b\\", NAME), ("a b", "'a b'"), ("a;\\", "'a;\\'"), ('a"', NAME), ("a \\b", "'a \\b'")],
)
def test_what_older_powershells_pass_on_as_it_is(text: str, typed: str) -> None:
    assert dialect("powershell").argument(text) == typed


@pytest.mark.parametrize("letter", "\u2018\u2019\u201a\u201b'")
def test_powershell_takes_every_one_of_these_for_a_quote(letter: str) -> None:
    assert dialect("powershell").argument(f"a {letter}") == f"'a {letter}{letter}'"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("\u00e9a\u00e9", "'' + [char]0x00e9 + 'a' + [char]0x00e9"),
        ("a\n~", "'a' + [char]0x000a + '~'"),
        ("\U0001f600", "'' + [char]0xd83d + [char]0xde00"),
        ("\udcff", "'' + [char]0xdcff"),
    ],
)
def test_powershell_adds_what_is_not_ascii(text: str, word: str) -> None:
    assert dialect("powershell").quote(text) == word


def test_tcsh_escapes_whatever_is_not_plain() -> None:
    assert tcsh.quote("AZaz09_./:@%+,-\u0080\U0010ffff") == "AZaz09_./:@%+,-\u0080\U0010ffff"
    for each in " !\"#$&'()*;<=>?[\\]^`{|}~":
        assert tcsh.quote(f"a{each}") == f"a\\{each}"


# ---- what a person types, and how an evaluation fails or ends the shell

LINES = {
    **dict.fromkeys(("bash", "zsh", "sh", "dash", "ksh"), (EVAL, "false", "exit", "")),
    "fish": ("{} | source", "false", "exec true", ""),
    "powershell": (
        "{} | Out-String | Invoke-Expression", "throw 'rolehop failed'", "exit", "",
    ),
    "cmd": (
        "for /f \"delims=\" %i in ('{} --shell cmd') do @%i", "cmd /d /c exit 1", "exit",
        "\"%!^&|<>()'`$\u201c\u201d\u201e",
    ),
    "nu": (
        (
            "let changes = ({} --shell nu | from json | default {{set: {{}}, hide: []}});"
            " hide-env -i ...$changes.hide; load-env $changes.set"
        ),
        "false", None, "",
    ),
    "tcsh": ('eval "`{}`"', "false", "exec true", '$`"!'),
    "xonsh": ("execx($({}))", "raise RuntimeError('rolehop failed')", "exit", ""),
    "elvish": ("eval ({} | slurp)", "fail 'rolehop failed'", "exit", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SHELLS)
def test_the_line_that_evaluates_and_the_one_that_fails(name: str) -> None:
    shell: Dialect = dialect(name)
    assert LINES[name] == (
        shell.eval_command, shell.failure, shell.exit_statement, shell.not_typed,
    )  # fmt: skip


# ---- values that a shell cannot be given


@pytest.mark.parametrize("name", ["nu", "elvish", "tcsh"])
@pytest.mark.parametrize("value", ["a\ud800", "\udfff", "b\udcffc"])
def test_half_a_character_is_refused_where_text_must_be_unicode(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"the value of A_1 cannot be written for {name}") as error:
        dialect(name).render([("A_1", value)])
    assert "Unicode" in (error.value.cause or "")
    assert "exec" in (error.value.fix or "")


@pytest.mark.parametrize("name", ["nu", "elvish", "tcsh"])
def test_the_characters_beside_those_halves_are_not(name: str) -> None:
    value = "\ud7ff\ue000"
    assert dialect(name).quote(value) in dialect(name).render([("A", value)])


@pytest.mark.parametrize("character", "\x01\t\n\x1f\x7f\x80\x9f\u2028\u2029")
def test_tcsh_has_no_control_characters(character: str) -> None:
    with pytest.raises(UsageError, match="the value of A cannot be written for tcsh"):
        dialect("tcsh").render([("A", f"a{character}")])
    assert dialect("tcsh").render([("A", " ~\u00a0")]) == "setenv A \\ \\~\u00a0;\n"


@pytest.mark.parametrize("character", ["\x1f", "\x7f", "\u00a0"])
def test_cmd_has_printable_ascii_alone(character: str) -> None:
    with pytest.raises(UsageError, match="the value of A cannot be written for cmd"):
        dialect("cmd").render([("A", f"a{character}")])
    assert dialect("cmd").render([("A", " ~")]) == 'set "A= ~"\n'


def test_cmd_reads_8191_characters_of_a_line() -> None:
    longest = "x" * (8191 - len('set "A="'))
    assert dialect("cmd").render([("A", longest)]) == f'set "A={longest}"\n'
    with pytest.raises(UsageError, match="cannot be written for cmd"):
        dialect("cmd").render([("A", f"{longest}x")])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([], ""),
        ([("A", "")], '{"set": {"A": ""}, "hide": []}\n'),
        ([("A1", None)], '{"set": {}, "hide": ["A1"]}\n'),
        ([("A", None), ("B", "\u00e9"), ("C", "c")],
         '{"set": {"B": "\\u00e9", "C": "c"}, "hide": ["A"]}\n'),
    ],
)  # fmt: skip
def test_nu_gets_one_object(changes: list[tuple[str, str | None]], text: str) -> None:
    assert nu.render(changes) == text


# ---- which dialect

PROCESSES = {
    "bash": ["rbash"], "zsh": ["rzsh"], "sh": ["ash", "yash", "posh"], "dash": [],
    "ksh": ["ksh88", "ksh93", "rksh", "mksh", "lksh", "pdksh", "oksh", "loksh"], "fish": [],
    "powershell": ["pwsh", "pwsh-preview", "powershell_ise"], "cmd": [], "nu": ["nushell"],
    "tcsh": ["csh"], "xonsh": [], "elvish": [],
}  # fmt: skip


def test_a_process_that_is_called_otherwise_has_its_dialect() -> None:
    assert list(PROCESSES) == list(SHELLS)
    for name, others in PROCESSES.items():
        assert [dialect(each) is dialect(name) for each in (name, *others)] == [True] * (
            1 + len(others)
        )
    for module in {row[0] for row in SHELLS.values()}:
        if module not in SHELLS:
            with pytest.raises(UsageError, match=f"unknown shell '{module}'"):
                dialect(module)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("FISCH", "did you mean fish? "), ("zzz9", ""), ("kash", "did you mean ksh? ")],
)
def test_the_nearest_shell_is_advised_whatever_its_case(name: str, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        dialect(name)
    assert refused.value.fix == f"{advice}the shells are {', '.join(SHELLS)}"


# ---- start-up files

COLORS = {"it's": "red", "b*": "green", "a b": "bright_magenta"}
STARTS = {
    "bash": (
        ".bash", "~/.bashrc", 'eval "$(rolehop init bash)"', ". {}", r"\343\205\244",
        r"'it'\''s') rolehop_color=1 ;;|'b*') rolehop_color=2 ;;|'a b') rolehop_color=13 ;;",
    ),
    "zsh": (
        ".zsh", "~/.zshrc", 'eval "$(rolehop init zsh)"', ". {}", r"\343\205\244",
        r"('it'\''s') rolehop_color=1 ;;|('b*') rolehop_color=2 ;;|('a b') rolehop_color=13 ;;",
    ),
    "fish": (
        ".fish", "~/.config/fish/config.fish", "rolehop init fish | source", "source {}",
        r"\x{3164}", r"case 'it\'s'|echo red|case 'a b'|echo brmagenta",
    ),
    "powershell": (
        ".ps1", "$PROFILE", "rolehop init powershell | Out-String | Invoke-Expression", ". ({})",
        r"\u3164", "('it''s') { 31 }|('b*') { 32 }|('a b') { 95 }",
    ),
    "nu": (
        ".nu", "config.nu", None, "source {}", r"\x{3164}",
        '{"it\'s": "red", "b*": "green", "a b": "light_magenta"}',
    ),
    "tcsh": (".tcsh", "~/.tcshrc", 'eval "`rolehop init tcsh`"', "source {}", r"\x{3164}", None),
    "xonsh": (
        ".xsh", "~/.xonshrc", "execx($(rolehop init xonsh))", "exec(compilex(open({}).read()))",
        r"\u3164", '{"it\'s": "RED", "b*": "GREEN", "a b": "INTENSE_PURPLE"}',
    ),
    "elvish": (
        ".elv", "~/.config/elvish/rc.elv", "eval (rolehop init elvish | slurp)",
        "eval (slurp < {})", r"\x{3164}", "[&'it''s'=red &'b*'=green &'a b'=bright-magenta]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INIT_SHELLS)
def test_a_start_up_file_and_the_colours_in_it(name: str) -> None:
    init = dialect(name).init
    assert init is not None
    colors = init.color_table and "|".join(map(str.strip, init.color_table(COLORS).split("\n")))
    assert STARTS[name] == (
        init.extension, init.startup_file, init.eval_line, init.source_line,
        init.hidden_letter("\u3164"), colors,
    )  # fmt: skip
    text = init.text({}, " the completion\n")
    assert "@COLORS@" not in text
    assert ("\nthe completion\n" in text) is (name not in ("nu", "tcsh", "xonsh", "elvish"))


def test_colours_have_the_numbers_of_terminals() -> None:
    names = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    assert [color_number(each) for each in names] == [*range(8)]
    assert [color_number(f"bright_{each}") for each in names] == [*range(8, 16)]
    init = dialect("powershell").init
    assert init is not None
    assert init.color_table is not None
    codes = {"white": 37, "bright_black": 90, "bright_white": 97}
    for name, code in codes.items():
        assert init.color_table({"a": name}) == f"('a') {{ {code} }}"


def test_every_place_of_a_template_is_filled_in_once() -> None:
    init = InitScript("a\n# @COMPLETION@\n@COLORS@ @HIDDEN@.", "", "", None, "", ascii, str)
    hidden = "".join(map(ascii, HIDDEN_LETTERS))
    assert init.text({"@HIDDEN@": "red"}, None) == f"a\n:\n{{'@HIDDEN@': 'red'}} {hidden}."
    assert init.text({}, "  x ") == f"a\nx\n{{}} {hidden}."
    none = InitScript("@COLORS@.", "", "", None, "")
    assert none.text({"a": "red"}, None) == "."


def test_elvish_has_an_empty_map_of_its_own() -> None:
    assert elvish.DIALECT.init is not None
    assert elvish.DIALECT.init.color_table is not None
    assert elvish.DIALECT.init.color_table({}) == "[&]"


# ---- subshells


def test_bash_starts_with_a_file_of_its_own() -> None:
    start = dialect("bash").subshell
    assert start is not None
    made = start(Path("/it's"), "TEXT", {})
    assert (made.arguments, made.changes) == (("--rcfile", "/it's/rc.bash"), ())
    assert list(made.files) == ["init.bash", "rc.bash"]
    assert made.files["init.bash"] == "TEXT"
    assert r". '/it'\''s/init.bash'" in made.files["rc.bash"]
    assert "@" not in made.files["rc.bash"].replace("[@]", "")


def test_fish_runs_one_more_command() -> None:
    start = dialect("fish").subshell
    assert start is not None
    made = start(Path("/it's"), "TEXT", {})
    assert (made.arguments, made.changes) == (("-C", r"source '/it\'s/rc.fish'"), ())
    assert list(made.files) == ["init.fish", "rc.fish"]
    assert made.files["init.fish"] == "TEXT"
    assert r"source '/it\'s/init.fish'" in made.files["rc.fish"]


@pytest.mark.parametrize("before", [None, "/z"])
def test_zsh_has_its_start_up_files_in_another_folder(before: str | None) -> None:
    start = dialect("zsh").subshell
    assert start is not None
    made = start(Path("/it's"), "TEXT", {} if before is None else {"ZDOTDIR": before})
    assert made.arguments == ()
    assert made.changes == (("ROLEHOP_ZDOTDIR", before), ("ZDOTDIR", "/it's/zsh"))
    assert list(made.files) == ["zsh/init.zsh", "zsh/.zshenv", "zsh/.zshrc"]
    assert made.files["zsh/init.zsh"] == "TEXT"
    assert r"ZDOTDIR='/it'\''s/zsh'" in made.files["zsh/.zshenv"]
    assert r". '/it'\''s/zsh/init.zsh'" in made.files["zsh/.zshrc"]


@pytest.mark.parametrize("name", sorted({*SHELLS} - {"bash", "zsh", "fish"}))
def test_the_others_have_no_prompt_that_can_be_set_from_outside(name: str) -> None:
    assert dialect(name).subshell is None
    assert (dialect(name).init is None) is (name not in INIT_SHELLS)
