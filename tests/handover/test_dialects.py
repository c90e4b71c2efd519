from __future__ import annotations

import pytest

from rolehop.errors import UsageError
from rolehop.shells.registry import DIALECTS, Dialect, dialect, for_process_name

every_dialect = pytest.mark.parametrize("row", DIALECTS.values(), ids=DIALECTS)


@pytest.mark.parametrize(
    ("process", "name"),
    [
        ("bash", "bash"),
        ("-bash", "bash"),
        ("bash-5.2", "bash"),
        ("bash.exe", "bash"),
        ("-zsh", "zsh"),
        ("zsh-5.9", "zsh"),
        ("/bin/sh", "sh"),
        ("ash", "sh"),
        ("dash", "dash"),
        ("ksh93", "ksh"),
        ("mksh", "ksh"),
        ("/opt/homebrew/bin/fish", "fish"),
        ("pwsh", "powershell"),
        ("pwsh-preview", "powershell"),
        (r"C:\Program Files\PowerShell\7\PWSH.EXE", "powershell"),
        ("powershell.exe", "powershell"),
        (r"C:\Windows\System32\CMD.EXE", "cmd"),
        ("nu", "nu"),
        ("-tcsh", "tcsh"),
        ("/bin/csh", "tcsh"),
        ("xonsh", "xonsh"),
        ("elvish", "elvish"),
        ("python3.12", None),
        ("fisher", None),
        ("make", None),
        ("", None),
        ("-", None),
    ],
)
def test_a_process_is_known_by_its_name(process: str, name: str | None) -> None:
    assert for_process_name(process) == name


@every_dialect
def test_every_shell_is_found_under_its_own_name(row: Dialect) -> None:
    assert dialect(row.name) is row
    assert for_process_name(row.name) == row.name


def test_a_shell_is_also_found_by_what_its_program_is_called() -> None:
    assert dialect("pwsh") is DIALECTS["powershell"]


def test_an_unknown_shell_is_refused_with_the_nearest_spelling() -> None:
    with pytest.raises(UsageError) as refused:
        dialect("fisch")
    assert refused.value.fix == "did you mean fish?"
    assert "bash, zsh, sh" in (refused.value.cause or "")


@every_dialect
def test_nothing_to_change_is_no_text(row: Dialect) -> None:
    assert row.render(()) == ""


STATEMENTS = [row for row in DIALECTS.values() if row.name not in ("cmd", "nu")]


@pytest.mark.parametrize("row", STATEMENTS, ids=lambda row: row.name)
def test_each_change_is_a_line(row: Dialect) -> None:
    text = row.render([("AWS_REGION", "eu-west-1"), ("AWS_PROFILE", None)])
    assert text.endswith("\n")
    assert [line[-1] for line in text.splitlines()] == [";", ";"]


@every_dialect
def test_a_person_is_told_one_line_to_type(row: Dialect) -> None:
    assert "rolehop leave" in row.typed.format("rolehop leave")


@every_dialect
def test_a_nul_is_refused_and_the_value_is_not_shown(row: Dialect) -> None:
    with pytest.raises(ValueError, match="AWS_REGION has a NUL") as refused:
        row.render([("AWS_REGION", "hush\0")])
    assert "hush" not in str(refused.value)


@every_dialect
@pytest.mark.parametrize("name", ["", "1A", "A B", "A;false", "A\n", "É", "A=B", "-f"])
def test_what_is_no_name_of_a_variable_is_refused(row: Dialect, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a variable"):
        row.render([(name, "x")])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sh", "export A='it'\\''s';\nunset B;\n"),
        ("fish", "set -gx A 'it\\'s';\nset -eg B; or true;\n"),
        ("powershell", "$env:A = 'it''s';\n$env:B = $null;\n"),
        ("cmd", 'set "A=it\'s"\nset "B="\n'),
        ("nu", '{"set": {"A": "it\'s"}, "hide": ["B"]}\n'),
        ("tcsh", "setenv A it\\'s;\nunsetenv B;\n"),
        ("xonsh", "$A = \"it's\";\n${...}.pop('B', None);\n"),
        ("elvish", "set-env A 'it''s';\nunset-env B;\n"),
    ],
)
def test_the_text_is_what_people_of_that_shell_would_write(name: str, text: str) -> None:
    assert dialect(name).render([("A", "it's"), ("B", None)]) == text
