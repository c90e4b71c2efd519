"""Secrets in texts: hidden wherever they stand, and cheap to look for."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable

import pytest

from rolehop.base import credentials
from rolehop.base.credentials import HIDDEN, Credentials, Secret, scrub


class _Untouched(str):
    """A text that nothing is searched in."""

    __slots__ = ()

    def replace(self, *_: object, **__: object) -> str:
        raise AssertionError("it was compared with secrets")


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%r".__mod__, ascii])
def test_a_secret_shows_its_text_to_nothing_that_prints_it(show: Callable[[object], str]) -> None:
    secret = Secret("planted-secret")
    keys = Credentials("AKIAEXAMPLE000000", secret, secret)
    for each in (secret, keys, [secret], {"key": secret}):
        assert "planted" not in show(each)
    for take in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            take(secret)


def test_a_secret_is_hidden_wherever_it_stands_whole() -> None:
    kept = [Secret(each) for each in ("wJalrXUtnFEMI", "wJalrX", "1234", "abc", "é→🔑x")]
    gone = Secret("temporary")
    del gone
    assert scrub("wJalrXUtnFEMI, wJalrX; wJalr") == f"{HIDDEN}, {HIDDEN}; wJalr"
    assert scrub("12341234 é→🔑x") == f"{HIDDEN}{HIDDEN} {HIDDEN}"
    assert scrub("abc") == "abc"  # three characters are too few to hide
    assert scrub("temporary") == "temporary"
    assert scrub("") == ""
    assert kept


def test_a_text_in_which_no_secret_begins_is_compared_with_none_of_thousands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Other tests of this process may have had a secret that begins like a word of this text.
    monkeypatch.setattr(credentials, "_starts", (set(),))
    kept = [Secret(f"{number:08x}{'f' * 32}") for number in range(1000)]
    text = _Untouched("arn:aws:iam::role/Far, ses-me@host")
    assert scrub(text) is text
    assert kept


def test_how_a_secret_began_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_starts", (set(),))
    kept = [Secret(f"{number:08x}") for number in range(0, 1 << 32, 1 << 24)]
    for number in range(10_000):
        Secret(f"{number:04}gone")
    (starts,) = credentials._starts
    assert len(starts) < 3_000
    assert {each.reveal()[:4] for each in kept} <= starts
    assert scrub(f"0042gone {kept[-1].reveal()}") == f"0042gone {HIDDEN}"


def test_no_secret_is_missed_while_others_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_MOST_GONE", -10_000_000)  # each new one forgets
    missed = list[str]()

    def work(name: str) -> None:
        for number in range(300):
            text = f"{number:04}{name}"
            kept = Secret(text)
            if scrub(text) != HIDDEN:
                missed.append(text)
            del kept

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert missed == []
