"""Which sign-ins are said to end during a long job: those that do, and that only a person renews."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.sign_in_ends import ending_sign_ins
from rolehop.sources import token_name
from rolehop.vault.index import SignInEnd

CONFIG = """version = 1
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
[sources.alice]
type = "keys"
[fleets.corp]
source = "corp"
[fleets.corp.chains]
dev = "111111111111/Dev"
prod = "222222222222/Admin"
[chains.hub]
source = "alice"
"""
HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("left", "renews", "ended", "said"),
    [
        (2 * HOURS, False, False, True),
        (20 * HOURS, False, False, False),
        (-HOURS, False, False, False),  # then the walk asks for a sign-in, or fails
        (2 * HOURS, True, False, False),
        (2 * HOURS, False, True, False),
        (None, False, False, False),
    ],
)
def test_a_line_for_each_sign_in_that_ends_meanwhile(
    tmp_path: Path, left: timedelta | None, renews: bool, ended: bool, said: bool
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    environ = {"HOME": str(tmp_path), "ROLEHOP_CONFIG": str(tmp_path / "config.toml")}
    app = App(environ | {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path)
    name = token_name(app.config.sources["corp"], lambda: app.source_context)
    assert name is not None
    at = None if left is None else app.now() + left
    end = SignInEnd(at, renews, "tests.Double", ended)
    app.index_store.change(lambda index: index.with_sign_in_end(name, end))
    app = App(app.environ, tmp_path)
    lines = [str(each) for each in ending_sign_ins(app, ["dev", "prod", "hub", "no"], 8 * HOURS)]
    assert len(lines) == said
    for line in lines:
        assert line.startswith("the sign-in of corp ends at ")
        assert line.endswith("rolehop source login corp --force")
