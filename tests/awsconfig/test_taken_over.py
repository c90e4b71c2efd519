"""What is taken over of an AWS file comes back byte for byte, and nothing else in it changes."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolehop.awsconfig.taken_over import (
    CREDENTIALS,
    KEYS,
    Unchangeable,
    pair_in,
    put_back,
    take_over,
    taken_profiles,
    without_secrets,
)
from rolehop.base.credentials import Credentials, Secret

LINE = "/v/bin/python -IS /v/share/rolehop/launcher.py /v/bin/rolehop credential-process hub"
SETTINGS = {"credential_process": LINE}
SECRET = "Sec/ret+wJalrXUtnFEMI=K7MDENGbPxRfiCYEXAM"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"

TEXT = f"""\
# mine
[profile hub]
role_arn = arn:aws:iam::222222222222:role/Hub
region = eu-west-1
source_profile=base
s3 =
  max_concurrent_requests = 20

[profile base]
  aws_access_key_id: {KEY_ID}
  aws_secret_access_key =   {SECRET}  \t
  output = json
"""


def test_a_profile_reads_as_before_but_for_where_it_gets_its_credentials() -> None:
    new = take_over(TEXT, "hub", SETTINGS, None, is_config=True)
    assert (
        new
        == f"""\
# mine
[profile hub]
# rolehop wrote credential_process here. To undo it: rolehop profile remove
credential_process = {LINE}
# rolehop took over: role_arn = arn:aws:iam::222222222222:role/Hub
region = eu-west-1
# rolehop took over: source_profile=base
{TEXT[TEXT.index("s3 =") :]}"""
    )
    assert put_back(new, {"hub"}, {}, is_config=True) == TEXT
    assert put_back(new, {"base"}, {}, is_config=True) == new
    (taken,) = taken_profiles(new, is_config=True)
    assert (taken.name, taken.line, taken.keys) == ("hub", LINE, None)


def test_a_secret_that_was_moved_is_in_no_line() -> None:
    new = take_over(TEXT, "base", {}, "alice", is_config=True)
    assert SECRET not in new
    assert "# rolehop has this in the keyring:   aws_secret_access_key =   {alice}  \t\n" in new
    (taken,) = taken_profiles(new, is_config=True)
    assert (taken.name, taken.line, taken.keys) == ("base", None, "alice")
    assert put_back(new, {"base"}, {}, is_config=True) == new, "it is in the keyring"
    pair = Credentials(KEY_ID, Secret(SECRET))
    assert put_back(new, {"base"}, {"alice": pair}, is_config=True) == TEXT
    both = take_over(new, "base", {**SETTINGS, "region": "eu-west-3"}, None, is_config=True)
    assert put_back(both, {"base"}, {"alice": pair}, is_config=True) == TEXT
    rotated = Credentials("AKIAOTHEROTHEROTHER1", Secret("another/secret/that/came/by/rotation"))
    back = put_back(both, {"base"}, {"alice": rotated}, is_config=True)
    assert back == TEXT.replace(KEY_ID, rotated.access_key_id).replace(
        SECRET, rotated.secret_access_key.reveal()
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    {
        "twice": ("[profile hub]\n[profile  hub]\nrole_arn = x\n", None),
        "not there": ("[profile other]\n", None),
        "keys that were not moved": (f"[profile hub]\naws_secret_access_key = {SECRET}\n", None),
        "of a session": (f"[profile hub]\naws_session_token = {SECRET}\n", "hub"),
        "two lines": (f"[profile hub]\naws_secret_access_key =\n  {SECRET}\n", "hub"),
        "a line of ours": ("[profile hub]\n# rolehop took over: role_arn = x\n", None),
        "half a pair": (f"[profile hub]\naws_secret_access_key = {SECRET}\n", "hub"),
    }.values(),
)
def test_what_could_not_come_back_is_not_taken(text: str, keys: str | None) -> None:
    with pytest.raises(Unchangeable):
        take_over(text, "hub", SETTINGS, keys, is_config=True)


def test_what_somebody_changed_since_is_not_thrown_away() -> None:
    new = take_over(TEXT, "hub", SETTINGS, None, is_config=True)
    for other in ("credential_process = other\n", "region = x\n", ""):
        changed = new.replace(f"credential_process = {LINE}\n", other)
        with pytest.raises(Unchangeable):
            put_back(changed, {"hub"}, {}, is_config=True)


def test_neither_a_backup_nor_a_screen_has_a_secret() -> None:
    text = f"# {SECRET}\n[a]\n#aws_secret_access_key = {SECRET}\r\naws_session_token=\n  {SECRET}\nregion = x\n"
    assert without_secrets(text.removeprefix(f"# {SECRET}\n"), "(no)") == (
        "[a]\n#aws_secret_access_key = (no)\r\naws_session_token=(no)\n  (no)\nregion = x\n"
    )
    kept = take_over(TEXT, "base", {}, "alice", is_config=True)
    assert without_secrets(kept, "(no)") == kept
    command = "[a]\n# rolehop took over: credential_process = tool --password=hunter2\n"
    assert "hunter2" not in without_secrets(command, "(no)")
    assert without_secrets(f"[a]\ncredential_process = {LINE}\n", "(no)") == (
        f"[a]\ncredential_process = {LINE}\n"
    )


NAMES = ("hub", "base", "default", "a b")
KEYS_OF_OTHERS = ("region", "output", "s3", "cli_pager", "endpoint_url", "aws_account_id")
INDENTS = st.sampled_from(["", "", "", "  ", "\t", "    "])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
VALUES = st.sampled_from(["x", "", "arn:aws:iam::222222222222:role/Hub", "a = b", "ü # y", SECRET])


def header_of(name: str, *, is_config: bool) -> str:
    quoted = f'"{name}"' if " " in name else name
    return f"[profile {quoted}]" if is_config and name != "default" else f"[{name}]"


@st.composite
def aws_files(draw: st.DrawFn) -> tuple[str, bool]:
    """An AWS file, and whether it is the config file."""
    is_config = draw(st.booleans())
    settings = st.tuples(
        INDENTS,
        st.sampled_from([*sorted(CREDENTIALS), *KEYS_OF_OTHERS, "Region", "ROLE_ARN"]),
        st.sampled_from(["=", " = ", ":", " :  "]),
        VALUES,
        st.sampled_from(["", " ", "\t"]),
    ).map("".join)
    others = st.sampled_from(["", " ", "# a comment", "  ; another", "   goes = on", "\tgoes on"])
    entries = st.lists(st.one_of(settings, settings, others), max_size=6)
    lines = draw(entries)
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4)):
        header = header_of(name, is_config=is_config)
        lines.append(header)
        lines += draw(entries)
    end = draw(ENDS)
    text = "".join(line + (end if draw(st.booleans()) else "\n") for line in lines)
    return (text if draw(st.booleans()) else text.rstrip("\r\n")), is_config


def parsed(text: str) -> dict[str, dict[str, str]] | None:
    """What botocore's parser reads, ``None`` if it refuses the file."""
    parser = configparser.RawConfigParser(default_section="\0")
    try:
        parser.read_string(text.replace("\r\n", "\n").replace("\r", "\n"))
    except configparser.Error:
        return None
    return {header: dict(parser[header]) for header in parser.sections()}


@given(
    aws_files(),
    st.sampled_from(NAMES),
    st.sampled_from([{}, SETTINGS, {**SETTINGS, "region": "y"}]),
)
def test_whatever_is_taken_out_of_a_file_comes_back(
    file: tuple[str, bool], name: str, settings: dict[str, str]
) -> None:
    text, is_config = file
    before = parsed(text)
    assume(before is not None)
    assert before is not None
    try:
        pair = pair_in(text, name, is_config=is_config)
        new = take_over(text, name, settings, "alice" if pair else None, is_config=is_config)
    except Unchangeable:
        return
    pairs = {"alice": pair} if pair else {}
    assert put_back(new, {name}, pairs, is_config=is_config) == text
    once_more = take_over(new, name, settings, None, is_config=is_config)
    assert once_more == new, "once is enough"
    header = header_of(name, is_config=is_config)[1:-1]
    taken = CREDENTIALS | settings.keys() if settings else KEYS
    left = {key: value for key, value in before.pop(header).items() if key not in taken}
    after = parsed(new)
    assert after is not None
    assert after.pop(header) == {**left, **settings}
    assert after == before, "all other profiles are as they were"


@given(st.lists(st.sampled_from(NAMES[:3]), unique=True, min_size=1), aws_files())
def test_profiles_come_back_in_any_order(names: list[str], file: tuple[str, bool]) -> None:
    text, is_config = file
    assume(parsed(text) is not None)
    new, taken = text, []
    for name in names:
        try:
            new = take_over(new, name, SETTINGS, None, is_config=is_config)
            taken.append(name)
        except Unchangeable:
            continue
    for name in taken[:-1]:
        new = put_back(new, {name}, {}, is_config=is_config)
    assert put_back(new, set(taken), {}, is_config=is_config) == text
