"""A machine that sleeps, or whose clock is set, between a request and its answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import time_machine

from rolehop.aws.identity_center import Portal
from rolehop.aws.metadata import ContainerEndpoint, InstanceMetadata, container_session
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.exchange_clock import Moment, offset_of_server
from rolehop.aws.net.http import HttpClient, HttpRequest
from rolehop.aws.oauth import Endpoints, Issuer
from rolehop.aws.sts import StsClient
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import RolehopError, ServiceError
from rolehop.hotpath.record import seconds_since_start
from rolehop.plan.model import Hop
from rolehop.walk.ports import StsRefusal
from tests.aws.net.raw_server import raw_server
from tests.doubles.sts import StrictSts, User

HopTo = Callable[..., Hop]
NIGHT, NAP = timedelta(hours=24), timedelta(minutes=20)
NOTHING = timedelta()


class Machine:
    """This machine: what its two clocks show from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._elapsed = NOTHING
        self._travels: list[Any] = []
        read = time.clock_gettime

        def clock_gettime(clock: int) -> float:
            # Of the clocks that nobody sets, rolehop reads the one that counts sleep.
            return read(clock) + (
                self._elapsed.total_seconds() if clock != time.CLOCK_REALTIME else 0
            )

        monkeypatch.setattr(time, "clock_gettime", clock_gettime)

    def sleeps(self, length: timedelta) -> None:
        """The machine sleeps, and knows what time it is when it wakes up."""
        self._elapsed += length
        self.is_set(length)

    def is_set(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self._travels.append(time_machine.travel(datetime.now(UTC) + by, tick=True))
        self._travels[-1].start()

    def is_left(self) -> None:
        while self._travels:
            self._travels.pop().stop()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine(monkeypatch)
    yield machine
    machine.is_left()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def sts_client(settings: ClientSettings) -> Iterator[StsClient]:
    with StsClient(settings) as client:
        yield client


def then(sts: StrictSts, happens: Callable[[], object]) -> None:
    """Let something happen to this machine when the double has answered; its Date stays as it was."""
    answer = sts.answer

    def answer_then(*arguments: Any) -> Any:
        found, before = answer(*arguments), now()
        happens()
        sts.date_offset = before - now()
        return found

    sts.answer = answer_then  # type: ignore[assignment,method-assign]


def test_a_session_that_ended_while_the_machine_slept_is_not_handed_out(
    sts: StrictSts, sts_client: StsClient, alice: User, hop_to: HopTo, machine: Machine
) -> None:
    then(sts, lambda: machine.sleeps(NIGHT))
    with pytest.raises(ServiceError) as caught:
        sts_client.assume_role(hop_to(), alice.credentials, None)
    assert caught.value.what == "the session had ended when its answer was there"


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda machine: machine.sleeps(NAP), id="sleeps"),
        pytest.param(lambda machine: machine.is_set(NAP), id="is-set"),
        pytest.param(lambda machine: machine.is_set(-NAP), id="is-set-back"),
    ],
)
def test_a_session_that_is_received_late_ends_when_aws_says(
    sts: StrictSts,
    sts_client: StsClient,
    alice: User,
    hop_to: HopTo,
    machine: Machine,
    happens: Callable[[Machine], None],
) -> None:
    then(sts, lambda: happens(machine))
    session = sts_client.assume_role(hop_to(), alice.credentials, None)
    assert session.credentials.clock_offset == NOTHING
    assert session.local_expires_at == session.expires_at


def test_a_refusal_that_is_received_late_is_not_explained_by_the_clock(
    sts: StrictSts, sts_client: StsClient, alice: User, hop_to: HopTo, machine: Machine
) -> None:
    sts.fail(status=403, code="AccessDenied", text="no")
    then(sts, lambda: machine.sleeps(NIGHT))
    with pytest.raises(StsRefusal) as caught:
        sts_client.assume_role(hop_to(), alice.credentials, None)
    assert caught.value.clock_offset_seconds is None


# ---- services of JSON: the answer is written, the machine sleeps, and the answer arrives

KEY_ID = "ASIAEXAMPLE123456789"
KEYS = {"AccessKeyId": KEY_ID, "SecretAccessKey": "asleep/secret/0", "Token": "asleep/token/0"}
PORTAL = {
    "accessKeyId": KEY_ID,
    "secretAccessKey": "asleep/secret/1",
    "sessionToken": "asleep/token/1",
}


def in_an_hour() -> datetime:
    return now().replace(microsecond=0) + timedelta(hours=1)


def of_portal(http: HttpClient, base: str) -> Credentials:
    return Portal(http, base, now).role_credentials(
        Secret("asleep/sign-in/0"), "111111111111", "Reader"
    )


def of_container(http: HttpClient, base: str) -> Credentials:
    return container_session(ContainerEndpoint(base, None), http, 1, now)


def of_instance(http: HttpClient, base: str) -> Credentials:
    return InstanceMetadata(base, http, 1, now)._session("token", "Role")


SERVICES = [
    pytest.param(
        of_portal,
        lambda: {"roleCredentials": PORTAL | {"expiration": int(in_an_hour().timestamp()) * 1000}},
        id="portal",
    ),
    *(
        pytest.param(
            ask, lambda: KEYS | {"Expiration": f"{in_an_hour():%Y-%m-%dT%H:%M:%SZ}"}, id=name
        )
        for ask, name in ((of_container, "container"), (of_instance, "instance"))
    ),
]
Ask = Callable[[HttpClient, str], Credentials]


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(ClientSettings("eu-west-1"), proxies=False) as client:
        yield client


def answered(document: object, happens: Callable[[], object]) -> Iterator[bytes]:
    """Write the answer, let something happen, and send it."""
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\nDate: {format_datetime(now(), usegmt=True)}\r\n"
    happens()
    yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(("ask", "document"), SERVICES)
def test_no_service_hands_out_a_session_that_ended_while_the_machine_slept(
    http: HttpClient, machine: Machine, ask: Ask, document: Callable[[], object]
) -> None:
    with (
        raw_server(lambda: answered(document(), lambda: machine.sleeps(NIGHT))) as address,
        pytest.raises(RolehopError) as caught,
    ):
        ask(http, f"http://{address}")
    assert "expire" in str(caught.value.cause)


@pytest.mark.parametrize(("ask", "document"), SERVICES)
def test_a_session_of_any_service_ends_when_it_says(
    http: HttpClient, machine: Machine, ask: Ask, document: Callable[[], object]
) -> None:
    with raw_server(lambda: answered(document(), lambda: machine.sleeps(NAP))) as address:
        found = ask(http, f"http://{address}")
    assert found.expires_at is not None
    assert found.local_expires_at == found.expires_at
    assert found.expires_at - now() < timedelta(hours=1) - NAP + timedelta(seconds=1)


def test_the_life_of_a_token_is_counted_from_its_request(
    http: HttpClient, machine: Machine
) -> None:
    begun = now()
    tokens = {
        "access_token": "asleep/access/0",
        "refresh_token": "asleep/refresh/1",
        "expires_in": 3600,
    }
    with raw_server(lambda: answered(tokens, lambda: machine.sleeps(NIGHT))) as address:
        url = f"http://{address}"
        issuer = Issuer(http, url, "client", now)
        found = issuer.by_refresh(Endpoints(url, url), Secret("asleep/refresh/0"), None)
    assert found.expires_at - begun < timedelta(hours=1, seconds=60)


@pytest.mark.parametrize("happens", [Machine.sleeps, Machine.is_set])
def test_an_exchange_takes_as_long_as_either_clock_says(
    http: HttpClient, machine: Machine, happens: Callable[[Machine, timedelta], None]
) -> None:
    with raw_server(lambda: answered({}, lambda: happens(machine, NIGHT))) as address:
        answer = http.send(HttpRequest("GET", f"http://{address}"))
    assert NIGHT <= answer.took < NIGHT + timedelta(minutes=1)


# ---- the comparison itself

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "elapsed", "seconds"),
    [
        pytest.param(0.2, 0.2, 600, id="at-once"),
        pytest.param(9, 9, 600 - 9, id="soon"),
        pytest.param(11, 11, None, id="late"),
        pytest.param(0.2, 86_400, None, id="asleep-and-not-told-the-time"),
        pytest.param(86_400, 0.2, None, id="set"),
        pytest.param(-86_400, 0.2, None, id="set-back"),
    ],
)
def test_the_clocks_are_compared_only_where_request_and_answer_lie_close_together(
    shown: float, elapsed: float, seconds: float | None
) -> None:
    sent = Moment(NOON.timestamp(), 1_000)
    received = Moment(sent.shown + shown, sent.elapsed + elapsed)
    found = offset_of_server(NOON + timedelta(minutes=10), sent, received)
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_the_clock_that_counts_sleep_goes_on() -> None:
    first = seconds_since_start()
    time.sleep(0.01)
    assert 0.005 < seconds_since_start() - first < 5
