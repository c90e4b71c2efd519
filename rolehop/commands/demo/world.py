"""The demo's AWS: moto's STS and IAM on 127.0.0.1, with three accounts that trust each other."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from rolehop.base.advice import install_extra
from rolehop.base.errors import UsageError
from rolehop.commands.demo.home import deferred
from rolehop.commands.demo.scopes import ACTION as SCOPE_CALL
from rolehop.commands.demo.scopes import ScopeCalls

HOME, HUB, SPOKE = "111111111111", "222222222222", "333333333333"
USER = "alice"
REGION = "eu-west-1"

# Role by account, and who may assume it.
ROLES = (
    (HOME, "Developer", f"arn:aws:iam::{HOME}:user/{USER}"),
    (HUB, "Hub", f"arn:aws:iam::{HOME}:role/Developer"),
    (SPOKE, "Spoke", f"arn:aws:iam::{HUB}:role/Hub"),
)

NEEDED = ("moto", "flask", "flask_cors")


def require_moto() -> None:
    """Check that the demo's AWS can run.

    Raises:
        UsageError: rolehop was installed without the ``demo`` extra.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            "the demo needs moto, which plays AWS",
            cause=f"not installed: {', '.join(missing)}",
            fix=install_extra("demo"),
        )


class World:
    """The AWS on loopback: where it listens and which calls it got."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._guard = threading.Lock()
        self._calls: list[str] = []

    def note(self, action: str) -> None:
        """Record one call; called by the server's threads."""
        with self._guard:
            self._calls.append(action)

    def calls(self) -> list[str]:
        """Return the actions called since this was last called, in order."""
        with self._guard:
            new, self._calls = self._calls, []
        return new

    def build(self) -> None:
        """Make the user, the roles and their trust policies, each in its account."""
        for account, role, trusted in ROLES:
            iam = self._iam(account)
            if account == HOME:
                iam.create_user(UserName=USER)
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=_trust(trusted))

    def new_keys(self) -> str:
        """Make an access key of the user; return it as ``aws iam create-access-key`` prints it."""
        with deferred():  # a signal in the middle of a call would leave its connection open
            key = self._iam(HOME).create_access_key(UserName=USER)["AccessKey"]
        return json.dumps({"AccessKey": key}, default=str)

    def _iam(self, account: str) -> Any:
        import boto3

        client = boto3.client(
            "iam",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="setup",
            aws_secret_access_key="setup",  # noqa: S106 - moto looks at the account only
        )

        def act_in_account(params: dict[str, Any], **_: Any) -> None:
            params["headers"]["x-moto-account-id"] = account

        client.meta.events.register("before-call.iam", act_in_account)
        return client


@contextmanager
def world() -> Iterator[World]:
    """Start the AWS on a free port of 127.0.0.1; stop it at the end.

    moto checks neither trust policies nor signatures across accounts unless told to; the policies
    are there to be read.
    """
    import flask
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        made = World(f"http://{host}:{port}")

        scopes = ScopeCalls((HOME, HUB, SPOKE))

        def note(sender: object, **_: object) -> None:
            form, headers = flask.request.form, flask.request.headers
            made.note(form.get("Action", "?"))
            if form.get("Action") == SCOPE_CALL:  # which moto has not
                signed = headers.get("Authorization", ""), headers.get("X-Amz-Security-Token", "")
                status, text = scopes.answer(form, *signed)
                flask.abort(flask.Response(text, status, mimetype="text/xml"))

        with flask.request_started.connected_to(note):
            made.build()
            made.calls()
            yield made
    finally:
        server.stop()


def _trust(principal: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
