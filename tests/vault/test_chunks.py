from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.vault import chunks
from rolehop.vault.chunks import IncompleteItem

LIMIT = 1_280
SERVICE = "rolehop/key"
TEXTS = st.integers(0, 6_000).flatmap(
    lambda length: st.text(alphabet="ab\U0001f511é\n", max_size=20).map(
        lambda text: (text * length)[:length]
    )
)


class Crash(Exception):
    pass


class Items:
    """A back end with Windows's limit that may crash at its n-th change."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.changes_left: int | None = None

    def get(self, service: str) -> str | None:
        return self.texts.get(service)

    def put(self, service: str, text: str, seconds: int | None) -> None:
        self._change()
        assert chunks.units(text) <= LIMIT
        self.texts[service] = text

    def delete(self, service: str) -> bool:
        self._change()
        return self.texts.pop(service, None) is not None

    def _change(self) -> None:
        if self.changes_left is not None:
            if self.changes_left == 0:
                raise Crash
            self.changes_left -= 1


@given(TEXTS, TEXTS)
def test_the_last_text_comes_back_and_nothing_else_is_left(first: str, second: str) -> None:
    items = Items()
    chunks.put(items, SERVICE, first, LIMIT, None)
    chunks.put(items, SERVICE, second, LIMIT, None)
    assert chunks.get(items, SERVICE) == second
    fresh = Items()
    chunks.put(fresh, SERVICE, second, LIMIT, None)
    assert len(items.texts) == len(fresh.texts)


@given(TEXTS, TEXTS, st.integers(0, 30))
def test_a_crash_leaves_the_old_text_or_the_new_one_and_the_next_write_cleans_up(
    old: str, new: str, changes: int
) -> None:
    items = Items()
    chunks.put(items, SERVICE, old, LIMIT, None)
    items.changes_left = changes
    with suppress(Crash):
        chunks.put(items, SERVICE, new, LIMIT, None)
    assert chunks.get(items, SERVICE) in (old, new)
    items.changes_left = None
    chunks.delete(items, SERVICE, LIMIT)
    assert items.texts == {}


@given(TEXTS, st.integers(0, 30))
def test_a_deletion_that_crashed_leaves_all_or_a_miss_and_can_be_finished(
    text: str, changes: int
) -> None:
    items = Items()
    chunks.put(items, SERVICE, text, LIMIT, None)
    items.changes_left = changes
    with suppress(Crash):
        chunks.delete(items, SERVICE, LIMIT)
    assert chunks.get(items, SERVICE) in (text, None)
    items.changes_left = None
    chunks.delete(items, SERVICE, LIMIT)
    assert items.texts == {}


def test_a_text_at_the_limit_is_one_item_and_one_above_is_chunked() -> None:
    items = Items()
    chunks.put(items, SERVICE, "x" * LIMIT, LIMIT, None)
    assert items.texts == {SERVICE: "x" * LIMIT}
    chunks.put(items, SERVICE, "x" * (LIMIT + 1), LIMIT, None)
    assert len(items.texts) == 3


def test_without_a_limit_a_text_is_one_item() -> None:
    items = Items()
    items.put = lambda service, text, seconds: items.texts.update({service: text})  # type: ignore[method-assign]
    chunks.put(items, SERVICE, "x" * 100_000, None, None)
    assert list(items.texts) == [SERVICE]


@pytest.mark.parametrize("part", [f"{SERVICE}/a0", f"{SERVICE}/a2"])
@pytest.mark.parametrize("harm", [None, "AAAA", "not base64 !"])
def test_a_missing_or_altered_part_is_half_there(part: str, harm: str | None) -> None:
    items = Items()
    chunks.put(items, SERVICE, "x" * 2_000, LIMIT, None)
    del items.texts[part]
    if harm is not None:
        items.texts[part] = harm
    with pytest.raises(IncompleteItem):
        chunks.get(items, SERVICE)


@pytest.mark.parametrize(
    "manifest",
    [
        '{"chunks":1,',
        '{"chunks":1,"generation":"z","count":1,"digest":""}',
        '{"chunks":1,"generation":"a","count":true,"digest":""}',
        '{"chunks":1,"generation":"a","count":100000000,"digest":""}',
        '{"chunks":1,"generation":["a"],"count":1,"digest":7}',
    ],
)
def test_a_damaged_manifest_is_half_there_and_can_be_overwritten(manifest: str) -> None:
    items = Items()
    items.texts[SERVICE] = manifest
    with pytest.raises(IncompleteItem):
        chunks.get(items, SERVICE)
    chunks.put(items, SERVICE, "x" * 2_000, LIMIT, None)
    assert chunks.get(items, SERVICE) == "x" * 2_000
