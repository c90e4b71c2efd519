"""The part of ``dataclasses`` that rolehop uses, faster.

Classes always have slots; fields are the class's own annotations, never inherited; there is no
``__post_init__``, ``InitVar`` or ordering. Otherwise they behave as with Python 3.11's
``dataclasses``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from operator import attrgetter

TYPE_CHECKING = False  # typing's own costs more than this module does

if TYPE_CHECKING:
    from typing import Any, Literal, NoReturn, TypeVar

    T = TypeVar("T")

_NOT_GIVEN = object()


class Field:
    """The properties of one field besides its name."""

    __slots__ = ("compare", "default", "factory", "repr")

    def __init__(
        self, default: object, factory: Callable[[], object] | None, repr: bool, compare: bool
    ) -> None:
        self.default = default
        self.factory = factory
        self.repr = repr
        self.compare = compare


def field(
    *,
    default: object = _NOT_GIVEN,
    default_factory: Callable[[], object] | None = None,
    repr: bool = True,
    compare: bool = True,
) -> Field:
    """Return a field's description, as ``dataclasses.field`` does."""
    return Field(default, default_factory, repr, compare)


def dataclass(
    *, slots: Literal[True], frozen: bool = False, repr: bool = True
) -> Callable[[type[T]], type[T]]:
    """Return a class decorator that acts as ``dataclasses.dataclass`` does."""
    del slots  # always on here; the parameter is the standard decorator's

    def make(cls: type[T]) -> type[T]:
        return _made(cls, frozen=frozen, shown=repr)

    return make


def replace(value: T, /, **changes: object) -> T:
    """Return a copy of ``value`` with ``changes``, as ``dataclasses.replace`` does."""
    kind = type(value)
    if kind not in _READERS:
        names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
        _READERS[kind] = ({name: at for at, name in enumerate(names)}, _getter(names))
    places, read = _READERS[kind]
    values = list(read(value))
    for name, each in changes.items():
        if name not in places:
            raise TypeError(f"{kind.__qualname__} has no field {name!r}")
        values[places[name]] = each
    return kind(*values)  # by position, which takes half the time of names


_READERS: dict[type, tuple[dict[str, int], Callable[[object], tuple[object, ...]]]] = {}


def asdict(value: object) -> dict[str, Any]:
    """Return the fields by name, values in them likewise, as ``dataclasses.asdict`` does."""
    names: tuple[str, ...] = type(value).__match_args__  # type: ignore[attr-defined]
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: object) -> object:
    if hasattr(type(value), "__match_args__"):
        return asdict(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each) for each in value)
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return value


def _made(cls: type[T], *, frozen: bool, shown: bool) -> type[T]:
    fields = _fields(cls)
    names = tuple(fields)
    left_out = {*names, "__dict__", "__weakref__"}
    space = {name: value for name, value in vars(cls).items() if name not in left_out}
    space["__slots__"] = space["__match_args__"] = names
    _compare(space, tuple(name for name, each in fields.items() if each.compare), frozen=frozen)
    if shown:
        _show(space, tuple(name for name, each in fields.items() if each.repr))
    space["__reduce__"] = _reduced
    if frozen:
        space["__setattr__"], space["__delattr__"] = _never_set, _never_deleted
    # Slots cannot be added to an existing class, so a new one is created.
    kind: Any = type(cls)
    made: type[T] = kind(cls.__name__, cls.__bases__, space)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _compiled_when_called(made, fields, frozen=frozen)  # type: ignore[method-assign]
    return made


def _fields(cls: type) -> dict[str, Field]:
    written: dict[str, str] = cls.__annotations__
    fields = {}
    for name, kind in written.items():
        if kind.startswith("ClassVar"):
            continue
        value = vars(cls).get(name, _NOT_GIVEN)
        fields[name] = value if isinstance(value, Field) else Field(value, None, True, True)
    return fields


def _compiled_when_called(
    owner: type, fields: dict[str, Field], *, frozen: bool
) -> Callable[..., None]:
    """Return an ``__init__`` that puts the compiled one in its place when it is first called.

    A run makes objects of a few of the classes that it imports.
    """

    def __init__(self: object, /, *args: object, **kwargs: object) -> None:  # noqa: N807
        init = _init(owner, fields, frozen=frozen)
        owner.__init__ = init  # type: ignore[misc]
        init(self, *args, **kwargs)

    return __init__


def _init(owner: type, fields: dict[str, Field], *, frozen: bool) -> Callable[..., None]:
    """Compile ``__init__``, so that Python itself checks the arguments of calls."""
    takes, does = ["self"], []
    known: dict[str, Any] = {"_not_given": _NOT_GIVEN}
    for name, each in fields.items():
        value = name
        if each.factory is not None:
            known[f"_make_{name}"] = each.factory
            takes.append(f"{name}=_not_given")
            value = f"_make_{name}() if {name} is _not_given else {name}"
        elif each.default is not _NOT_GIVEN:
            known[f"_default_{name}"] = each.default
            takes.append(f"{name}=_default_{name}")
        else:
            takes.append(name)
        # The slot itself takes half the time of `object.__setattr__`, which has to find it.
        known[f"_put_{name}"] = vars(owner)[name].__set__
        does.append(f" _put_{name}(self, {value})" if frozen else f" self.{name} = {value}")
    source = f"def __init__({', '.join(takes)}):\n" + ("\n".join(does) or " pass")
    exec(source, known)  # noqa: S102 - built from the field names of our own classes
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{owner.__qualname__}.__init__"
    return init


def _compare(space: dict[str, Any], names: tuple[str, ...], *, frozen: bool) -> None:
    values = _getter(names)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - becomes the method
        if type(self) is not type(other):
            return NotImplemented
        return values(self) == values(other)

    def __hash__(self: object) -> int:  # noqa: N807 - becomes the method
        return hash(values(self))

    space.setdefault("__eq__", __eq__)
    space.setdefault("__hash__", __hash__ if frozen else None)


def _show(space: dict[str, Any], names: tuple[str, ...]) -> None:
    def __repr__(self: object) -> str:  # noqa: N807 - becomes the method
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    space.setdefault("__repr__", __repr__)


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    if not names:
        return lambda _: ()
    if len(names) == 1:
        only = attrgetter(*names)
        return lambda value: (only(value),)
    return attrgetter(*names)


def _reduced(self: object) -> tuple[object, ...]:
    """Return how ``copy`` makes a new object: a frozen one cannot be filled afterwards."""
    names: tuple[str, ...] = type(self).__match_args__  # type: ignore[attr-defined]
    return type(self), tuple(getattr(self, name) for name in names)


def _never_set(self: object, name: str, value: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    del self, value
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _never_deleted(self: object, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    del self
    raise FrozenInstanceError(f"cannot delete field {name!r}")


class Pattern:
    """The part of ``re.Pattern`` that rolehop uses; ``text`` is the expression."""

    def __init__(self, text: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.text = text
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression, compiled now; from then on its own methods hide those of this class."""
        made = re.compile(self.text, self._flags)
        vars(self).update(
            fullmatch=made.fullmatch, search=made.search, findall=made.findall, sub=made.sub
        )
        return made

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Match the whole of ``text``."""
        return self.compiled.fullmatch(text)

    def search(self, text: str) -> re.Match[str] | None:
        """Match anywhere in ``text``."""
        return self.compiled.search(text)

    def findall(self, text: str) -> list[str]:
        """Return all matches in ``text``."""
        return self.compiled.findall(text)

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Replace all matches in ``text``."""
        return self.compiled.sub(replacement, text)


_handlers: list[Callable[[str, str, tuple[object, ...]], object]] = []


def debug(name: str, message: str, *values: object) -> None:
    """Log ``message`` for module ``name``; ``values`` fill its ``%`` placeholders if it is shown."""
    for handle in _handlers:
        handle(name, message, values)


def listen(handle: Callable[[str, str, tuple[object, ...]], object]) -> None:
    """Call ``handle`` with every line from now on: the module's name, the message, its values."""
    _handlers.append(handle)
