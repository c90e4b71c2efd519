"""A ``boto3.Session`` whose credentials come from a function and refresh by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import botocore.session
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.tokens import TokenProviderChain
from botocore.utils import get_token_from_environment

from rolehop.base.credentials import Session

_ADVISORY_SECONDS, _MANDATORY_SECONDS = 15 * 60, 10 * 60
"""When botocore refreshes early, and when it must (botocore.credentials)."""


def make_session(load: Callable[[], Session], region: str | None) -> boto3.Session:
    """Return a session that calls ``load`` when it first signs a call, and again before expiry.

    Nothing else is looked for: neither the environment's keys and tokens nor a profile's.
    ``AWS_PROFILE`` is ignored, as ``rolehop exec`` unsets it. ``region`` is the default region of its
    clients.
    """
    session = botocore.session.get_session({"profile": (None, None, None, None)})
    session.register_component("credential_provider", CredentialResolver([_Provider(load)]))
    session.register_component("token_provider", TokenProviderChain([]))
    session.get_component("event_emitter").register_first("choose-signer", _sign_by_keys)
    return boto3.Session(botocore_session=session, region_name=region)


def _sign_by_keys(signing_name: str, signature_version: object, **_: object) -> str | None:
    """Keep a client from taking ``AWS_BEARER_TOKEN_BEDROCK``, which botocore prefers to keys."""
    has_token = get_token_from_environment(signing_name) is not None
    return "v4" if has_token and signature_version == "v4" else None


class _Provider(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    METHOD = "rolehop"
    CANONICAL_NAME = "Rolehop"

    def __init__(self, load: Callable[[], Session]) -> None:
        super().__init__()
        self._load = load

    def load(self) -> _ChainCredentials:
        return _ChainCredentials(self._load)


class _ChainCredentials(DeferredRefreshableCredentials):  # type: ignore[misc]
    """Refreshes under botocore's lock, so many threads share one call of ``load``."""

    def __init__(self, load: Callable[[], Session]) -> None:
        super().__init__(
            refresh_using=self._metadata, method=_Provider.METHOD, time_fetcher=self._time
        )
        self._load_session = load
        self._session: Session | None = None

    def _time(self) -> datetime:
        """Return the time by the clock of receipt, which botocore compares with the session's end.

        This machine's clock may have been set since.
        """
        now, session = datetime.now(UTC), self._session
        return now if session is None else now + (session.local_expires_at - session.ends_at(now))

    def _metadata(self) -> dict[str, str | None]:
        session = self._session = self._load_session()
        # A session of 15 minutes would otherwise be asked for at every request.
        life = (session.local_expires_at - session.issued_at).total_seconds()
        self._advisory_refresh_timeout = min(_ADVISORY_SECONDS, life / 2)
        self._mandatory_refresh_timeout = min(_MANDATORY_SECONDS, life / 4)
        token = session.credentials.session_token
        return {
            "access_key": session.credentials.access_key_id,
            "secret_key": session.credentials.secret_access_key.reveal(),
            "token": None if token is None else token.reveal(),
            "expiry_time": session.local_expires_at.isoformat(),  # compared with `_time`
            "account_id": session.account or None,
        }
