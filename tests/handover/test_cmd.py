"""cmd: its quoting read back by the rules of `set /?` and `for /?`; it runs on Windows alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.credentials import Session
from rolehop.base.errors import UsageError
from rolehop.handover.environment import assumed
from rolehop.handover.shells.registry import dialect

CMD = dialect("cmd")
_SET = re.compile(r'set "(?P<name>[^=]+)=(?P<value>.*)"')


def in_batch(line: str) -> str:
    """Do what a batch file, or delayed expansion, does to a line before it is run."""
    line = re.sub(r"%[^%]*%|%", "", line)
    return re.sub(r"![^!]*!|!", "", line).replace("^", "")


def run(text: str) -> dict[str, str]:
    """Run lines as cmd does: `set "NAME=value"` takes all up to the last quote."""
    environ: dict[str, str] = {}
    for line in text.splitlines():
        said = _SET.fullmatch(line)
        assert said, line
        environ[said["name"]] = said["value"]
        if not said["value"]:
            del environ[said["name"]]
    return environ


nasty = st.text(st.sampled_from("&|<>()'`$\\*?;,=@#~ \t{}[]") | st.characters(), max_size=40)


@given(nasty)
def test_any_value_survives_or_is_refused_with_a_reason(value: str) -> None:
    try:
        text = CMD.render([("A", value)])
    except UsageError as refused:
        assert refused.cause  # noqa: PT017 - both outcomes are right, for different values
        assert re.search(r'["%!^]|[^ -~]', value)
    except ValueError:
        assert "\0" in value
    else:
        assert text.splitlines() == [text.rstrip("\n")]
        assert run(text) == run(in_batch(text)) == ({"A": value} if value else {})


@pytest.mark.parametrize(
    "value", ['"', "50%", "hi!", "a^b", "a\nb", "a\rb", "é", "\x1b", "x" * 8200]
)
def test_what_cmd_cannot_quote_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(UsageError) as refused:
        CMD.render([("AWS_PROFILE", value)])
    assert value not in refused.value.what.replace("cannot be written", "")
    assert refused.value.cause


def test_cmd_sets_the_variables_of_a_session(session: Session) -> None:
    variables = run(
        CMD.render(assumed(session, chain="spokes/444444444444", region=None, before={}))
    )
    assert variables["AWS_SECRET_ACCESS_KEY"] == "sEcret/hub+0="
    assert variables["ROLEHOP_CHAIN"] == "spokes/444444444444"
    assert "AWS_PROFILE" not in variables
