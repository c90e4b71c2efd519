"""The parsers of files that others have written: tools, certificate authorities, shells, people."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from hypothesis import strategies as st

from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import explain_chain
from rolehop.aws import pkcs11, x509
from rolehop.awsconfig.own_profiles import (
    DamagedBlock,
    own_line,
    profile_lines,
    split_block,
    with_profiles,
    without_profiles,
)
from rolehop.base.credentials import Secret
from rolehop.base.errors import RolehopError
from rolehop.commands.config.importing.found_files import TOOLS, files_of, plan_import
from rolehop.commands.config.importing.view import beside_lines
from rolehop.commands.each.merged_view import MergedTable, merged_line, merged_rows
from rolehop.commands.each.targets import ResultClass, TargetRow
from rolehop.commands.explain.documents import explain_document
from rolehop.commands.explain.view import verdict_view
from rolehop.commands.history.joining import Joiner
from rolehop.commands.history.match_view import MATCH_COLUMNS, joined_json
from rolehop.commands.history.rows import HistoryRow, as_csv, as_lines
from rolehop.commands.history.trail import NoTrail, read_trail
from rolehop.commands.profile.changes import removal_changes
from rolehop.commands.uninstall.removal import startup_files_with_lines, without_own_lines
from rolehop.config.account_query import read_accounts
from rolehop.config.model import ChainConfig
from rolehop.hotpath import completion as engine
from rolehop.plan.selection import ChainEnd, selector, selects, untold
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.drawing import as_text
from rolehop.vault.backend_selection import named_backend
from tests.commands.config.importing.files_of_tools import FILES
from tests.fuzz.run import Parser
from tests.fuzz.samples import AWS_CONFIG, CONFIGS, INVENTORY, POLICIES
from tests.fuzz.texts import json_text, mutated, mutated_bytes, pieces
from tests.sources import pki
from tests.support.world import HUB

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all parsers; what they read lies in a home folder of their own."""
    with tempfile.TemporaryDirectory(prefix="rh-") as name:
        home = Path(name)
        (home / ".aws").mkdir()
        (home / "config.toml").write_text(CONFIGS[1])
        yield [
            *_of_aws_files(home),
            *_of_backend_settings(home),
            *_of_certificates(home / "pki"),
            *_of_shells(home),
            *_of_policies(home),
            *_PARSERS,
        ]


def _app(home: Path, **variables: str) -> App:
    named = {"HOME": str(home), "LOGNAME": "me", "XDG_STATE_HOME": str(home / "state")}
    return App({**named, **variables}, home, config_file=str(home / "config.toml"))


def _of_aws_files(home: Path) -> Iterator[Parser]:
    """Yield what reads the AWS files and those of other tools, which it does not change."""
    config, own = home / ".aws" / "config", home / "own"
    places = [
        f"XDG_CONFIG_HOME={home}", f"AWS_SSO_CONFIG={own}", f"SAML2AWS_CONFIGFILE={own}",
        f"OKTA_CONFIG={own}", f"STEAMPIPE_INSTALL_DIR={home / 'steampipe'}",
    ]  # fmt: skip
    variables = dict(each.split("=", 1) for each in places)
    (home / "awsume").mkdir()
    (home / "awsume" / "config.yaml").symlink_to(own)
    (home / ".okta-aws").symlink_to(own)
    (home / "steampipe" / "config").mkdir(parents=True)
    (home / "steampipe" / "config" / "aws.spc").symlink_to(own)

    def take_over(given: tuple[str | None, str, str]) -> str:
        tool, config_text, own_text = given
        config.write_text(config_text, encoding="utf-8", errors="surrogatepass")
        own.write_text(own_text, encoding="utf-8", errors="surrogatepass")
        app = _app(home, **variables)
        found = plan_import(app, files_of(app, tool))
        tomllib.loads(found.text)
        return "\n".join([found.new_text, *beside_lines(found.added, whole=True)])

    cases = [
        (tool, aws, mine or "") for tool, files in FILES.items() for aws, mine in files.values()
    ]
    inputs = st.sampled_from(cases).flatmap(
        lambda case: st.tuples(
            st.sampled_from([case[0], case[0], *TOOLS, str(own), None]),
            mutated([case[1]]),
            mutated([case[2]]),
        )
    )
    yield Parser("files of other tools", inputs, take_over, share=2)

    def remove(data: bytes) -> str:
        config.write_bytes(data)
        app = _app(home)
        changes = removal_changes(app, ())
        assert config.read_bytes() == data
        return "\n".join(each.diff for each in changes)

    block = with_profiles(
        split_block(AWS_CONFIG[0]), {"p": profile_lines("profile p", {"a": "b"}, "", "\n")}
    )
    yield Parser(
        "AWS profiles of rolehop", mutated_bytes([str(block), AWS_CONFIG[0]]), remove, share=2
    )


def _block(text: str) -> None:
    """Whatever is put into an AWS file and taken out again leaves that file."""
    try:
        parts = split_block(text)
    except DamagedBlock:
        return
    if parts.profiles or parts.head:
        return
    lines = profile_lines("profile p", {"region": "x"}, "", parts.newline)
    again = split_block(str(with_profiles(parts, {"p": lines})))
    assert list(again.profiles) == ["p"]
    assert str(without_profiles(again, frozenset("p"))) == text


def _of_backend_settings(home: Path) -> Iterator[Parser]:
    (home / "python_keyring").mkdir()
    settings = home / "python_keyring" / "keyringrc.cfg"
    sample = "[backend]\ndefault-keyring=a.B\nkeyring-path=~/x\n"

    def backend(data: bytes) -> str:
        import sys

        settings.write_bytes(data)
        before = list(sys.path)
        try:
            return (
                f"{named_backend(None, {'XDG_CONFIG_HOME': str(home), 'HOME': str(home)}, 'linux')}"
            )
        finally:
            sys.path[:] = before

    yield Parser("keyring's settings", mutated_bytes([sample]), backend, share=2)


def _of_certificates(folder: Path) -> Iterator[Parser]:
    folder.mkdir()
    root = pki.issue("root", authority=True)
    leaf = pki.issue("me", root)
    rsa = pki.issue("me", root, key=pki.rsa_key())
    samples = {
        "cert": [each.certificate.public_bytes(serialization.Encoding.DER) for each in (leaf, rsa)],
        "key": [
            each.key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            for each in (leaf, rsa)
        ],
        "p12": [pki.p12(leaf, [root.certificate], word) for word in (None, "x")],
    }

    def bytes_of(kind: str, label: str) -> st.SearchStrategy[bytes]:
        der = st.sampled_from(samples[kind]).flatmap(_with_other_bytes)
        return (
            der
            if kind == "p12"
            else der.map(lambda data: _pem(data, label))
            | mutated_bytes([_pem(each, label).decode() for each in samples[kind]])
        )

    def read(given: tuple[bytes, bytes, bytes]) -> str:
        paths = [pki.write(folder / f"f{number}", data) for number, data in enumerate(given)]
        certificate, key, bundle = paths
        shown = [
            *_identity(
                lambda: x509.from_files(certificate, key, certificate, lambda _: Secret("x"))
            )
        ]
        with suppress(RolehopError):
            x509.check_key(x509.certificates(certificate)[0], key)
        with suppress(RolehopError):
            x509.wants_passphrase(key)
        shown += _identity(lambda: x509.from_pkcs12(bundle, certificate, lambda _: Secret("x")))
        shown += _leaf(lambda: x509.certificates(certificate)[0])
        return "\n".join(shown)

    inputs = st.tuples(
        bytes_of("cert", "CERTIFICATE"), bytes_of("key", "PRIVATE KEY"), bytes_of("p12", "")
    )
    yield Parser("certificates and keys", inputs, read, share=1)


def _identity(read: Callable[[], x509.CertificateIdentity]) -> Iterator[str]:
    try:
        found = read()
        found.sign(b"text")
        yield from _leaf(lambda: found.certificate)
    except RolehopError as error:
        yield f"{error.what} {error.cause}"


def _leaf(read: Callable[[], x509.Certificate]) -> Iterator[str]:
    try:
        leaf = read()
        yield x509.name_of(leaf)
        yield x509.kind_of(leaf)
        yield f"{x509.attributes(leaf)}"
        yield f"{x509.check_validity(leaf, _NOW)}"
    except RolehopError as error:
        yield f"{error.what} {error.cause}"


@st.composite
def _with_other_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw DER with a few bytes of its own changed, or some of it repeated or gone."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(changed)))
        length = draw(st.sampled_from((0, 1, 1, 1, 20)))
        changed[at : at + length] = draw(
            st.binary(max_size=2) | st.just(bytes(changed[at : at + 9]))
        )
    return bytes(changed)


def _pem(data: bytes, label: str) -> bytes:
    import base64

    body = base64.encodebytes(data)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), body, label.encode())


_BASHRC = """\
# mine
if [ -f x ]; then
eval "$(rolehop init bash)"
fi
eval "$(rolehop init bash)"
alias a=b
"""


def _of_shells(home: Path) -> Iterator[Parser]:
    def leave(data: bytes) -> str:
        (home / ".bashrc").write_bytes(data)
        found = list(startup_files_with_lines(_app(home)))
        for each in found:
            rest = without_own_lines(each).splitlines()
            assert [
                line for line in each.old.splitlines() if line.strip() not in each.own_lines
            ] == [line for line in rest if line.strip() not in each.own_lines]
        return "\n".join(line for each in found for line in each.own_lines)

    yield Parser("start-up files", mutated_bytes([_BASHRC]), leave, share=2)


def _of_policies(home: Path) -> Iterator[Parser]:
    app = _app(home, AWS_ACCESS_KEY_ID="AKIAEXAMPLE000000001", AWS_SECRET_ACCESS_KEY="x")
    paths = {name: home / f"{name}.json" for name in ("inventory", "scp")}

    def explain(given: tuple[str, str]) -> str:
        for name, text in zip(("inventory", "scp"), given, strict=True):
            paths[name].write_text(text, encoding="utf-8", errors="surrogatepass")
        policies = PolicyOptions(documents=(str(paths["inventory"]),), scps=(str(paths["scp"]),))
        found = explain_chain(app, "deep", policies, WalkOptions(), offline=True)
        explain_document(found)
        return as_text(verdict_view(found, verbose=True))

    inventories = json_text([INVENTORY[0], *_judged()])
    yield Parser(
        "policies of a chain", st.tuples(inventories, json_text(POLICIES)), explain, share=1
    )


def _judged() -> Iterator[object]:
    """Yield inventories of the chain that is judged, so that conditions are evaluated."""
    for operator, value in {
        "StringLike": "x*?${aws:username}", "IpAddress": "10.0.0.0/8", "DateLessThan": "2026-01-01T00:00:00Z",
        "NumericLessThan": "10", "Bool": "true", "ArnLike": "arn:aws:iam::*:role/*", "Null": "false",
        "ForAnyValue:StringEquals": ["a", "b"], "BinaryEquals": "QQ==",
    }.items():  # fmt: skip
        condition = {
            operator: {"sts:ExternalId": value, "aws:CurrentTime": value, "aws:SourceIp": value}
        }
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
                 "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": condition}]}  # fmt: skip
        yield {"RoleDetailList": [
            {"Arn": arn, "RoleId": "AROA", "AssumeRolePolicyDocument": trust,
             "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": POLICIES[1]}]}
            for arn in (HUB, "arn:aws:iam::333333333333:role/Admin")
        ]}  # fmt: skip


def _completed(given: tuple[str, list[str], str]) -> str | None:
    shell, words, tail = given
    asked = engine.question(
        ["completion", "--", *words], {engine.VARIABLE: shell, engine.TAIL: tail}
    )
    return None if asked is None else engine.answer(asked, {"HOME": "/nonexistent"})


_words = st.lists(
    st.sampled_from(["assume", "config", "each", "--", "-v", "--region", "keys"]) | pieces,
    max_size=5,
)
_URI = "pkcs11:token=My%20Token;object=key;id=%01%02;slot-id=3?module-path=/usr/lib/p11.so"
_LINES = ["/usr/bin/rolehop credential-process hub --min-ttl 1h", '"/a b/python" -S x rolehop']
_ACCOUNTS = "444444444444 web\n# none\n555555555555\n"

_SELECTORS = ("tag:env=prod*", "ou:Prod/*", "account:4[0-9]*", "role:Audit", "label:a=b", "far/*")
_ACCOUNT = ChainEnd("444444444444", "Audit", ("Billing & Co", "Billing-Co"))
_MEMBER = ChainConfig("far/web", labels={"a": "b"}, account_tags={"env": "x"}, unit="Prod/Pay")


def _selected(text: str) -> None:
    selects(selector(text), _MEMBER, lambda: _ACCOUNT)
    untold([selector(text)], _MEMBER)


_PRINTED = (
    '{"a": [1, 2.5, null]}',
    '[{"a": "=x"}, {"b": {"c": true}}]',
    '{"a": 1}\n{"b": 2}\n',
    "text\n",
)
_ROW = TargetRow("far/web", "far/web", ResultClass.OK)


def _merged(text: str) -> None:
    table = MergedTable()
    for each in merged_rows(_ROW, text):
        json.loads(merged_line(each))
        table.add(each)
    list(csv.reader(io.StringIO(table.text, newline="")))


def _joined(text: str) -> str:
    """Join what is in a trail with a history of two lines."""
    rows = [
        HistoryRow(number, datetime(2026, 7, 1, 12, tzinfo=UTC), event, "ok", texts, ends=True)
        for number, event, texts in (
            (1, "call", {"chain": "a", "action": "sts:AssumeRole", "access_key_id": "ASIAHUB"}),
            (2, "handover", {"chain": "b", "role": HUB, "session_name": "me"}),
        )
    ]
    joiner = Joiner(rows)
    found = [joiner.join(each) for each in read_trail([text.encode("utf-8", "replace")]) if each]
    return "".join(as_csv(map(joined_json, found), MATCH_COLUMNS)) + "".join(
        as_lines(map(joined_json, found))
    )


_EVENT: dict[str, object] = {
    "eventTime": "2026-07-01T12:00:00Z", "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
    "userIdentity": {"arn": "arn:aws:sts::222222222222:assumed-role/Hub/me", "accessKeyId": "ASIAHUB"},
    "requestParameters": {"roleArn": HUB}, "requestID": "r", "eventID": "e",
    "responseElements": {"credentials": {"accessKeyId": "ASIAADMIN"}},
}  # fmt: skip
_TRAILS: tuple[object, ...] = (
    {"Records": [_EVENT]}, {"Events": [{"CloudTrailEvent": json.dumps(_EVENT)}], "NextToken": "x"},
    [_EVENT], _EVENT,
)  # fmt: skip

_PARSERS = [
    Parser("merged output", mutated(_PRINTED), _merged, share=2),
    Parser(
        "trails",
        mutated([json.dumps(each) for each in _TRAILS]) | json_text(_TRAILS),
        _joined,
        (NoTrail,),
        share=2,
    ),
    Parser("what selects chains", mutated(_SELECTORS), _selected, share=2),
    Parser("an AWS file's block", mutated(AWS_CONFIG), _block, share=2),
    Parser(
        "PKCS#11 URIs", mutated([_URI]), lambda text: f"{pkcs11.parse_uri(text)}", (ValueError,), 2
    ),
    Parser(
        "lists of accounts", mutated([_ACCOUNTS]), lambda text: f"{read_accounts(text)}", share=2
    ),
    Parser("lines of profiles", mutated(_LINES), lambda text: f"{own_line(text)}", share=2),
    Parser(
        "completed words",
        st.tuples(st.sampled_from(["bash", "zsh", "fish", "powershell"]), _words, pieces),
        _completed,
        share=2,
    ),
]
