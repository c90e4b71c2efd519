"""``uninstall`` with a sign-in to Identity Center."""

from __future__ import annotations

from tests.sources.identity_center.corp import Corp


def test_a_sign_in_that_another_keyring_has_is_not_said_to_be_removed(corp: Corp) -> None:
    """The state folder, which says where it is, stays."""
    world = corp.world
    corp.login()
    other = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = world.rolehop("uninstall", "--yes", env=other)
    assert done.code == 0, done.err
    assert "removed: 1 sign-in" not in done.err
    assert "left: sign-ins in " in done.err
    assert world.rolehop("status", "--format", "json").json["sign_ins"]
    done = world.rolehop("uninstall", "--yes")
    assert "removed: 1 sign-in" in done.err
    assert world.items() == []
