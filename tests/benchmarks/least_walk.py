"""The least programs that walk hops with the parts that rolehop uses: what its walks are held against.

``python least_walk.py chain ROLE_ARN…`` starts from the keys in the environment, calls the STS that
AWS_ENDPOINT_URL_STS names, stores each session in the Secret Service and prints the last one.
``python least_walk.py fan-out HUB_ARN ROLE_ARN…`` walks every role from the hub, 32 at a time, stores
nothing and prints how many sessions it got. Neither has a config, a plan, a lock, a history or a
retry, and they check nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree  # as botocore imports it

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from urllib3 import PoolManager

AT_ONCE = 32
STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass
class Credentials:
    """What botocore's signer reads."""

    access_key: str
    secret_key: str
    token: str | None = None


def main() -> None:
    mode, *roles = sys.argv[1:]
    keys = (os.environ[f"AWS_{each}"] for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    said = (walk_chain if mode == "chain" else fan_out)(Credentials(*keys), roles)
    sys.stdout.write(json.dumps(said) + "\n")


def walk_chain(signer: Credentials, roles: Sequence[str]) -> dict[str, object]:
    from keyring.backends.SecretService import Keyring

    pool, keyring = PoolManager(), Keyring()  # type: ignore[no-untyped-call]
    found: dict[str, str] = {}
    for number, role in enumerate(roles, start=1):
        found = assume(pool, signer, role)
        text = json.dumps(found)
        keyring.set_password(f"rolehop-least/{number}", "rolehop", text)  # type: ignore[no-untyped-call]
        signer = _signer(found)
    return {"Version": 1, **found}


def fan_out(signer: Credentials, roles: Sequence[str]) -> int:
    from concurrent.futures import ThreadPoolExecutor

    pool = PoolManager(maxsize=AT_ONCE)
    hub, *others = roles
    signer = _signer(assume(pool, signer, hub))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        sessions = list(threads.map(lambda role: assume(pool, signer, role), others))
    return len(sessions) + 1


def _signer(found: dict[str, str]) -> Credentials:
    return Credentials(
        *(found[each] for each in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    )


def assume(pool: PoolManager, signer: Credentials, role: str) -> dict[str, str]:
    url = os.environ["AWS_ENDPOINT_URL_STS"]
    fields = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role}
    body = urlencode({**fields, "RoleSessionName": "me", "DurationSeconds": "3600"})
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", f"{url}/", headers, body.encode())
    SigV4Auth(signer, "sts", "eu-west-1").add_auth(request)
    answer = pool.request("POST", f"{url}/", headers=dict(request.headers), body=body.encode())
    document = ElementTree.fromstring(answer.data)  # noqa: S314 - of the tests' own STS
    return {
        each.tag.removeprefix(STS): each.text or ""
        for each in document.iterfind(f".//{STS}Credentials/*")
    }


if __name__ == "__main__":
    main()
