"""AWS's clock in an answer, from which the end of a session by this machine's clock follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.exchange_clock import Moment, offset_of_server
from rolehop.aws.net.transport import HttpResponse
from rolehop.aws.sts import StsClient
from rolehop.base.durations import start_of_machine
from rolehop.plan.model import Hop
from tests.doubles.sts import StrictSts, User

MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize("skew", [-4 * MINUTES, 4 * MINUTES])
def test_a_session_records_how_far_the_clock_of_aws_is_from_ours(
    sts: StrictSts,
    settings: ClientSettings,
    alice: User,
    hop_to: Callable[..., Hop],
    skew: timedelta,
) -> None:
    sts.date_offset = skew
    begun = datetime.now(UTC)
    with StsClient(settings) as client:
        session = client.assume_role(hop_to(), alice.credentials, None)
    found, took = session.credentials, datetime.now(UTC) - begun
    # Both clocks are read in between, and told in whole seconds.
    second = timedelta(seconds=1)
    assert -took - second <= found.clock_offset - skew <= second
    assert found.expires_at == session.expires_at
    assert found.local_expires_at == session.expires_at - found.clock_offset
    assert session.started_at is not None
    assert abs(session.started_at - start_of_machine(begun)) <= 3 * second


def test_a_session_is_accepted_by_the_clock_of_aws_if_ours_is_a_day_ahead(
    sts: StrictSts, settings: ClientSettings, alice: User, hop_to: Callable[..., Hop]
) -> None:
    day = timedelta(days=1)
    sts.now -= day
    answer = sts.answer

    def a_day_behind(*arguments: Any) -> Any:
        found = answer(*arguments)
        sts.date_offset = -day  # not before the signature is judged
        return found

    sts.answer = a_day_behind  # type: ignore[assignment,method-assign]
    with StsClient(settings) as client:
        session = client.assume_role(hop_to(), alice.credentials, None)
    assert -day - MINUTES < session.credentials.clock_offset < -day + MINUTES


@pytest.mark.parametrize(
    ("date", "private", "seconds"),
    [
        pytest.param("Thu, 01 Jan 2026 12:10:00 GMT", True, 600, id="ahead"),
        pytest.param("Thu, 01 Jan 2026 11:50:00 GMT", True, -600, id="behind"),
        pytest.param("Thu, 01 Jan 2026 13:10:00 +0100", True, 600, id="another-zone"),
        pytest.param("Thu, 01 Jan 2026 11:59:59 GMT", True, 0, id="the-answer-took-a-second"),
        pytest.param("Thu, 01 Jan 2026 12:10:00 GMT", False, 0, id="anybody-may-have-changed-it"),
        pytest.param("", True, 0, id="absent"),
        pytest.param("yesterday", True, 0, id="no-date"),
        pytest.param("Wed, 01 Jan 1800 00:00:00 +2359", True, 0, id="another-age"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", True, 0, id="after-the-calendar"),
        pytest.param(f"Thu, 01 Jan {'9' * 5000} 12:10:00 GMT", True, 0, id="many-digits"),
    ],
)
def test_only_a_date_that_cannot_have_been_changed_counts(
    date: str, private: bool, seconds: float
) -> None:
    noon = Moment(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() + 0.9, 1_000)
    offset = offset_of_server(HttpResponse(200, {"date": date}, b"").date, noon, noon)
    response = HttpResponse(200, {}, b"", private, offset)
    assert response.clock_offset == timedelta(seconds=seconds)
