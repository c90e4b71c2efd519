"""What the tests of the STS double share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from rolehop.base.credentials import Credentials
from rolehop.walk.ports import StsRefusal
from tests.doubles.sts import StrictSts


def refusal_of(call: Callable[[], object]) -> StsRefusal:
    with pytest.raises(StsRefusal) as caught:
        call()
    return caught.value


def boto_client(sts: StrictSts, credentials: Credentials, region: str = "eu-west-1") -> Any:
    token = credentials.session_token
    return botocore.session.get_session().create_client(
        "sts",
        region,
        endpoint_url=sts.url,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key.reveal(),
        aws_session_token=token.reveal() if token else None,
        config=Config(retries={"total_max_attempts": 1}),
    )


def trust_policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:*", **each} for each in statements],
    }
