"""Store a text too long for a back end as several short items and a manifest, written last.

The text goes into base64 chunks of a new generation, then the manifest replaces the item, then
the old generation is deleted. A reader in between finds the old text, the new one, or nothing;
never a part. The two generations alternate: chunks that a crash left behind are overwritten or
deleted by the next writer.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Protocol

from rolehop.base.dataclass import asdict, dataclass
from rolehop.base.digest import sha256_hex
from rolehop.vault.serialization import read_object

CHUNK = 1_000
"""Characters: 2,000 bytes as UTF-16, where Windows takes 2,560."""

_MARK = '{"chunks":1,'
_GENERATIONS = ("a", "b")
_MOST_CHUNKS = 1_000  # a manifest with more is damaged


class IncompleteItem(Exception):
    """An item that is not whole: no text, or a manifest whose chunks are missing or are not its own."""


class Items(Protocol):
    """The plain items of one back end, by service name."""

    def get(self, service: str) -> str | None:
        """Return the text, or ``None``; raises IncompleteItem if what is there is no whole text."""
        ...

    def put(self, service: str, text: str, seconds: int | None) -> None:
        """Store the text; ``seconds``: its lifetime, for back ends that expire items."""
        ...

    def delete(self, service: str) -> bool:
        """Delete the text; return ``False`` if there was none."""
        ...


@dataclass(frozen=True, slots=True)
class _Manifest:
    generation: str
    count: int
    digest: str
    """SHA-256 of the text, hex."""


def get(items: Items, service: str) -> str | None:
    """Return the text under ``service``, chunked or not; ``None`` if there is none.

    Raises:
        IncompleteItem: it is no text, or there is a manifest, but not all of its chunks.
    """
    text = items.get(service)
    if text is None or not text.startswith(_MARK):
        return text
    manifest = _read_manifest(text)
    if manifest is None:
        raise IncompleteItem("its manifest is damaged")
    return _joined(manifest, [items.get(name) for name in _names(service, manifest)])


def put(items: Items, service: str, text: str, limit: int | None, seconds: int | None) -> None:
    """Store ``text`` under ``service``, in chunks if it is longer than ``limit`` UTF-16 units."""
    if limit is None:
        items.put(service, text, seconds)
        return
    try:
        there = items.get(service) or ""
    except IncompleteItem:
        there = _MARK  # it may have been a manifest
    if units(text) <= limit:
        items.put(service, text, seconds)
        if there.startswith(_MARK):
            _delete_chunks(items, service, _GENERATIONS)
        return
    old = _read_manifest(there)
    generation = "b" if old is not None and old.generation == "a" else "a"
    pieces = list(_pieces(text))
    for number, piece in enumerate(pieces):
        items.put(_name(service, generation, number), piece, seconds)
    digest = sha256_hex(text.encode())
    items.put(service, _write_manifest(_Manifest(generation, len(pieces), digest)), seconds)
    _delete_chunks(items, service, (generation,), after=len(pieces))
    _delete_chunks(items, service, tuple(g for g in _GENERATIONS if g != generation))


def delete(items: Items, service: str, limit: int | None) -> bool:
    """Delete ``service`` and all its chunks; return ``False`` if there was nothing.

    The manifest goes first, so that a partly deleted item is a miss.
    """
    there = items.delete(service)
    if limit is not None:
        there = _delete_chunks(items, service, _GENERATIONS) or there
    return there


def is_there(items: Items, service: str) -> bool:
    """True if there is a plain item called ``service``, whole or not."""
    try:
        return items.get(service) is not None
    except IncompleteItem:
        return True


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 units, as Windows counts."""
    return len(text.encode("utf-16-le")) // 2


def _pieces(text: str) -> Iterator[str]:
    packed = base64.b64encode(text.encode()).decode("ascii")
    for start in range(0, len(packed), CHUNK):
        yield packed[start : start + CHUNK]


def _joined(manifest: _Manifest, pieces: list[str | None]) -> str:
    found = [piece for piece in pieces if piece is not None]
    try:
        raw = base64.b64decode("".join(found), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(found) < len(pieces) or sha256_hex(raw) != manifest.digest:
        raise IncompleteItem("not all of its parts are there")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise IncompleteItem("it is not text") from None


def _name(service: str, generation: str, number: int) -> str:
    return f"{service}/{generation}{number}"


def _names(service: str, manifest: _Manifest) -> list[str]:
    return [_name(service, manifest.generation, number) for number in range(manifest.count)]


def _delete_chunks(
    items: Items, service: str, generations: tuple[str, ...], after: int = 0
) -> bool:
    """Delete chunks from number ``after`` on, the last first, so that a crash leaves no gap."""
    deleted = False
    for generation in generations:
        end = after
        while is_there(items, _name(service, generation, end)):
            end += 1
        for number in reversed(range(after, end)):
            deleted = items.delete(_name(service, generation, number)) or deleted
    return deleted


def _write_manifest(manifest: _Manifest) -> str:
    return json.dumps({"chunks": 1, **asdict(manifest)}, separators=(",", ":"))


def _read_manifest(text: str) -> _Manifest | None:
    """Return the manifest, ``None`` if ``text`` is not one or is damaged."""
    fields = read_object(text) if text.startswith(_MARK) else None
    if fields is None:
        return None
    generation, count, digest = (fields.get(key) for key in ("generation", "count", "digest"))
    if generation not in _GENERATIONS or not isinstance(digest, str):
        return None
    if type(count) is not int or not 0 < count <= _MOST_CHUNKS:
        return None
    return _Manifest(generation, count, digest)
