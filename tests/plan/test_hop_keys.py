"""Hop keys: sessions that earlier versions stored are found again, and no two things share a key."""

from typing import Any

import pytest

from rolehop.arn import RoleArn
from rolehop.config.model import SourceConfig
from rolehop.plan.hop_keys import hop_key, source_key, token_key
from rolehop.plan.model import Hop, Stamp

ALICE = SourceConfig("alice", "keys", {"mfa_serial": "auto", "mfa_duration": 900})
DEV = SourceConfig(
    "aws",
    "profile",
    {"profile": "dev"},
    region="eu-west-1",
    principal="arn:aws:iam::111111111111:user/alice",
)
PROCESS = SourceConfig("p", "process", {"command": ("a", "b c")})
HUB = RoleArn("aws", "222222222222", "/team/x/", "Hub")
FULL: dict[str, Any] = {
    "external_id": "x-42",
    "policy": '{"Version": "2012-10-17"}',
    "policy_arns": ("arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"),
    "tags": (("team", "platform"), ("env", "prod ü")),
    "transitive_tags": ("team", "env"),
    "source_identity": "alice",
    "mfa_serial": "auto",
}

# What the first released layout stored its sessions under. These values never change: a changed
# one means that every session in every keyring is lost.
KEYS_SOURCE = "4b67c5b87c38659f07e4668820132d4c95b79ba07d48f002d9246045a6942623"
MFA_TOKEN = "6b895ff7b8bbdb0bef7397c6ba413ced91f5a46ddcf8142aab07b15775c15fd2"
FIRST_HOP = "3e6e386016b0d6ae349554e9b963deebf6aebbdea9196cacfe03be423f903489"


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        pytest.param(
            source_key(ALICE, Stamp("AKIASOURCE", long_lived=True), None), KEYS_SOURCE, id="keys"
        ),
        pytest.param(
            source_key(DEV, Stamp("abc", long_lived=True), "http://localhost:5000"),
            "9a23dc4e6750368de377c9215ead1d631ccd7c8f8ad24bfd98ce6ff6101fc106",
            id="a-profile-and-an-endpoint",
        ),
        pytest.param(
            source_key(PROCESS, Stamp("unknown", long_lived=False), None),
            "3dc5d56bf2bced9904ef02db5fe8d295e4f56e4d594a66a47ad381d1178b353f",
            id="a-process",
        ),
        pytest.param(
            token_key(KEYS_SOURCE, 43200, None),
            "5d9931b883abf5591ee021f0ce28ecba89423cdfeac71322af3cd93fbcbe52f7",
            id="a-token",
        ),
        pytest.param(
            token_key(KEYS_SOURCE, 3600, "arn:aws:iam::111111111111:mfa/alice"),
            MFA_TOKEN,
            id="a-token-with-mfa",
        ),
        pytest.param(hop_key(MFA_TOKEN, Hop(HUB, "alice@laptop", 3600)), FIRST_HOP, id="a-hop"),
        pytest.param(
            hop_key(FIRST_HOP, Hop(HUB, "alice@laptop", 900, **FULL)),
            "9590632869cf7025652d4b6ca91b2ddfd42a9fda1fbf2aaf4121bacd54aedc94",
            id="a-hop-with-everything",
        ),
    ],
)
def test_sessions_of_released_versions_keep_their_keys(key: str, stored: str) -> None:
    assert key == stored
