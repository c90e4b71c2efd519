"""Print the behaviour of every data class of rolehop as a JSON object; see ``test_dataclass``.

With ``standard`` the classes are made by the standard library's own decorator.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module


def main() -> None:
    """Import all of rolehop and try its classes."""
    if "standard" in sys.argv:
        sys.modules["rolehop.base.dataclass"] = dataclasses
    json.dump({name: tried(cls) for name, cls in classes()}, sys.stdout)


def classes() -> Iterator[tuple[str, type]]:
    """Give each class with fields and its full name."""
    import rolehop

    for module in pkgutil.walk_packages(rolehop.__path__, "rolehop."):
        if module.name.startswith("rolehop.base.dataclass") or module.name.endswith("__main__"):
            continue
        for value in vars(import_module(module.name)).values():
            mine = isinstance(value, type) and value.__module__ == module.name
            if mine and "__match_args__" in vars(value):
                yield f"{module.name}.{value.__qualname__}", value


def tried(cls: type) -> dict[str, object]:
    """Return how instances of ``cls`` print, compare and fail; their fields hold made-up texts."""
    names = vars(cls)["__match_args__"]
    one, same = (cls(*(f"v{number}" for number in range(len(names)))) for _ in range(2))
    other = cls(*("other" for _ in names))
    partly = [
        one == cls(*(f"v{n}" if n != changed else "other" for n in range(len(names))))
        for changed in range(len(names))
    ]
    return {
        "fields": names,
        "slots": vars(cls)["__slots__"],
        "takes": [
            (each.name, each.kind.name, each.default is each.empty, plain(each.default))
            for each in inspect.signature(cls).parameters.values()
        ],
        "repr": scrubbed(repr(one)),
        "equal": [one == same, one == other, one == "v0", partly],
        "hash": outcome(lambda: hash(one) == hash(same)),
        "set": [outcome(partial(setattr, one, name, "new")) for name in names],
        "deleted": [outcome(partial(delattr, other, name)) for name in names],
        "unknown": outcome(lambda: setattr(one, "no_such_field", 1)) is not None,
        "missing": outcome(lambda: cls(no_such_field=1)),
    }


def plain(default: object) -> str | None:
    """Return how a default is shown; one from a factory has no common form."""
    from_factory = type(default) is object or type(default).__name__.startswith("_HAS_DEFAULT")
    return None if from_factory else scrubbed(repr(default))


def scrubbed(text: str) -> str:
    """Return ``text`` without addresses in memory."""
    return text.partition(" at 0x")[0]


def outcome(act: Callable[[], object]) -> object:
    """Return what ``act`` returned, or the class and text of its error."""
    try:
        return act()
    except (TypeError, AttributeError) as error:
        return [type(error).__name__, str(error)]


if __name__ == "__main__":
    main()
