"""A sign-in that AWS ended is shown as ended, until AWS takes it again or somebody signs in."""

from __future__ import annotations

from tests.sources.identity_center.corp import CONFIG, PICKED, Corp

FLEET = """
[fleets.mine]
source = "corp"
accounts = ["111111111111"]
"""


def state(corp: Corp) -> tuple[str, str | None]:
    (row,) = corp.world.rolehop("source", "list", "--format", "json").json["sources"]
    return row["state"], row["problem"]


def test_a_sign_in_that_was_ended_elsewhere_is_known_once_aws_said_so(corp: Corp) -> None:
    corp.login()
    assert state(corp) == ("ready", None)
    corp.center.end_all()
    assert state(corp) == ("ready", None)  # nobody has said it so far
    assert corp.world.rolehop("exec", "hub", "--", "true").code == 4
    ended = "a sign-in in the keyring: ended: AWS takes it no longer"
    assert state(corp) == ("not ready", ended)
    found = corp.world.rolehop("doctor", "--format", "json").json["findings"]
    assert [each["what"] for each in found if each["topic"] == "sources"] == [
        f"source corp: {ended}"
    ]
    (sign_in,) = corp.world.rolehop("status", "--format", "json").json["sign_ins"]
    assert sign_in["ended"] is True
    assert "ended: AWS takes it no longer" in corp.world.rolehop("status").out
    corp.login()
    assert state(corp) == ("ready", None)


def test_a_sign_in_that_aws_takes_again_has_not_ended(corp: Corp) -> None:
    corp.login()
    corp.center.end_all()
    corp.world.rolehop("exec", "hub", "--", "true")
    assert state(corp)[0] == "not ready"
    for each in corp.center.sessions:
        each.ended = False
    assert corp.world.rolehop("exec", "hub", "--", "true").code == 0
    assert state(corp) == ("ready", None)


def test_a_source_whose_fleets_name_the_account_is_ready_where_nobody_can_be_asked(
    corp: Corp,
) -> None:
    corp.world.config(PICKED.partition("[chains.own]")[0] + FLEET)
    corp.login()
    assert state(corp)[1] is None
    corp.world.config(CONFIG)
    assert state(corp) == ("ready", None)


def test_a_sign_in_that_was_deleted_from_the_keyring_is_missed_by_the_first_walk(
    corp: Corp,
) -> None:
    corp.login()
    for item in corp.world.items():
        item.unlink()
    assert state(corp) == ("ready", None)
    assert corp.world.rolehop("exec", "hub", "--", "true").code == 4
    assert state(corp)[0] == "not ready"
    assert corp.world.rolehop("status", "--format", "json").json["sign_ins"] == []


def test_a_server_and_a_run_say_when_a_sign_in_ends_that_does_not_renew_itself(corp: Corp) -> None:
    corp.center.renews = False
    corp.login()
    for job in (
        ["exec", "--server", "hub", "--", "true"],
        ["each", "--server", "own", "--", "true"],
    ):
        done = corp.world.rolehop(*job)
        assert done.code == 0, done.err
        said = [each for each in done.err.splitlines() if "the sign-in of corp ends at" in each]
        assert len(said) == 1, done.err
        assert "rolehop source login corp --force" in done.err
