"""A whole endpoint on loopback: who is answered, and what happens to those who are not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from rolehop.commands.serve import connection, loop
from rolehop.commands.serve.loop import PortInUse, listen_on_port
from rolehop.commands.serve.rules import SessionForm
from tests.commands.serve.served import LARGE, SESSION, TOKEN, Served, parsed, received, serving


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Neither a request nor a held answer is given up because this machine stalls."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(connection, "HEAD_SECONDS", 60.0)
        monkeypatch.setattr(connection, "HOLD_SECONDS", 60.0)
        yield


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with serving() as served:
        yield served


def test_the_token_gives_the_session_and_nothing_may_keep_it(shared: Served) -> None:
    status, headers, body = shared.ask()
    assert (status, body) == (200, SESSION)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert shared.chains.asked[-1] == ("admin", "test")


@pytest.mark.parametrize(
    ("status", "path", "method", "changes"),
    [
        (401, "/chains/admin", "GET", {"Authorization": None}),
        (401, "/chains/admin", "GET", {"Authorization": f"Bearer {TOKEN}"}),
        (401, "/chains/admin", "GET", {"Authorization": f"{TOKEN}\r\nAuthorization: {TOKEN}"}),
        (401, "/no/such/path", "GET", {"Authorization": "wrong"}),
        (403, "/chains/admin", "GET", {"Host": "attacker.example"}),
        (403, "/chains/admin", "GET", {"Host": "127.0.0.1:1"}),
        (403, "/chains/admin", "GET", {"Host": None}),
        (403, "/health", "GET", {"Host": "attacker.example"}),
        (403, "/chains/admin", "GET", {"Origin": "http://attacker.example"}),
        (403, "/chains/admin", "GET", {"Referer": "http://attacker.example/"}),
        (403, "/chains/admin", "GET", {"Sec_Fetch_Site": "same-site"}),
        (403, "/chains/admin", "GET", {"X_Forwarded_For": "10.0.0.1"}),
        (403, "/chains/admin", "GET", {"X_Forwarded_Proto": "http"}),
        (403, "/chains/admin", "GET", {"Via": "1.1 proxy"}),
        (403, "/chains/admin", "GET", {"Host": "127.0.0.1.:{port}"}),
        (403, "/chains/admin", "GET", {"Host": "2130706433:{port}"}),
        (403, "/chains/admin", "GET", {"Host": "[::1]:{port}"}),
        (403, "/chains/admin", "GET", {"Host": "localhost:{port}\r\nHost: localhost:{port}"}),
        (403, "/chains/admin", "OPTIONS", {"Origin": "http://attacker.example"}),
        (404, "/chains/other", "GET", {}),
        (404, "/chains/", "GET", {}),
        (404, "/chains/%FF", "GET", {}),
        (404, "/chains/%2e%2e", "GET", {}),
        (404, "/chains/%2561dmin", "GET", {}),
        (404, "/chains/admin%00", "GET", {}),
        (404, "/chains/adm%C4%B1n", "GET", {}),
        (404, "//chains/admin", "GET", {}),
        (404, "*", "GET", {}),
        (404, "/", "GET", {}),
        (404, "/latest/api/token", "GET", {}),
        (404, f"{SessionForm.INSTANCE.value}admin", "GET", {}),
        (404, "http://127.0.0.1/chains/admin", "GET", {}),
        (405, "/chains/admin", "POST", {"Content_Length": "4\r\n\r\nbody"}),
        (405, "/chains/admin", "PUT", {}),
        (405, "/chains/admin", "get", {}),
        (400, "/chains/admin", "GET", {"Content_Length": "4\r\n\r\nbody"}),
    ],
)  # fmt: skip
def test_what_is_not_answered_looks_nothing_up(
    shared: Served, status: int, path: str, method: str, changes: dict[str, str | None]
) -> None:
    before = list(shared.chains.asked)
    found, headers, body = shared.ask(path, method, **changes)
    error = json.loads(body)
    assert found == status
    assert (error["code"], error["message"]) == (error["Code"], error["Message"])
    assert ("Allow" in headers) == (status == 405)
    assert shared.chains.asked == before


@pytest.mark.parametrize(
    "path",
    ["/chains/spokes%2F444444444444", "/chains/spokes/444444444444", "/chains/admin?account=1"],
)
def test_a_chain_is_named_by_its_path(shared: Served, path: str) -> None:
    assert shared.ask(path)[0] == 200


def test_the_path_says_how_a_session_is_written(shared: Served) -> None:
    for form in (SessionForm.CONTAINER, SessionForm.PROCESS):
        assert shared.ask(f"{form.value}spokes%2F444444444444")[0] == 200
        assert shared.chains.form is form


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.1:{port}", "LOCALHOST:{port}"])
def test_a_client_may_leave_out_the_port(shared: Served, host: str) -> None:
    """Those on AWS's common runtime do."""
    assert shared.ask("/chains/admin", Host=host)[0] == 200


def test_an_error_of_a_chain_is_its_answer(shared: Served) -> None:
    status, _, body = shared.ask("/chains/broken")
    assert (status, json.loads(body)["message"]) == (400, "a sign-in is needed")


def test_health_needs_no_token(shared: Served) -> None:
    status, _, body = shared.ask("/health", Authorization=None, Host=f"localhost:{shared.port}")
    assert (status, json.loads(body)["pid"]) == (200, 42)


def test_requests_on_one_connection_are_answered_in_their_order(shared: Served) -> None:
    kept = [shared.request(f"/chains/{each}", Connection=None) for each in ("admin", "no", "admin")]
    with shared.connect() as client:
        for each in b"".join(kept[:1])[:50], b"".join(kept[:1])[50:], b"".join(kept[1:]):
            client.sendall(each)
        client.sendall(shared.request("/health"))
        data = received(client)
    assert [int(each.split()[0]) for each in data.split(b"HTTP/1.1 ")[1:]] == [200, 404, 200, 200]


def test_many_requests_at_once_are_all_answered(shared: Served) -> None:
    """Their answers are more than are put together at a time, and the client sends no more."""
    count = 40
    kept = shared.request("/chains/large", Connection=None)
    with shared.connect() as client:
        client.sendall(kept * (count - 1) + shared.request("/chains/large"))
        data = received(client)
    assert data.count(b"HTTP/1.1 200 ") == count
    assert data.endswith(LARGE)


def test_a_head_gets_no_body_so_that_the_next_answer_is_where_it_is_looked_for(
    shared: Served,
) -> None:
    with shared.connect() as client:
        client.sendall(shared.request("/chains/admin", "HEAD", Connection=None))
        client.sendall(shared.request("/health"))
        heads = received(client).split(b"\r\n\r\n")
    assert [each.split()[1] for each in heads[:2]] == [b"405", b"200"]


def test_what_is_known_in_a_moment_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, shared: Served
) -> None:
    with shared.connect() as client:
        client.sendall(shared.request("/chains/late"))
        assert shared.chains.is_waited_for.wait(60)
        shared.chains.is_ready = True
        shared.loop.wake()
        assert parsed(received(client))[0] == 200
    shared.chains.is_ready = False
    monkeypatch.setattr(connection, "HOLD_SECONDS", 0.0)
    assert shared.ask("/chains/late")[0] == 503


def test_an_answer_before_it_does_not_make_a_held_one_wait_longer(
    monkeypatch: pytest.MonkeyPatch, shared: Served
) -> None:
    monkeypatch.setattr(connection, "HOLD_SECONDS", 0.0)
    with shared.connect() as client:
        first = shared.request("/chains/admin", Connection=None)
        client.sendall(first + shared.request("/chains/late"))
        assert received(client).count(b"HTTP/1.1 503 ") == 1


def test_whoever_sends_slowly_or_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, shared: Served
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.0)
    with shared.connect() as silent, shared.connect() as slow:
        slow.sendall(b"GET /chains/admin HTTP/1.1\r\nHost: ")
        assert received(silent) == received(slow) == b""


def test_connections_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_CONNECTIONS", 2)
    with serving() as served:
        busy = [served.connect() for _ in range(2)]
        for each in busy:
            each.sendall(served.request("/chains/admin", Connection=None) + b"GET ")
            assert each.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert served.ask()[0] == 429
        busy[0].sendall(served.request("/health", Connection=None)[4:])
        assert busy[0].recv(4096).startswith(b"HTTP/1.1 200 ")
        assert served.ask()[0] == 429  # it has shown the token, and is idle for no time at all
        monkeypatch.setattr(loop, "_FREED_AFTER", 0.0)
        assert served.ask()[0] == 200
        assert busy[0].recv(1) == b""
        for each in busy:
            each.close()


def test_a_client_with_the_token_is_not_cut_for_being_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.0)
    with serving() as served, served.connect() as kept, served.connect() as cut:
        kept.sendall(served.request("/chains/admin", Connection=None))
        assert kept.recv(4096).startswith(b"HTTP/1.1 200 ")
        cut.sendall(served.request("/health", Connection=None))
        assert received(cut).startswith(b"HTTP/1.1 200 ")
        kept.sendall(served.request("/chains/admin"))
        assert received(kept).startswith(b"HTTP/1.1 200 ")


def test_whoever_has_no_token_keeps_out_nobody_who_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_CONNECTIONS", 2)
    with serving() as served, served.connect() as first, served.connect() as second:
        first.sendall(served.request("/health", Connection=None))
        assert first.recv(4096).startswith(b"HTTP/1.1 200 ")
        first.sendall(b"GET ")
        second.sendall(served.request("/chains/admin", Connection=None))
        assert second.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert served.ask()[0] == 200
        assert received(first).startswith(b"HTTP/1.1 429 ")
        second.sendall(served.request("/chains/admin"))
        assert received(second).startswith(b"HTTP/1.1 200 ")


def test_a_port_is_shared_with_nobody() -> None:
    with listen_on_port(0).socket as taken, pytest.raises(PortInUse):
        listen_on_port(taken.getsockname()[1])
