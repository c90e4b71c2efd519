"""A signal ends a server also if the exception of its handler is lost."""

from __future__ import annotations

import signal
from types import FrameType

import pytest

from rolehop.commands.serve.server import StopSignals


class _Raised(BaseException):
    pass


def _raise(number: int, frame: FrameType | None) -> None:
    raise _Raised


def test_a_signal_is_noted_before_its_handler_raises() -> None:
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        with StopSignals() as signals:
            with pytest.raises(_Raised):
                signal.raise_signal(signal.SIGTERM)
            assert signals.was_received
        assert signal.getsignal(signal.SIGTERM) is _raise
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert not signals.was_received
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
