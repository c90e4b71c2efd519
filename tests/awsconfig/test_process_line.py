"""A credential_process line is split into the same words by botocore and by ``sh``."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from botocore.compat import compat_shell_split

from rolehop.awsconfig.own_profiles import OwnLine, Unwritable, own_line, process_line

WORDS = (
    *("/v/bin/python", "-IS", "/two words/l.py", "/it's/x", "/a$HOME/b", "/a`id`/b", '/say "x"/b'),
    *("/back\\slash/b", "/a&b;c|d<e>f/(g)", "/~/b", "/früh/日本/b", "/a!b", "/a*b?", "prod/web"),
    *("a@b.c+d", "/\U0001f600/b"),
)


def test_botocore_and_a_shell_read_the_words() -> None:
    line = process_line(WORDS)
    assert shlex.split(line) == compat_shell_split(line, "linux") == list(WORDS)
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, check=True, cwd="/"
    )
    assert shown.stdout.decode().splitlines() == list(WORDS)


def test_botocore_on_windows_reads_the_words() -> None:
    words = [r"C:\Program Files\rolehop\rolehop.exe", "credential-process", "prod/web"]
    line = process_line(words, windows=True)
    assert line == r'"C:\Program Files\rolehop\rolehop.exe" credential-process prod/web'
    assert compat_shell_split(line, "win32") == words
    assert own_line(line, windows=True) == OwnLine("prod/web", (words[0],))


@pytest.mark.parametrize(
    "word",
    [
        *("/a #b", "/a ;b", "/a\u3000#b", "/a\nb", "/a\tb", "/%(x)s/b", "/a\udc80b"),
        *("/a\nb\nc", "/a\nb #c\nd", "/a\n\n", "\n/a\nb"),
    ],
)
def test_what_sdks_would_read_in_different_ways_is_not_written(word: str) -> None:
    for windows in (False, True):
        with pytest.raises(Unwritable):
            process_line([word], windows=windows)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("rolehop credential-process a", OwnLine("a", ("rolehop",))),
        ("/v/rolehop credential-process --min-ttl 30m a -q", OwnLine("a", ("/v/rolehop",))),
        (
            "/v/rolehop credential-process --reason x a",
            OwnLine("a", ("/v/rolehop",), has_reason=True),
        ),
        ("/v/rolehop --config /c credential-process a", OwnLine("a", ("/v/rolehop",), "/c")),
        ("'/v v/rolehop' credential-process a", OwnLine("a", ("/v v/rolehop",))),
        (
            "/p -IS /l.py /v/rolehop credential-process a",
            OwnLine("a", ("/p", "/l.py", "/v/rolehop")),
        ),
        ("granted credential-process --profile a", None),
        ("rolehop credential-process", None),
        ("rolehop 'credential-process a", None),
        ("", None),
    ],
)
def test_a_line_that_runs_rolehop_is_known(line: str, found: OwnLine | None) -> None:
    assert own_line(line) == found
