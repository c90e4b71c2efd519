from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import SourceError
from rolehop.config.model import SourceConfig
from rolehop.plan.model import Stamp
from rolehop.sources import SOURCE_TYPES, build_source, diagnose, expand, first_problem, stamp_of
from rolehop.sources.context import SourceChanged
from tests.support.source_code import label, modules, tree

if TYPE_CHECKING:
    from tests.sources.conftest import Home, MemoryKeyStore
else:
    Home = MemoryKeyStore = Any

ALICE = SourceConfig("alice", "keys")
BOB = SourceConfig("bob", "keys")


class TestKeys:
    def test_the_stamp_is_the_access_key_id_of_the_index(
        self, home: Home, key_store: MemoryKeyStore
    ) -> None:
        key_store.index["alice"] = "AKIAINDEX"
        assert stamp_of(ALICE, home.context(key_store)) == Stamp("AKIAINDEX", long_lived=True)
        assert key_store.read == []

    def test_if_the_index_is_lost_the_item_has_the_key_id(
        self, home: Home, key_store: MemoryKeyStore
    ) -> None:
        assert stamp_of(ALICE, home.context(key_store)) == Stamp("AKIAALICE", long_lived=True)

    def test_keys_that_were_replaced_since_the_plan_was_made_are_not_handed_out(
        self, home: Home, key_store: MemoryKeyStore
    ) -> None:
        key_store.index["alice"] = "AKIAALICE"
        source = build_source(ALICE, home.context(key_store))
        assert source.load() == key_store.items["alice"]
        key_store.items["alice"] = Credentials("AKIAOFBOB", Secret("of bob"))
        with pytest.raises(SourceChanged):
            source.load()

    def test_absent_keys_are_a_problem_that_names_the_command(
        self, home: Home, key_store: MemoryKeyStore
    ) -> None:
        stamp = stamp_of(BOB, home.context(key_store))
        assert stamp.value is None
        assert stamp.problem is not None
        assert "rolehop keys add bob" in stamp.problem

    @pytest.mark.parametrize(
        ("source", "found", "good"), [(ALICE, "…LICE", True), (BOB, "none", False)]
    )
    def test_source_test_says_whether_they_are_stored(
        self, source: SourceConfig, found: str, good: bool, home: Home, key_store: MemoryKeyStore
    ) -> None:
        (finding,) = diagnose(source, home.context(key_store))
        assert (finding.found, finding.good) == (found, good)

    def test_they_are_loaded_from_the_vault(self, home: Home, key_store: MemoryKeyStore) -> None:
        assert build_source(ALICE, home.context(key_store)).load() == key_store.items["alice"]

    def test_loading_absent_keys_is_an_error_with_the_way_out(
        self, home: Home, key_store: MemoryKeyStore
    ) -> None:
        with pytest.raises(SourceError) as caught:
            build_source(BOB, home.context(key_store)).load()
        assert caught.value.fix == "rolehop keys add bob"
        assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["keys", "environment", "profile"])
def test_each_source_of_iam_user_keys_has_the_mfa_keys(name: str) -> None:
    table = SOURCE_TYPES[name].table
    assert {"mfa_serial", "mfa_command", "mfa_duration"} <= {key.name for key in table.keys}


@pytest.mark.parametrize("name", ["keys", "environment", "profile"])
@pytest.mark.parametrize(("serial", "reported"), [({"mfa_serial": "auto"}, True), ({}, False)])
def test_an_mfa_command_whose_program_is_missing_is_reported_if_a_device_asks(
    name: str, serial: dict[str, str], reported: bool, home: Home, key_store: MemoryKeyStore
) -> None:
    home.environ |= {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "x"}
    home.write("", "[alice]\naws_access_key_id = AKIAFILE\naws_secret_access_key = x\n")
    own = {"profile": "alice"} if name == "profile" else {}
    source = SourceConfig("alice", name, {"mfa_command": ("/no/ykman",), **serial, **own})
    context = home.context(key_store)
    found = diagnose(expand(source, context.aws)[0], context)
    problem = "the program of mfa_command, /no/ykman: it is not there"
    assert first_problem(found) == (problem if reported else None)


def test_knowing_the_sources_loads_nothing_heavy() -> None:
    script = "import sys, rolehop.sources; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"botocore", "boto3", "keyring", "click", "rich", "subprocess"}
    assert not heavy & set(done.stdout.split())


def test_what_depends_on_a_type_is_in_its_definition() -> None:
    """Another file that compares a type's name would have to be found by whoever adds a type."""
    named = {
        label(path)
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("source.type")
    }
    # A first config asks, and explains, what each type needs.
    first = {f"commands/config/init/{name}.py" for name in ("conversation", "starting", "writing")}
    # A fleet that Identity Center lists is through a source of that very type.
    assert named == {
        "plan/identity.py",
        "config/chain_rules.py",
        "commands/config/init/drafts.py",
        *first,
    }
