"""A SAML sign-in is a session that is kept for hours: its life is judged by one clock, too."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from rolehop.hotpath.record import started_at
from rolehop.vault.serialization import as_document, read_document
from tests.doubles.saml import IdentityProvider
from tests.sources.machines import START, use
from tests.support.world import Done, World

NAME = "tokens/saml/s"
HOUR = timedelta(hours=1)


def signed_in(world: World, idp: IdentityProvider) -> None:
    use(world, 'type = "saml"')
    done = world.rolehop("source", "login", "s", "--stdin", input=idp.assertion([START]))
    assert done.code == 0, done.err


def rewrite(world: World, **changes: str) -> None:
    """Write the sign-in's item with other values, as rolehop would."""
    (path,) = (each for each in world.items() if "tokens%2F" in each.name)
    item = json.loads(path.read_text())
    document = {**read_document(item["password"], NAME), **changes}
    path.write_text(json.dumps({**item, "password": as_document(document, NAME)}))


def own(world: World) -> Done:
    return world.rolehop("credential-process", "own")


def test_a_sign_in_from_before_the_clock_was_set_back_is_not_used(
    world: World, idp: IdentityProvider
) -> None:
    """It has ended, and by this clock it ends tomorrow."""
    signed_in(world, idp)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ends = (tomorrow - timedelta(minutes=5)).isoformat()
    issued = (tomorrow - timedelta(minutes=65)).isoformat()
    rewrite(world, issued_at=issued, expires_at=ends, local_expires_at=ends)
    done = own(world)
    assert (done.code, done.out) == (4, "")
    assert "the clock was set back since the last sign-in" in done.err


def test_a_sign_in_by_a_fast_clock_that_is_set_right_does_not_last_longer(
    world: World, idp: IdentityProvider
) -> None:
    """The clock was four hours ahead: by it the session ends in four hours, by AWS's it is over."""
    signed_in(world, idp)
    now, ahead = datetime.now(UTC), 4 * HOUR
    over = now - timedelta(minutes=1)
    rewrite(
        world,
        issued_at=(now - HOUR).isoformat(),
        expires_at=over.isoformat(),
        local_expires_at=(over + ahead).isoformat(),
        started_at=str(started_at(now.timestamp()) + int(ahead.total_seconds())),
    )
    done = own(world)
    assert (done.code, done.out) == (4, "")
    assert "the session of the last sign-in ended at" in done.err
