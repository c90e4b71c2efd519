"""Stored sessions that AWS takes no longer, as the answer to a call that they signed says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rolehop.base.errors import HopRefused, SignInExpired

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials
    from rolehop.walk.ports import StsRefusal


@contextmanager
def forgetting_rejected(app: App, key: str | None, credentials: Credentials) -> Iterator[None]:
    """Forget the session under a hop key if AWS says in here that it takes it no longer.

    Only if it is that of ``credentials``; ``None``: none is stored.
    """
    try:
        yield
    except (SignInExpired, HopRefused) as error:
        is_over = isinstance(error, SignInExpired) or _is_over(error.code, error.message)
        if key is not None and is_over:
            app.vault.drop(key, credentials.access_key_id)
        raise


def forget_if_rejected(app: App, key: str, signer: Credentials, refusal: StsRefusal) -> None:
    """Forget the session under a hop key, if it is that of ``signer``, and AWS takes it no longer."""
    if _is_over(refusal.code, refusal.message):
        app.vault.drop(key, signer.access_key_id)


def _is_over(code: str, message: str) -> bool:
    from rolehop.walk.ports import StsRefusal as Refusal
    from rolehop.walk.sts_errors import RefusalKind, explain_refusal

    kind = explain_refusal(Refusal(code, message)).kind
    return kind in (RefusalKind.EXPIRED, RefusalKind.UNKNOWN_KEY)
