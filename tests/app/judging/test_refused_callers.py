"""Which chain made a refused call, and what its text says of it; no AWS call is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import explain_refused_hop
from rolehop.app.judging.refused_walk import explain_refusals, settled_by_documents
from rolehop.base.errors import HopRefused, UsageError
from rolehop.commands.explain.denied_call import (
    RefusedSession,
    explain_error,
    judge_decoded,
    refused_session,
)
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.vault.refusals import record_refusals
from tests.support.world import ADMIN, HUB

ALICE = "arn:aws:iam::111111111111:user/alice"
BOB = "arn:aws:iam::111111111111:user/bob"
RUNNER = "arn:aws:sts::666666666666:assumed-role/Runner/job"
DEPLOY = "arn:aws:sts::777777777777:assumed-role/Deploy/job"
DEVELOPER = "arn:aws:sts::888888888888:assumed-role/AWSReservedSSO_Developer_1a2b/me"
CONFIG = f"""\
version = 1
[sources]
ann = {{ type = "keys", principal = "{ALICE}" }}
bob = {{ type = "keys", principal = "{BOB}" }}
saml = {{ type = "saml", assertion_file = "/no/assertion" }}
job = {{ type = "web-identity", token_file = "/no/token", role = "777777777777:role/Deploy" }}
sso = {{ type = "identity-center", start_url = "https://corp.awsapps.com/start", sso_region = "eu-west-1", account = "888888888888", role = "Developer" }}
[chains]
bob = {{ source = "bob" }}
own = {{ source = "ann" }}
job = {{ source = "job" }}
hub = {{ source = "ann", hops = [{{ role = "{HUB}" }}] }}
sso = {{ source = "sso", hops = [{{ role = "{HUB}" }}] }}
by-saml = {{ source = "saml", hops = [{{ role = "{ADMIN}" }}] }}
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_in(tmp_path, CONFIG)


def app_in(folder: Path, config: str) -> App:
    file = folder / "config.toml"
    file.write_text(config)
    file.chmod(0o600)
    return App({"HOME": str(folder)}, folder, config_file=str(file))


@pytest.mark.parametrize(
    ("caller", "resource", "found"),
    [
        (None, HUB, None),
        (ALICE, HUB, ("hub", 0, True)),
        (ALICE, "other", ("own", 0, False)),
        (BOB, "other", ("bob", 0, False)),
        (DEPLOY, "other", ("job", 0, False)),
        (DEVELOPER, "other", ("sso", 0, False)),
        (RUNNER, ADMIN, ("by-saml", 0, True)),
        (RUNNER, "other", None),
        ("arn:aws:iam::111111111111:user/carol", ADMIN, None),
    ],
)
def test_the_chain_that_called_is_found_by_whose_its_source_is(
    caller: str | None, resource: str, found: tuple[Any, ...] | None, app: App
) -> None:
    denied = AccessDenied(caller, "sts:AssumeRole", resource)
    session = refused_session(app, denied, PolicyOptions(), offline=True)
    expected = found and RefusedSession(found[0], found[1], is_hop=found[2])
    assert session == expected


def test_a_shortened_resource_is_not_judged(app: App) -> None:
    text = f"User: {ALICE} is not authorized to perform: s3:GetObject on resource: {{}}"
    whole, short = (
        explain_error(app, text.format(arn), PolicyOptions(), offline=True)
        for arn in ("arn:aws:s3:::data/1", "arn:aws:s3:::data/*")
    )
    assert (whole.chain, short.chain) == ("own", "own")
    assert (whole.action is not None, short.action) == (True, None)


@pytest.mark.parametrize(
    ("operation", "call"),
    [("GetObject", "--action s3:GetObject"), ("GetQueueUrl", "--action ACTION")],
)
def test_a_bare_refusal_names_the_action_only_of_s3(operation: str, call: str, app: App) -> None:
    text = f"An error occurred (AccessDenied) when calling the {operation} operation: Access Denied"
    with pytest.raises(UsageError) as caught:
        explain_error(app, text, PolicyOptions(), offline=True)
    assert call in str(caught.value.fix)


def test_a_decoded_message_gives_the_services_own_keys_alone(app: App) -> None:
    def condition(key: str, value: str) -> dict[str, Any]:
        return {"key": key, "values": {"items": [{"value": value}]}}

    keys = [condition("aws:RequestedRegion", "eu-west-1"), condition("ec2:Owner", "amazon")]
    message = {
        "allowed": False,
        "context": {
            "principal": {"arn": ALICE},
            "action": "ec2:RunInstances",
            "resource": "arn:aws:ec2:eu-west-1::image/ami-1",
            "conditions": {"items": keys},
        },
    }
    found = judge_decoded(app, message, PolicyOptions(), offline=True)
    assert found is not None
    assert found.action is not None
    context = found.action.verdict.request.context
    assert (context.lookup("ec2:Owner"), context.supplied) == (("amazon",), ("ec2:Owner",))


def test_a_refusal_of_no_hop_is_not_judged(app: App) -> None:
    of_none = HopRefused("no", code="AccessDenied")
    of_gone = HopRefused("no", code="AccessDenied", chain="gone", hop=1)
    assert list(explain_refusals(app, [of_none, of_gone], WalkOptions(), {})) == [None, None]
    with pytest.raises(UsageError, match="no longer has a hop 2"):
        explain_refused_hop(
            app,
            "hub",
            (2, AwsRefusal("AccessDenied", None)),
            PolicyOptions(),
            WalkOptions(),
            offline=True,
        )


def test_documents_settle_no_hop_that_was_not_refused_last(app: App) -> None:
    refused = record_refusals(app.state_folder, "own", WalkOptions(), app.now)
    with pytest.raises(HopRefused), refused:
        raise HopRefused("no", code="AccessDenied", chain="own", hop=1)
    assert settled_by_documents(app, "hub", 1) == ()
    assert settled_by_documents(app, "hub", 1, WalkOptions()) == ()
