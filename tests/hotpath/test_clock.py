"""One clock: AWS's expiry is handed out, and a session's life is judged by this machine's."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from rolehop.base.dataclass import replace
from rolehop.base.digest import checked_line
from rolehop.base.durations import start_of_machine
from rolehop.vault.serialization import as_item, as_time
from tests.hotpath.paths import Item, asked, full, hot, warmed
from tests.support.world import World

HOUR = timedelta(hours=1)
MIN_TTL = timedelta(minutes=16)
# Less than the five minutes for which AWS takes a signature.
SKEW = timedelta(minutes=4, seconds=30)
# An answer comes late on a machine that stalls: by so much the two clocks seem to differ.
LATE = timedelta(seconds=25)
OFFSETS = [pytest.param(SKEW, id="slow"), pytest.param(-SKEW, id="fast")]


def set_aws_clock(world: World, offset: timedelta) -> None:
    """Let AWS's clock differ from this machine's: a positive ``offset`` makes this one slow."""
    world.sts.date_offset = offset
    world.sts.now += offset


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_wrong_clock_changes_nothing_but_the_note(hot_world: World, offset: timedelta) -> None:
    set_aws_clock(hot_world, offset)
    done = full(hot_world, "admin")
    assert done.code == 0
    assert re.sub(r"4 min [0-9]+ s", "4 min", done.err.strip()) == (
        "rolehop: your clock is 4 min "
        f"{'behind' if offset > timedelta() else 'ahead of'} AWS's; sessions are judged by AWS's"
        " clock, but set yours"
    )
    assert full(hot_world, "admin").err == ""

    # What is handed out is AWS's own expiry; here the session lasts an hour.
    session = Item(hot_world, "admin").session
    assert datetime.fromisoformat(done.json["Expiration"]) == session.expires_at
    assert abs(session.local_expires_at - session.issued_at - HOUR) <= LATE
    assert abs(session.expires_at - session.local_expires_at - offset) <= LATE
    for least, answers in ((MIN_TTL, True), (MIN_TTL - timedelta(seconds=1), False)):
        moment = (session.local_expires_at - least).timestamp()
        found = hot(hot_world, "admin", now=partial(float, moment))
        assert found == (done.out if answers else None)

    rows = hot_world.rolehop("status", "--format", "json").json["sessions"]
    assert [row["expires_at"] for row in rows if row["hop"] == 2] == [done.json["Expiration"]]
    assert all(row["seconds_left"] <= (HOUR + LATE).total_seconds() for row in rows)


def test_a_small_difference_is_not_reported(hot_world: World) -> None:
    set_aws_clock(hot_world, timedelta(seconds=100))
    assert full(hot_world, "admin").err == ""


def test_a_clock_set_back_a_day_gives_out_nothing_from_before(hot_world: World) -> None:
    """The session has ended, and by this clock it ends tomorrow."""
    first = warmed(hot_world, "admin")
    now = time.time()
    Item(hot_world, "admin").moved(now + 22 * 3600, now + 23 * 3600)
    assert hot(hot_world, "admin") is None
    done = full(hot_world, "admin")
    assert done.json["AccessKeyId"] not in first
    assert asked(hot_world, "admin").out == done.out


@pytest.mark.parametrize(("minutes", "kept_on"), [(4, True), (6, False)])
def test_a_clock_that_was_set_back_a_little_is_forgiven(
    hot_world: World, minutes: int, kept_on: bool
) -> None:
    first = json.loads(warmed(hot_world, "admin"))["AccessKeyId"]
    now = time.time() + 60 * minutes
    Item(hot_world, "admin").moved(now, now + 3600)
    assert (full(hot_world, "admin").json["AccessKeyId"] == first) == kept_on


def set_right(world: World, chain: str, ahead: timedelta, minutes: int = 10) -> None:
    """Write item and index as if this clock had been ``ahead``, and was set right since.

    The session was received an hour ago by that clock, and ends in some minutes.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    ends, started = now + timedelta(minutes=minutes), start_of_machine(now) + ahead
    item = Item(world, chain)
    credentials = replace(item.session.credentials, expires_at=ends, clock_offset=-ahead)
    session = replace(item.session, credentials=credentials, issued_at=now - HOUR, expires_at=ends)
    session = replace(session, started_at=started)
    item.text = as_item(session, item.key, item.record_key)

    file = world.state / "index.json"
    document = json.loads(file.read_text())
    del document["check"]
    document["started_at"] = as_time(started)
    document["sessions"][item.key] |= {
        "issued_at": as_time(session.issued_at),
        "expires_at": as_time(ends),
        "local_expires_at": as_time(session.local_expires_at),
    }
    file.write_text(checked_line(json.dumps(document)))


def test_a_clock_that_was_fast_and_is_set_right_lengthens_no_session(hot_world: World) -> None:
    first = warmed(hot_world, "admin")
    set_right(hot_world, "admin", timedelta(hours=4))
    assert hot(hot_world, "admin") is None
    rows = hot_world.rolehop("status", "--format", "json").json["sessions"]
    assert all(row["seconds_left"] <= 600 for row in rows if row["hop"] == 2)
    plan = hot_world.rolehop("plan", "admin", "--format", "json").json["hops"]
    assert plan[1]["cache"] == "stale"
    done = full(hot_world, "admin")
    assert done.json["AccessKeyId"] not in first
    assert asked(hot_world, "admin").out == done.out


def test_the_time_left_is_told_by_the_clock_that_is_right_now(hot_world: World) -> None:
    warmed(hot_world, "admin")
    set_right(hot_world, "admin", timedelta(hours=4), minutes=40)
    (hot_world.state / "index.json").unlink()
    done = hot_world.rolehop("whoami", "admin")
    assert re.search(r"lasts +(3[0-9]|40) min left", done.out)
    assert "your clock" not in done.err


def test_a_machine_that_was_started_again_keeps_its_sessions(hot_world: World) -> None:
    first = warmed(hot_world, "admin")
    item = Item(hot_world, "admin")
    started = start_of_machine(datetime.now(UTC)) - timedelta(days=2)
    item.text = as_item(replace(item.session, started_at=started), item.key, item.record_key)
    assert hot(hot_world, "admin") == first
    assert full(hot_world, "admin").out == first
