from __future__ import annotations

import subprocess
import sys

import pytest

from rolehop.base.errors import UsageError
from rolehop.handover.shells.registry import SHELLS, dialect, for_process_name

every_shell = pytest.mark.parametrize("name", SHELLS)


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


@every_shell
def test_every_shell_is_found_under_its_own_name(name: str) -> None:
    assert for_process_name(name) == name
    assert dialect(name) is dialect(f"/usr/bin/{name}")


def test_only_the_shell_that_is_asked_for_is_loaded() -> None:
    code = (
        "import sys; from rolehop.handover.shells.registry import dialect; dialect('fish');"
        "print(*(name.partition('rolehop.handover.shells.')[2] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} & {row[0] for row in SHELLS.values()} == {"fish"}


def test_a_shell_is_also_found_by_what_its_program_is_called() -> None:
    assert dialect("pwsh") is dialect("powershell")


def test_an_unknown_shell_is_refused_with_the_nearest_spelling() -> None:
    with pytest.raises(UsageError) as refused:
        dialect("fisch")
    assert (refused.value.fix or "").startswith("did you mean fish? the shells are bash, zsh, sh")


@every_shell
def test_nothing_to_change_is_no_text(name: str) -> None:
    assert dialect(name).render(()) == ""


@pytest.mark.parametrize("name", [name for name in SHELLS if name not in ("cmd", "nu")])
def test_each_change_is_a_line(name: str) -> None:
    text = dialect(name).render([("AWS_REGION", "eu-west-1"), ("AWS_PROFILE", None)])
    assert text.endswith("\n")
    assert [line[-1] for line in text.splitlines()] == [";", ";"]


@every_shell
def test_a_person_is_shown_one_line_to_type(name: str) -> None:
    assert "rolehop leave" in dialect(name).eval_command.format("rolehop leave")


@every_shell
def test_a_nul_is_refused_and_the_value_is_not_shown(name: str) -> None:
    with pytest.raises(ValueError, match="AWS_REGION has a NUL") as refused:
        dialect(name).render([("AWS_REGION", "hush\0")])
    assert "hush" not in str(refused.value)


@every_shell
@pytest.mark.parametrize("variable", ["", "1A", "A B", "A;false", "A\n", "É", "A=B", "-f"])
def test_what_cannot_name_a_variable_is_refused(name: str, variable: str) -> None:
    with pytest.raises(ValueError, match="not the name of a variable"):
        dialect(name).render([(variable, "x")])


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
