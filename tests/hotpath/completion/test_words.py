"""What can stand where the cursor is, and how it is written for each shell."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.guide import topic_names
from rolehop.hotpath.command_table import COMMANDS, FLEET
from rolehop.hotpath.completion import (
    Question,
    as_answer,
    offered,
    question,
    unquoted,
    wanted,
)
from rolehop.vault.account_names import note_names
from tests.hotpath.completion.home import CHAINS, PROFILES, Home

HUB = ["exec", "hub"]
PATTERNS = ["spokes/*", "role:Team", "role:Hub", "role:Admin", "role:Audit"]


@pytest.mark.parametrize(
    ("words", "kind", "found"),
    [
        pytest.param(["plan", ""], "chain", None, id="a-chain"),
        pytest.param(["plan", "hub", ""], "words", {}, id="only-one-chain"),
        pytest.param(["refresh", "hub", ""], "pattern", None, id="one-pattern-after-another"),
        pytest.param(["keys", "add", ""], "keys", None, id="a-source-of-keys"),
        pytest.param(["-q", "--color", "never", "plan", ""], "chain", None, id="common-options"),
        pytest.param(["--color", ""], "options", None, id="the-value-of-a-common-option"),
        pytest.param(["--config", "x", "plan", ""], "options", None, id="another-config"),
        pytest.param(["plan", "--strict", ""], "options", None, id="behind-an-option"),
        pytest.param(["plan", "-"], "options", None, id="an-option"),
        pytest.param([*HUB, ""], "words", {"--": "the command follows"}, id="before-a-program"),
        pytest.param([*HUB, "l"], "program", 2, id="a-program"),
        pytest.param([*HUB, "ls", "-"], "program", 2, id="a-program's-option"),
        pytest.param([*HUB, "--", ""], "program", 3, id="behind-two-dashes"),
        pytest.param([*HUB, "--", "ls", "--", "-"], "program", 3, id="two-dashes-of-a-program"),
        pytest.param(
            ["exec", "--region", "x", "hub", "--", "ls", ""], "program", 5, id="options-before"
        ),
        pytest.param(["each", "hub", ""], "pattern", None, id="no-program-behind-patterns"),
        pytest.param(["each", "hub", "--", "l"], "program", 3, id="but-behind-two-dashes"),
        pytest.param(["nothing", ""], "words", {}, id="no-such-command"),
        pytest.param(["keys", "nothing", ""], "words", {}, id="no-such-command-of-a-command"),
    ],
)
def test_what_a_word_can_be(words: list[str], kind: str, found: object) -> None:
    assert wanted(words) == (kind, found)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["plan", ""], CHAINS + PROFILES, id="chains-then-profiles"),
        pytest.param(["refresh", ""], [*PATTERNS, *CHAINS, *PROFILES], id="patterns"),
        pytest.param(["keys", "add", ""], ["alice"], id="sources-of-keys"),
        pytest.param(
            ["source", "login", ""], ["me", "alice", "my profile"], id="profiles-that-sign-in-too"
        ),
        pytest.param(["keys", ""], list(COMMANDS["keys"].commands), id="commands-of-a-command"),
        pytest.param(["help", "keys", ""], list(COMMANDS["keys"].commands), id="of-its-help"),
        pytest.param(["help", "plan", ""], [], id="of-the-help-of-one-that-has-none"),
        pytest.param(["--config", "x", "help", "keys", "ro"], ["rotate"], id="of-help-in-full"),
        pytest.param(["completion", ""], ["bash", "zsh", "fish", "powershell"], id="shells"),
        pytest.param(["guide", ""], topic_names(), id="topics-of-the-guide"),
        pytest.param(["--config", "x", "guide", "getting"], ["getting-started"], id="in-full"),
        pytest.param(["leave", ""], [], id="nothing"),
        pytest.param(
            ["history", "--chain", ""], [*PATTERNS, *CHAINS, *PROFILES], id="patterns-of-an-option"
        ),
        pytest.param(["plan", "--stri"], ["--strict"], id="an-option"),
        pytest.param(["plan", "--format", ""], ["table", "json"], id="values"),
        pytest.param(["plan", "--format=j"], ["--format=json"], id="a-value-with-its-option"),
        pytest.param(["--color", "a"], ["auto", "always"], id="a-common-option's-value"),
        pytest.param(["export", "--shell", "po"], ["powershell"], id="dialects"),
        pytest.param(["plan", "--strict", "prod"], ["prod@eu+1", "prod-admin"], id="behind-one"),
        pytest.param(["keys", "add", "--stdin", "a"], ["alice"], id="a-source-behind-one"),
    ],
)
def test_what_is_offered(words: list[str], offered: list[str], home: Home) -> None:
    assert home.offers(*words) == offered


@pytest.mark.parametrize(
    "words",
    [["--config", ""], ["plan", "--config", "a"], ["--config=a"], ["plan", "--session-policy", ""]],
)
def test_files_are_left_to_the_shell(words: list[str], home: Home) -> None:
    assert home.asks(*words).stdout == "files\n"


def test_a_config_named_on_the_line_has_its_own_names(home: Home) -> None:
    home.write("other.toml", '[sources.x]\ntype = "environment"\n[chains.other]\nsource = "x"\n')
    assert home.offers("--config", "other.toml", "plan", "") == ["other", *PROFILES, "hub"]
    assert not home.names.exists()


def test_a_chain_is_found_by_a_part_of_its_accounts_name_or_number(home: Home) -> None:
    state = home.folder / ".local" / "state" / "rolehop"
    state.mkdir(parents=True, mode=0o700)
    note_names(state, {"333333333333": "Acme Prod", "444444444444": "web"}, datetime.now(UTC))
    for _ in range(2):  # the config is read for the first answer, the cached names have the next
        zsh = home.asks("plan", "ACME", by="zsh").stdout.splitlines()
        assert zsh == ["found", "prod@eu+1:Acme Prod · Break: glass", "prod-admin:Acme Prod"]
        assert home.offers("plan", "5555", by="bash") == ["spokes/555555555555"]
        assert home.offers("plan", "acme", by="bash") == []  # it would put what both begin with
        assert home.offers("plan", "'5555", by="bash") == []
        assert home.offers("plan", "acme", by="powershell") == ["prod@eu+1", "prod-admin"]
        assert home.asks("keys", "add", "5555", by="zsh").stdout == "words\nalice\n"
    note_names(state, {"333333333333": "other"}, datetime.now(UTC))
    assert home.asks("plan", "acme", by="zsh").stdout == "found\n"


def test_each_shell_gets_its_own_form(home: Home) -> None:
    def line(shell: str, word: str) -> list[str]:
        return home.asks("plan", word, by=shell).stdout.splitlines()

    assert line("bash", "my\\ ") == ["words", "my\\ profile"]
    assert {"prod@eu+1:Break: glass", "a\\:b:AWS profile", "team"} < set(line("zsh", ""))
    assert {"prod@eu+1\tBreak: glass", "team\t"} < set(line("fish", ""))
    assert line("powershell", "my") == ["words", "'my profile'\tmy profile\tAWS profile"]
    assert line("powershell", "prod@") == ["words", "prod@eu+1\tprod@eu+1\tBreak: glass"]


def test_bash_gets_what_it_replaces(home: Home) -> None:
    env = {"_ROLEHOP_TAIL": "eu"}
    assert home.offers("plan", "prod@eu", by="bash", env=env) == ["eu+1"]


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        pytest.param(["completion", "--", ""], {}, id="no-variable"),
        pytest.param(["completion", "--", ""], {"_ROLEHOP_COMPLETE": "csh"}, id="no-such-shell"),
        pytest.param(["plan", "hub"], {"_ROLEHOP_COMPLETE": "bash"}, id="a-command"),
        pytest.param(["completion", "--"], {"_ROLEHOP_COMPLETE": "bash"}, id="no-words"),
    ],
)
def test_what_is_no_question_is_not_answered(arguments: list[str], environ: dict[str, str]) -> None:
    assert question(arguments, environ) is None


def test_without_its_variable_a_question_does_nothing(home: Home) -> None:
    done = home.asks("logout", "--all", env={"_ROLEHOP_COMPLETE": ""})
    assert (done.returncode, done.stdout) == (2, "")


NASTY = st.text(st.sampled_from(" '\"\\$`!*?[](){}<>;&|#~=:@+/-aé"), min_size=1, max_size=12)


@given(NASTY, st.integers(0, 12))
def test_bash_reads_back_any_name_that_was_begun(name: str, begun: int) -> None:
    begin = name[:begun]
    typed = "".join(f"\\{each}" for each in begin)
    asked = Question("bash", [begin], typed, typed)
    (line,) = as_answer(asked, {name: ""}).splitlines()[1:]
    assert unquoted(line) == (name, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_quotes_are_read_as_bash_reads_them() -> None:
    raw = [r"a\ b", "'a b'c", r'"a\$\"\n"', r"\'x\'", 'pre"mid dle"post', r"a\\b", "''x"]
    script = "printf '%s\\n' " + " ".join(raw)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [unquoted(each)[0] for each in raw]


def test_an_ou_is_no_fleet() -> None:
    patterns = {"spokes/*": "", "ou:Prod": "", "ou:Prod/*": "", "label:a=b/*": ""}
    assert offered(FLEET, {"fleet": patterns}) == {"spokes": ""}
