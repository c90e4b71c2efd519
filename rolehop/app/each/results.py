"""Which class an error belongs to, and what of it is kept for the table."""

from __future__ import annotations

from rolehop.advice import Advice, Argument
from rolehop.credentials import scrub
from rolehop.errors import (
    Declined,
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SourceError,
    VaultError,
)
from rolehop.show.running.rows import ResultClass, TargetProblem


def class_of(error: RolehopError) -> ResultClass:
    """Return the class of a target whose walk failed."""
    match error:
        case HopRefused():
            return ResultClass.REFUSED
        case SourceError() | NoTerminal() | Declined() | VaultError():
            return ResultClass.NO_SIGN_IN
        case ServiceError():
            return ResultClass.THROTTLED if error.throttled else ResultClass.NETWORK
        case _:
            return ResultClass.REFUSED


_LAST = "rolehop explain --last"


def name_chain(error: RolehopError) -> None:
    """Let the advice name the chain: of a run with many, the last refusal may be another's."""
    if error.fix is not None and error.fix.endswith(_LAST) and error.chain is not None:
        error.fix = Advice(f"{error.fix.removesuffix('--last')}", Argument(error.chain))


def problem_of(error: RolehopError) -> TargetProblem:
    """Return what happened without the error itself, whose traceback would keep the whole walk."""
    cause = None if error.quotes_program else error.cause
    brief = error.brief if isinstance(error, HopRefused) else None
    return TargetProblem(
        scrub(error.what),
        scrub(cause) if cause else None,
        scrub(error.fix) if error.fix else None,
        error.hop,
        scrub(brief) if brief else None,
    )
