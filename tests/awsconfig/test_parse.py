from __future__ import annotations

from collections.abc import Callable, Mapping

import botocore.session
import pytest
from botocore.exceptions import ConfigParseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolehop.awsconfig import AwsConfig, parse_aws_config
from rolehop.base.credentials import Secret
from rolehop.base.errors import ConfigError

Boto = Callable[..., botocore.session.Session]
SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"


def revealed(sections: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    return {
        name: {
            key: value.reveal() if isinstance(value, Secret) else value
            for key, value in section.items()
        }
        for name, section in sections.items()
    }


def ours(config: str | None, credentials: str | None) -> dict[str, object] | None:
    try:
        aws = parse_aws_config(config, credentials)
    except ConfigError:
        return None
    return {
        "profiles": revealed(aws.profiles),
        "sso_sessions": revealed(aws.sso_sessions),
        "services": revealed(aws.services),
    }


def botocores(session: botocore.session.Session) -> dict[str, object] | None:
    try:
        full = session.full_config
    except ConfigParseError:
        return None
    return {name: full.get(name, {}) for name in ("profiles", "sso_sessions", "services")}


TEXTS = {
    "no-file": (None, None),
    "empty": ("", ""),
    "default": ("[default]\nregion = eu-west-1\n", None),
    "profile-default-after-default": ("[default]\na=1\nb=2\n[profile default]\na=3\n", None),
    "default-after-profile-default": ("[profile default]\na=3\n[default]\nb=2\n", None),
    "a-name-with-a-blank": ('[profile "sp ace"]\nregion = x\n', None),
    "a-blank-without-quotes-is-dropped": ("[profile sp ace]\nregion = x\n", None),
    "an-open-quote-is-dropped": ('[profile "sp]\nregion = x\n', None),
    "a-plain-section-is-no-profile": ("[other]\nregion = x\n", "[other]\nb = 1\n"),
    "profiles-as-a-word": ("[profiles x]\na=1\n[profilex]\nb=1\n", None),
    "sso-session": ("[sso-session corp]\nsso_region = eu-west-1\n", None),
    "services": ("[services s]\nsts =\n  endpoint_url = http://x\n  a=b=c\n", None),
    "a-block-in-a-profile": ("[default]\ns3 =\n  addressing_style = path\n\n  x = y\n", None),
    "a-broken-block": ("[default]\ns3 =\n  nothing\n", None),
    "a-broken-block-of-credentials": ("", "[a]\nx =\n  nothing\n"),
    "keys-are-lower-cased": ("[default]\nRegion = X\n", None),
    "colon": ("[default]\nregion: x\n", None),
    "comments": ("# one\n; two\n[default]\nregion = x # stays\n", None),
    "merge": ("[profile a]\nx = 1\ny = 1\n", "[a]\ny = 2\nz = 2\n"),
    "merge-into-default": ("[default]\nx = 1\n", "[default]\nx = 2\n"),
    "only-credentials": (None, "[a]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"),
    "credentials-name-is-raw": ("[profile p]\na=1\n", "[profile p]\nb=1\n"),
    "crlf": ("[default]\r\nregion = x\r\n[profile a]\r\nb = c\r\n", None),
    "cr": ("[default]\rregion = x\r", None),
    "continuation": ("[default]\nregion = a\n  b\n", None),
    "the-parsers-own-defaults": ("[DEFAULT]\nregion = x\n[profile a]\nb = c\n", None),
    "empty-value": ("[default]\nregion =\n", None),
    "no-value": ("[default]\nregion\n", None),
    "section-twice": ("[default]\na=1\n[default]\nb=1\n", None),
    "key-twice": ("[default]\na=1\nA=1\n", None),
    "nothing-before": ("a = 1\n[default]\n", None),
    "byte-order-mark": ("\ufeff[default]\na = 1\n", None),
    "percent": ("[default]\na = %(b)s\n", None),
    "broken-credentials": ("[default]\na = 1\n", "[a]\n[a]\n"),
}


@pytest.mark.parametrize(("config", "credentials"), TEXTS.values(), ids=TEXTS.keys())
def test_both_files_are_read_as_botocore_reads_them(
    config: str | None, credentials: str | None, boto: Boto
) -> None:
    assert ours(config, credentials) == botocores(boto(config, credentials))


_LINES = st.sampled_from(
    [
        "[default]", "[profile a]", '[profile "a b"]', "[profile a b]", "[sso-session a]",
        "[services a]", "[services", "[a]", "[]", "[DEFAULT]", "region = x", "Region: y", "sts =",
        "  endpoint_url = z", "  nothing", "\tk=v=w", "role_arn=r", "", " ", "# c", "; d", "k",
        "= v", "aws_secret_access_key = s", "aws_secret_access_key =", "é = ü", "a = 1 ; x",
    ]
)  # fmt: skip
_TEXT = st.none() | st.builds(
    lambda lines, end: end.join(lines),
    st.lists(_LINES, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=_TEXT, credentials=_TEXT)
def test_any_pile_of_lines_is_read_as_botocore_reads_it(
    boto: Boto, config: str | None, credentials: str | None
) -> None:
    assert ours(config, credentials) == botocores(boto(config, credentials))


REFUSED = {
    "section-twice": (f"[a]\naws_secret_access_key = {SECRET}\n[a]\n", "config:3: the section [a] occurs twice"),
    "key-twice": (f"[a]\nregion = {SECRET}\nregion = x\n", "config:3: region: occurs twice in [a]"),
    "a-secret-twice-as-a-key": (f"[a]\n{SECRET}:\n{SECRET}:\n", "config:3: occurs twice in [a]"),
    "before-any-section": (f"{SECRET}\n[a]\n", "config:1: there is a line before the first [section]"),
    "no-key": (f"[a]\nx = 1\n{SECRET}\n", "config:3: the line is neither a [section] nor key = value"),
    "broken-block": (
        f"[a]\nx = 1\n[default]\ns3 =\n  {SECRET}\n",
        "config:4: s3: an indented line below it is not key = value",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_names_file_and_line_and_never_quotes_it(text: str, cause: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_aws_config(text, None, config_file="config")
    assert caught.value.cause == cause
    assert [str(complaint) for complaint in caught.value.complaints] == [cause]
    assert SECRET not in repr(caught.value) + str(caught.value.__cause__)


def test_what_was_read_shows_no_secret() -> None:
    aws = parse_aws_config(
        f"[default]\naws_access_key_id = AKIA\naws_secret_access_key = {SECRET}\n"
        f"credential_process = /bin/x --password {SECRET}\n",
        f"[a]\naws_session_token = {SECRET}\n",
    )
    assert SECRET not in repr(aws)
    assert SECRET not in f"{aws} {aws.profiles['a']}"
    assert isinstance(aws.profiles["default"]["aws_secret_access_key"], Secret)


def test_a_value_of_nothing_is_an_empty_config() -> None:
    assert parse_aws_config(None, None) == AwsConfig()
