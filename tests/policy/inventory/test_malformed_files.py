"""Files that are not quite what the AWS CLI writes: read, or refused with the place of the error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rolehop.policy.aws_cli_output import InvalidInventory, read_inventory
from rolehop.policy.inventory import IamInventory
from tests.policy.helpers.account_details import REAL, ROLE, USER


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every value, the whole included."""
    yield path
    keyed = (
        value
        if isinstance(value, dict)
        else dict(enumerate(value))
        if isinstance(value, list)
        else {}
    )
    for key, each in keyed.items():
        yield from nodes(each, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = json.loads(json.dumps(document))
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def read_or_refused(text: str) -> tuple[IamInventory | None, str]:
    try:
        return read_inventory(text), ""
    except InvalidInventory as error:
        return None, str(error)


NO_WORDS = re.compile(r"iterable|indices|NoneType|attribute|'str'|Traceback|None")


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, True, 1.5, "\ud800", [None], {"x": []}])
def test_whatever_stands_at_any_place_is_read_or_refused_in_words(value: Any) -> None:
    read = 0
    documents = {
        "details": REAL,
        "role": {"Role": REAL["RoleDetailList"][0]},
        "user": {"User": REAL["UserDetailList"][0]},
        "roles": {"Roles": REAL["RoleDetailList"]},
        "bare": REAL["RoleDetailList"][0],
    }
    for document in documents.values():
        for path in nodes(document):
            text = json.dumps(put(document, path, value))
            records, said = read_or_refused(text)
            assert not NO_WORDS.search(said), (path, said)
            if records is None:
                assert "object" not in said
                continue
            read += 1
            for shown in (
                records.trust(ROLE), records.permissions(ROLE), records.boundary(ROLE),
                records.permissions(USER), records.boundary(USER),
            ):  # fmt: skip
                assert not NO_WORDS.search(" ".join(shown.missing)), (path, shown.missing)
    assert read > 20


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            ("RoleDetailList", 0, "RolePolicyList"),
            5,
            "RoleDetailList[0].RolePolicyList is a number",
        ),
        (("RoleDetailList", 0, "Tags"), {"a": "b"}, "Tags is {…}, and a list is expected there"),
        (("RoleDetailList", 0, "PermissionsBoundary"), "x", 'PermissionsBoundary is "x", and {…}'),
        (("RoleDetailList", 0, "MaxSessionDuration"), "x", "a whole number is expected there"),
        (("RoleDetailList", 0, "AssumeRolePolicyDocument"), [], "a policy document is expected"),
        (("RoleDetailList", 0, "Arn"), USER, "the ARN of a role is expected there"),
        (("UserDetailList", 0, "Arn"), ROLE, "the ARN of a user is expected there"),
        (("UserDetailList", 0, "UserPolicyList", 0), None, "UserPolicyList[0] is null, and {…}"),
        (("Policies", 0), {}, "Policies[0] lacks Arn"),
    ],
)
def test_a_problem_is_reported_with_its_place(path: tuple[Any, ...], value: Any, says: str) -> None:
    with pytest.raises(InvalidInventory, match=re.escape(says)):
        read_inventory(json.dumps(put(REAL, path, value)))
