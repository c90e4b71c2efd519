from __future__ import annotations

import json
import sys
from pathlib import Path

import botocore.session
import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.handover.formats import as_process


def test_the_line_is_the_contract_to_the_byte(session: Session) -> None:
    assert as_process(session) == (
        '{"Version":1,"AccessKeyId":"ASIAHUB","SecretAccessKey":"sEcret/hub+0=",'
        '"SessionToken":"IQoJ/token+hub==","Expiration":"2030-01-02T04:04:05Z",'
        '"AccountId":"222222222222"}\n'
    )


def test_an_unknown_account_is_left_out(next_session: Session) -> None:
    assert list(json.loads(as_process(next_session))) == [
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
    ]


def test_long_lived_keys_are_not_handed_over(session: Session) -> None:
    keys = replace(session, credentials=Credentials("AKIASOURCE", Secret("x")))
    with pytest.raises(ValueError, match="without a session token"):
        as_process(keys)


def test_botocore_takes_the_line(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "line").write_text(as_process(session))
    command = f"{sys.executable} -c \"print(open('{tmp_path}/line').read())\""
    (tmp_path / "config").write_text(f"[profile hub]\ncredential_process = {command}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    credentials = botocore.session.Session(profile="hub").get_credentials()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    assert (frozen.access_key, frozen.secret_key, frozen.token) == (
        "ASIAHUB",
        "sEcret/hub+0=",
        "IQoJ/token+hub==",
    )
    assert getattr(frozen, "account_id", None) == "222222222222"  # the stubs lack it
