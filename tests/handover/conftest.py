from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rolehop.base.credentials import Credentials, Secret, Session

ISSUED = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = datetime(2030, 1, 2, 4, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="session")
def session() -> Session:
    return Session(
        credentials=Credentials(
            "ASIAHUB", Secret("sEcret/hub+0="), Secret("IQoJ/token+hub=="), expires_at=ENDS
        ),
        arn="arn:aws:sts::222222222222:assumed-role/Hub/me",
        account="222222222222",
        issued_at=ISSUED,
        expires_at=ENDS,
    )


@pytest.fixture(scope="session")
def next_session() -> Session:
    """Of an account that nobody has asked for."""
    return Session(
        credentials=Credentials(
            "ASIAADMIN", Secret("sEcret/admin"), Secret("IQoJ/token+admin"), expires_at=ENDS
        ),
        arn="",
        account="",
        issued_at=ISSUED,
        expires_at=ENDS,
    )
