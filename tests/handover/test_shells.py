"""Each dialect through its real shell, started afresh with a clean environment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rolehop.base.credentials import Session
from rolehop.base.dataclass import replace
from rolehop.handover.environment import assumed, left
from rolehop.handover.shells.registry import dialect
from tests.handover.real_shells import PATH, PRINTABLE, need, values_with, variables_in, write

START = {"bash": ("--norc", "--noprofile"), "zsh": ("-f",), "fish": ("--no-config",)}

SETTINGS = [
    ("sh", ""),
    ("sh", "set -eu"),
    ("dash", ""),
    ("dash", "set -eu"),
    ("dash", "set -f; set -a"),
    ("bash", ""),
    ("bash", "set -euo pipefail"),
    ("bash", "set -o posix; set -eu"),
    ("bash", "set -H; set -o history"),
    ("bash", "set -f; set -a; IFS=:"),
    ("bash", "shopt -s extglob nullglob failglob expand_aliases"),
    ("zsh", ""),
    ("zsh", "setopt err_exit no_unset pipe_fail"),
    ("zsh", "setopt rc_quotes bang_hist"),
    ("zsh", "setopt sh_word_split ksh_arrays glob_subst extended_glob magic_equal_subst"),
    ("zsh", "setopt all_export no_global_export warn_create_global"),
    ("zsh", "setopt posix_builtins posix_strings ksh_typeset no_equals"),
    ("zsh", "emulate sh; set -eu"),
    ("zsh", "emulate ksh"),
    ("ksh", ""),
    ("ksh", "set -eu"),
    ("mksh", "set -eu"),
    ("fish", ""),
]
SHELLS = list(dict.fromkeys(name for name, _ in SETTINGS))


@dataclass(frozen=True)
class Shell:
    name: str
    folder: Path
    prepare: str = ""
    start: tuple[str, ...] | None = None
    """Arguments that keep the user's own start-up files out; ``None``: the usual ones."""

    def run(self, script: str, environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        start = START.get(self.name, ()) if self.start is None else self.start
        argv = [self.name, *start, "-c", f"{self.prepare}\n{script}"]
        home = str(self.folder)
        return subprocess.run(
            argv,
            env={"PATH": PATH, "HOME": home} | environ,
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def evaluate(
        self, text: str, environ: dict[str, str], how: str = 'eval "$(cat text)"'
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return what a child of the shell sees before and after the shell evaluated ``text``."""
        self.write("text", text)
        done = self.run(f"env -0 >before\n{how}\nenv -0 >after", environ)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        return self.seen("before"), self.seen("after")

    def write(self, name: str, text: str) -> None:
        write(self.folder, name, text)

    def seen(self, name: str) -> dict[str, str]:
        return variables_in(self.folder, name)


def shell(name: str, folder: Path, prepare: str = "") -> Shell:
    need(name)
    return Shell(name, folder, prepare)


every_setting = pytest.mark.parametrize(("name", "prepare"), SETTINGS)
every_shell = pytest.mark.parametrize("name", SHELLS)

BEFORE = {
    "AWS_PROFILE": "dev $HOME `id` 'x' \"y\" \\ !! %PATH%\n-e",
    "AWS_REGION": "eu-north-1",
    "AWS_SECURITY_TOKEN": "stale",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x",
}


def in_hand(session: Session, chain: str) -> dict[str, str]:
    credentials = session.credentials
    assert credentials.session_token is not None
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key.reveal(),
        "AWS_SESSION_TOKEN": credentials.session_token.reveal(),
        "AWS_CREDENTIAL_EXPIRATION": "2030-01-02T04:04:05Z",
        "ROLEHOP_CHAIN": chain,
        "ROLEHOP_EXPIRATION": "2030-01-02T04:04:05Z",
        "ROLEHOP_EXPIRES_AT": "1893557045",
    } | ({"AWS_ACCOUNT_ID": session.account} if session.account else {})


@every_setting
def test_assume_again_and_leave_change_exactly_the_variables_of_the_design(
    name: str, prepare: str, tmp_path: Path, session: Session, next_session: Session
) -> None:
    sh, render = shell(name, tmp_path, prepare), dialect(name).render
    untouched = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x"}
    saved = {
        "ROLEHOP_SAVED_AWS_PROFILE": BEFORE["AWS_PROFILE"],
        "ROLEHOP_SAVED_AWS_REGION": "eu-north-1",
    }
    region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}

    changes = assumed(session, chain="hub", region="us-east-1", before=BEFORE)
    before, first = sh.evaluate(render(changes), BEFORE)
    base = {key: value for key, value in before.items() if key not in BEFORE}
    assert first == base | untouched | saved | region | in_hand(session, "hub")

    changes = assumed(next_session, chain="spokes/444444444444", region=None, before=first)
    _, second = sh.evaluate(render(changes), first)
    back = {"AWS_REGION": "eu-north-1"}
    chain = in_hand(next_session, "spokes/444444444444") | {
        "ROLEHOP_PREVIOUS_CHAIN": "hub",
        "ROLEHOP_PREVIOUS_KEY_ID": session.credentials.access_key_id,
    }
    assert second == base | untouched | saved | back | chain

    _, end = sh.evaluate(render(left(second)), second)
    back = {
        "ROLEHOP_PREVIOUS_CHAIN": "spokes/444444444444",
        "ROLEHOP_PREVIOUS_KEY_ID": next_session.credentials.access_key_id,
    }
    as_before = {key: value for key, value in before.items() if key != "AWS_SECURITY_TOKEN"}
    assert end == as_before | back


@every_setting
def test_an_empty_shell_keeps_only_the_name_of_the_chain_and_its_status_is_success(
    name: str, prepare: str, tmp_path: Path, session: Session
) -> None:
    sh, render = shell(name, tmp_path, prepare), dialect(name).render
    sh.write("assume", render(assumed(session, chain="hub", region=None, before={})))
    sh.write("leave", render(left({"ROLEHOP_CHAIN": "hub"})))
    variable = "$status" if name == "fish" else "$?"
    done = sh.run(
        f'env -0 >before; eval "$(cat assume)"; echo {variable}; env -0 >between\n'
        f'eval "$(cat leave)"; echo {variable}; eval "$(cat leave)"; echo {variable}; env -0 >after',
        {},
    )
    assert (done.stdout, done.stderr) == (b"0\n0\n0\n", b"")
    assert sh.seen("after") == sh.seen("before") | {"ROLEHOP_PREVIOUS_CHAIN": "hub"}
    assert sh.seen("between") == sh.seen("before") | in_hand(session, "hub")


@every_shell
def test_a_session_survives_an_eval_whose_quotes_were_left_out(
    name: str, tmp_path: Path, session: Session
) -> None:
    text = dialect(name).render(assumed(session, chain="hub", region=None, before={}))
    how = "eval (cat text)" if name == "fish" else "eval $(cat text)"
    before, after = shell(name, tmp_path).evaluate(text, {"AWS_PROFILE": "dev"}, how)
    del before["AWS_PROFILE"]
    assert after == before | in_hand(session, "hub")


@pytest.mark.parametrize(
    ("name", "wrapper"),
    [
        ("bash", 'f() { local IFS=/; eval "$(cat text)"; }; f'),
        ("zsh", 'f() { emulate -L zsh; eval "$(cat text)"; }; f'),
        ("zsh", 'f() { eval "$(cat text)"; }; f'),
        ("dash", 'f() { eval "$(cat text)"; }; f'),
        ("fish", 'function f; eval "$(cat text)"; end; f'),
        ("fish", "function f; cat text | source; end; f"),
        ("fish", "cat text | source"),
    ],
)
def test_a_function_around_the_eval_changes_the_shell_itself(
    name: str, wrapper: str, tmp_path: Path, session: Session
) -> None:
    text = dialect(name).render(assumed(session, chain="hub", region=None, before={}))
    before, after = shell(name, tmp_path).evaluate(text, {"AWS_PROFILE": "dev"}, wrapper)
    del before["AWS_PROFILE"]
    assert after == before | in_hand(session, "hub")


@every_shell
def test_the_failing_statement_makes_the_eval_fail(name: str, tmp_path: Path) -> None:
    sh = shell(name, tmp_path)
    sh.write("text", dialect(name).failure)
    variable = "$status" if name == "fish" else "$?"
    done = sh.run(f'eval "$(cat text)"; echo {variable}', {})
    assert (done.stdout, done.stderr) == (b"1\n", b"")
    assert sh.run('eval "$(cat text)" && echo on', {}).stdout == b""


@pytest.mark.parametrize("name", ["sh", "dash", "bash", "zsh"])
def test_the_failing_statement_ends_a_strict_script(name: str, tmp_path: Path) -> None:
    sh = shell(name, tmp_path, "set -e")
    sh.write("text", dialect(name).failure)
    done = sh.run('eval "$(cat text)"; echo on', {})
    assert (done.returncode, done.stdout) == (1, b"")


nasty = values_with(
    "'\"`$\\!%#&|;<>(){}[]*?~^=-+ \t\n\r\x01\x07\x1b\x7f\x81\x82é\u2018\u2019\u201a\u201b😀\ufdd0\uf600"
)


@every_setting
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.lists(nasty, min_size=20, max_size=60))
@example(values=[PRINTABLE, PRINTABLE[::-1], "", " ", "\n", "a\n\n", "'", "''", "'''", "x'", "'x"])
@example(values=["-n", "-e", "--", "-gx", "!!", "!$", "\\", "\\\\", "\\'", "'\\", "$(id)", "`id`"])
@example(
    values=["%PATH%", "${HOME}", "~", "~/x", "=ls", "*", "{a,b}", "a;false", "\r\n", "é\udcff"]
)
@example(values=[chr(code) for code in range(1, 256)])
def test_any_value_survives(name: str, prepare: str, values: list[str], tmp_path: Path) -> None:
    wanted = {f"N_{number}": value for number, value in enumerate(values)}
    text = dialect(name).render(wanted.items())
    for locale in ("C", "C.UTF-8"):
        environ = {"N_0": "other", "LC_ALL": locale}
        before, after = shell(name, tmp_path, prepare).evaluate(text, environ)
        assert after == before | wanted


@every_shell
def test_a_token_of_twelve_thousand_characters_survives(name: str, tmp_path: Path) -> None:
    token = "IQoJb3JpZ2luX2VjE/+=" * 600
    text = dialect(name).render([("AWS_SESSION_TOKEN", token)])
    _, after = shell(name, tmp_path).evaluate(text, {})
    assert after["AWS_SESSION_TOKEN"] == token


def test_a_universal_variable_of_fish_outlives_the_session(
    tmp_path: Path, session: Session
) -> None:
    sh, render = shell("fish", tmp_path), dialect("fish").render
    sh.write("assume", render(assumed(session, chain="hub", region="eu-west-1", before={})))
    sh.write("leave", render(left({"ROLEHOP_CHAIN": "hub"})))
    universal = "set -Ux AWS_REGION eu-north-1; set -Ux AWS_PROFILE dev"
    script = f'{universal}; cat assume leave | source; echo "$AWS_REGION $AWS_PROFILE"'
    assert replace(sh, start=()).run(script, {}).stdout == b"eu-north-1 dev\n"
    later = replace(sh, start=()).run('echo "$AWS_REGION $AWS_PROFILE"', {})
    assert later.stdout == b"eu-north-1 dev\n"
