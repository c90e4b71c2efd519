"""tcsh, xonsh, elvish and nushell through the real shells, which are not like POSIX sh."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rolehop.base.credentials import Session
from rolehop.base.errors import UsageError
from rolehop.handover.environment import assumed, left
from rolehop.handover.shells.registry import dialect
from tests.handover.real_shells import PATH, PRINTABLE, need, values_with, variables_in, write

# How each is started without anybody's start-up file, and writes its environment to a file.
SHELLS = {
    "tcsh": (("tcsh", "-f"), "env -0 >! {}"),
    "xonsh": (("xonsh", "--no-rc"), "![env -0 > {}]"),
    "elvish": (("elvish", "-norc"), "env -0 > {}"),
    "nu": (("nu", "-n"), "^env -0 o> {}"),
}


@dataclass(frozen=True)
class Shell:
    name: str
    folder: Path
    prepare: str = ""

    def run(self, *lines: str, environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        script = self.folder / "script"
        script.write_text("\n".join([*([self.prepare] if self.prepare else []), *lines, ""]))
        said = self.folder / "said"
        said.write_text("#!/bin/sh\nexec cat text\n")
        said.chmod(0o700)
        home = str(self.folder)
        environ = {"PATH": PATH, "HOME": home, "XONSH_DATA_DIR": home} | environ
        return subprocess.run(
            [*SHELLS[self.name][0], str(script)],
            env=environ,
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    @property
    def takes(self) -> str:
        """The line that a user of this shell is asked to type."""
        return dialect(self.name).eval_command.format("./said")

    def evaluate(self, text: str, environ: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return what a child sees before and after the shell took ``text``."""
        write(self.folder, "text", text)
        show = SHELLS[self.name][1]
        done = self.run(show.format("before"), self.takes, show.format("after"), environ=environ)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        return self.seen("before"), self.seen("after")

    def seen(self, name: str) -> dict[str, str]:
        return variables_in(self.folder, name)


def shell(name: str, folder: Path, prepare: str = "") -> Shell:
    need(name)
    return Shell(name, folder, prepare)


every_setting = pytest.mark.parametrize(
    ("name", "prepare"),
    [
        ("tcsh", ""),
        ("tcsh", "set backslash_quote; set noglob"),
        ("xonsh", ""),
        ("xonsh", "$RAISE_SUBPROC_ERROR = True"),
        ("elvish", ""),
        ("nu", ""),
    ],
)
every_shell = pytest.mark.parametrize("name", SHELLS)

BEFORE = {
    "AWS_PROFILE": "dev $HOME `id` 'x' \"y\" \\ !! %PATH% {a,b} ~ -e",
    "AWS_DEFAULT_PROFILE": "=0",  # tcsh: the first folder of its directory stack
    "AWS_REGION": "eu-north-1",
    "AWS_SECURITY_TOKEN": "stale",
}


@every_setting
def test_assume_and_leave_change_exactly_the_variables_of_the_design(
    name: str, prepare: str, tmp_path: Path, session: Session
) -> None:
    sh, render = shell(name, tmp_path, prepare), dialect(name).render
    changes = assumed(session, chain="hub", region="us-east-1", before=BEFORE)
    before, after = sh.evaluate(render(changes), BEFORE)
    base = {key: value for key, value in before.items() if key not in BEFORE}
    assert after == base | {key: value for key, value in changes if value is not None}
    _, end = sh.evaluate(render(left(after)), after)
    back = {
        "ROLEHOP_PREVIOUS_CHAIN": "hub",
        "ROLEHOP_PREVIOUS_KEY_ID": session.credentials.access_key_id,
    }
    as_before = {key: value for key, value in before.items() if key != "AWS_SECURITY_TOKEN"}
    assert end == as_before | back


@every_shell
def test_the_failing_statement_makes_the_evaluation_fail(name: str, tmp_path: Path) -> None:
    sh = shell(name, tmp_path)
    (tmp_path / "text").write_text(dialect(name).failure)
    go_on = "if ($status) exit 1\n" if name == "tcsh" else ""
    done = sh.run(sh.takes, f"{go_on}echo on", environ={})
    assert done.returncode != 0
    assert b"on\n" not in done.stdout


nasty = values_with("'\"`$\\!%#&|;<>(){}[]*?~^=-+ @:,./\té\u2018\u2019😀\n\r\x01\x1b\x7f\x81\u2028")


def read_back(name: str, values: list[str]) -> tuple[dict[str, str], str]:
    """Return those of the values that the dialect does not refuse, and their text."""
    variables: dict[str, str] = {}
    for number, value in enumerate(values):
        try:
            dialect(name).render([("A", value)])
        except UsageError as refused:
            assert refused.cause  # noqa: PT017 - both outcomes are right, for different values
            assert not PRINTABLE.startswith(value)
            continue
        variables[f"N_{number}"] = value
    return variables, dialect(name).render(variables.items())


KNOWN = [
    *(PRINTABLE, PRINTABLE[::-1], "", " ", "\n", "a\n\n", "'", "''", "'''", "x'", "'x"),
    *("-n", "-e", "--", "!!", "!$", "\\", "\\\\", "\\'", "'\\", "$(id)", "`id`", "{}"),
    *("%PATH%", "${HOME}", "~", "~/x", "=ls", "*", "{a,b}", "a;false", "\r\n", "a  b "),
    *map(chr, range(1, 256)),
    "é\udcff",
]


@every_setting
@settings(
    max_examples=4,  # each starts the shell: few, with many values
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.lists(nasty, min_size=50, max_size=150))
@example(values=KNOWN)
def test_any_value_survives_or_is_refused(
    name: str, prepare: str, values: list[str], tmp_path: Path
) -> None:
    wanted, text = read_back(name, values)
    before, after = shell(name, tmp_path, prepare).evaluate(text, {"LC_ALL": "C.UTF-8"})
    assert after == before | wanted


@pytest.mark.parametrize("name", ["xonsh", "elvish", "nu"])
@pytest.mark.parametrize("value", [*map(chr, range(1, 32)), "a\nb", "\x7f", "\u2028"])
def test_only_tcsh_refuses_control_characters(name: str, value: str) -> None:
    assert read_back(name, [value])[0] == {"N_0": value}
    with pytest.raises(UsageError, match="cannot be written for tcsh"):
        dialect("tcsh").render([("AWS_PROFILE", value)])


@pytest.mark.parametrize("value", [PRINTABLE, "", "é\u2018😀", "  two  "])
@every_shell
def test_printable_text_is_never_refused(name: str, value: str) -> None:
    assert read_back(name, [value])[0] == {"N_0": value}


@every_shell
def test_a_token_of_twelve_thousand_characters_survives(name: str, tmp_path: Path) -> None:
    token = "IQoJb3JpZ2luX2VjE/+=" * 600
    _, after = shell(name, tmp_path).evaluate(
        dialect(name).render([("AWS_SESSION_TOKEN", token)]), {}
    )
    assert after["AWS_SESSION_TOKEN"] == token


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_tcsh_keeps_text_that_is_not_ascii_in_any_locale(locale: str, tmp_path: Path) -> None:
    text = dialect("tcsh").render([("A", "é ‘x’ 😀")])  # noqa: RUF001 - the point
    _, after = shell("tcsh", tmp_path).evaluate(text, {"LC_ALL": locale})
    assert after["A"] == "é ‘x’ 😀"  # noqa: RUF001 - the point
