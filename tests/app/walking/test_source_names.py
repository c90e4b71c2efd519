"""The name that fills in ``{caller}``: a source that is nobody gives none."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

from rolehop.app.chain_walk import ask_aws
from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.app.source_callers import SourceCallers
from rolehop.base.errors import SourceError, VaultLocked
from rolehop.plan.model import Stamp
from tests.support.simulator import FakeAws
from tests.support.world import HUB

CONFIG = f"""\
version = 1
[defaults]
session_name = "{{caller}}"
[sources]
me = {{ type = "environment" }}
named = {{ type = "environment", principal = "arn:aws:iam::111111111111:user/ann" }}
[chains]
hub = {{ source = "me", hops = [{{ role = "{HUB}" }}] }}
named = {{ source = "named", hops = [{{ role = "{HUB}" }}] }}
"""


def documents() -> NoReturn:
    raise VaultLocked("the keyring is locked")


def alone() -> AbstractContextManager[None]:
    return nullcontext()


@pytest.fixture
def app(tmp_path: Path) -> App:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    environ = {"HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "s"}
    app = App(environ, tmp_path, config_file=str(file))
    vars(app)["source_callers"] = SourceCallers(documents, alone)
    return app


def name_of(app: App, chain: str, aws: FakeAws) -> str:
    stamp = Stamp("AKIAX", long_lived=True)
    plan, resolved = Planning(app).plan(chain), Planning(app).resolve(chain)
    return ask_aws(Planning(app), resolved, stamp, plan, aws.ports(), None)


def test_a_user_has_a_name_and_a_role_has_none(app: App) -> None:
    aws = FakeAws()
    assert name_of(app, "named", aws) == "ann"
    assert aws.calls == []
    assert name_of(app, "hub", aws) == "alice"
    assert aws.calls == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    ("arn", "says"), [(HUB, "source 'me' is nobody with a name"), (None, "has no credentials here")]
)
def test_a_source_that_is_nobody_is_said(arn: str | None, says: str, app: App) -> None:
    aws = FakeAws()
    if arn is None:
        aws.source = None
    else:
        aws.arn = arn
    with pytest.raises(SourceError, match=says):
        name_of(app, "hub", aws)
