"""The AWS credential_process contract: one compact JSON object on one line."""

from __future__ import annotations

from rolehop.credentials import Session
from rolehop.fastpath.writer import process_line
from rolehop.handover.environment import plain_token, timestamp


def as_process(session: Session) -> str:
    """Return what ``credential-process`` and ``export --format json`` print, newline included.

    Raises:
        ValueError: ``session`` has no session token.
    """
    line = process_line(
        session.credentials.access_key_id,
        session.credentials.secret_access_key.reveal(),
        plain_token(session),
        timestamp(session.expires_at),
        session.account,
    )
    return f"{line}\n"
