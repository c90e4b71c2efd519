"""The least program that walks hops with the parts that rolehop uses: what its cold walk is held against.

``python least_walk.py ROLE_ARN…`` starts from the keys in the environment, calls the STS that
AWS_ENDPOINT_URL_STS names, stores each session in the Secret Service and prints the last one. It has
no config, no plan, no lock, no retry, and checks nothing.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree  # as botocore imports it

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from keyring.backends.SecretService import Keyring
from urllib3 import PoolManager

STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass
class Credentials:
    """What botocore's signer reads."""

    access_key: str
    secret_key: str
    token: str | None = None


def main() -> None:
    url, pool = os.environ["AWS_ENDPOINT_URL_STS"], PoolManager()
    keyring = Keyring()  # type: ignore[no-untyped-call]
    keys = (os.environ[f"AWS_{each}"] for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    found: dict[str, str | None] = {}
    signer = Credentials(*keys)
    for number, role in enumerate(sys.argv[1:], start=1):
        fields = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role}
        body = urlencode({**fields, "RoleSessionName": "me", "DurationSeconds": "3600"})
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", f"{url}/", headers, body.encode())
        SigV4Auth(signer, "sts", "eu-west-1").add_auth(request)
        answer = pool.request("POST", f"{url}/", headers=dict(request.headers), body=body.encode())
        document = ElementTree.fromstring(answer.data)  # noqa: S314 - of the tests' own STS
        found = {
            each.tag.removeprefix(STS): each.text
            for each in document.iterfind(f".//{STS}Credentials/*")
        }
        text = json.dumps(found)
        keyring.set_password(f"rolehop-least/{number}", "rolehop", text)  # type: ignore[no-untyped-call]
        keys = (found[each] or "" for each in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        signer = Credentials(*keys)
    sys.stdout.write(json.dumps({"Version": 1, **found}) + "\n")


if __name__ == "__main__":
    main()
