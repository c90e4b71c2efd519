from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.fastpath.writer import process_line


def test_the_line_is_the_contract_in_its_order_without_spaces() -> None:
    line = process_line("ASIA1", "s/+", "t==", "2030-01-02T03:04:05Z", "222222222222")
    assert line == (
        '{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s/+","SessionToken":"t==",'
        '"Expiration":"2030-01-02T03:04:05Z","AccountId":"222222222222"}'
    )


@pytest.mark.parametrize(
    ("token", "expires_at", "account", "names"),
    [
        pytest.param(None, None, "", [], id="an-iam-user-key"),
        pytest.param("t", None, "", ["SessionToken"], id="no-known-end"),
        pytest.param(
            "t", "2030-01-02T03:04:05Z", "", ["SessionToken", "Expiration"], id="no-account"
        ),
    ],
)
def test_what_is_not_known_is_left_out(
    token: str | None, expires_at: str | None, account: str, names: list[str]
) -> None:
    told = json.loads(process_line("AKIA1", "s", token, expires_at, account))
    assert list(told) == ["Version", "AccessKeyId", "SecretAccessKey", *names]


@given(st.text(), st.text(), st.text())
def test_any_text_comes_back_from_json_as_it_was(secret: str, token: str, account: str) -> None:
    line = process_line("AKIA1", secret, token, None, account)
    told = json.loads(line)
    assert (told["SecretAccessKey"], told["SessionToken"]) == (secret, token)
    assert told.get("AccountId", "") == account
    assert line == json.dumps(told, separators=(",", ":"))


def test_the_fast_path_loads_no_other_module_for_it() -> None:
    code = (
        "import sys; before = set(sys.modules); from rolehop.fastpath.writer import process_line;"
        "process_line('AKIA1', 's', 't', None, ''); print(sorted(set(sys.modules) - before))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(shown.stdout)) <= {  # noqa: S307
        "__future__",
        "rolehop",
        "rolehop.fastpath",
        "rolehop.fastpath.record",
        "rolehop.fastpath.writer",
    }
