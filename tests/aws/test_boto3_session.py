"""The end of a session as botocore judges it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from rolehop.aws.boto3_session import make_session
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.durations import start_of_machine


def test_a_clock_that_is_set_back_does_not_put_off_the_refresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads = []

    def load() -> Session:
        now = datetime.now(UTC).replace(microsecond=0)
        loads.append(now)
        ends, started_at = now + timedelta(hours=1), start_of_machine(now)
        credentials = Credentials("ASIAEXAMPLE000000001", Secret("secret"), Secret("token"), ends)
        return Session(credentials, "", "", now, ends, started_at=started_at)

    keys = make_session(load, None).get_credentials()
    for _ in range(2):
        keys.get_frozen_credentials()
    assert len(loads) == 1
    # Two hours pass, by which the clock that can be set is set back.
    clock = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) + 7200)
    for _ in range(2):
        keys.get_frozen_credentials()
    assert len(loads) == 2
