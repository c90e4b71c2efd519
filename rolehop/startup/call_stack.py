"""Room for nested calls in one piece of memory.

CPython (3.11 to 3.13 at least) keeps the frames of Python functions in pieces of 16 kB. A piece is got
from the system when a call does not fit into the last one, and given back when that call returns. So a
function that is called in a loop at just that depth costs two system calls and four pages each time:
in a cold walk, which imports the AWS libraries from deep inside, that was 4,600 times and a sixth of all.

A frame that needs more gets a larger piece (``push_chunk`` in CPython's pystate.c), and what it calls
lies behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

_SLOTS = 1 << 16
"""Of eight bytes; only what is used of them becomes real memory."""


def call_with_room(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``; the calls that it makes lie in one piece of memory."""
    return function(*args, **kwargs)


# The interpreter reserves this much for each frame of the function, and touches none of it.
call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=_SLOTS)
