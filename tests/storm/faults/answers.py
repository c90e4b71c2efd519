"""Faults of the network, and answers of AWS that are none."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable

from tests.storm.faults.arena import Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.faults.proxy import Answer, Exchange, Fault, answer_of, pass_on

_HTML = b"<!DOCTYPE html><html><head><title>Sign in to the Wi-Fi</title></head></html>"
_ADMIN, _AUDIT = "arn:aws:iam::333333333333:role/Admin", "arn:aws:iam::444444444444:role/Audit"
# OK; the source's own credentials or a sign-in; refused by AWS; the network's or AWS's fault.
_CODES = (0, 4, 5, 6)
_REFUSED = 5


def _injected(arena: Arena, *faults: Fault, always: Fault | None = None) -> bool:
    """Walk with these faults, or refresh; then walk without."""
    person = arena.person()
    chain = arena.choice.choice(["hub", "admin", "spokes/444444444444"])
    skipped = [pass_on] * (chain != "hub" and arena.choice.random() < 0.6)
    if always is None:
        arena.proxy.next(*skipped, *faults)
    else:
        arena.proxy.always(always)
    try:
        if arena.choice.random() < 0.7:
            done = arena.walk(person, chain)
        else:
            done = arena.run("refresh", chain, person=person)
    finally:
        injected = arena.proxy.recover()
    if done.code not in _CODES:
        raise NotSurvived(f"exit {done.code}")
    if done.code == _REFUSED and arena.run("refresh", chain, person=person).code != 0:
        raise NotSurvived("refresh, which asks AWS again at once, fails")
    arena.heals(person, chain)
    return injected > 0


def fault(name: str) -> Callable[[Fault], Fault]:
    """Register what is done to one answer as a kind, each time it is asked for."""

    def register(act: Fault) -> Fault:
        kind(f"answer: {name}")(lambda arena: _injected(arena, act))
        return act

    return register


def _error(status: int, code: str, text: str = "made up") -> Fault:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
    return lambda exchange: exchange.send(answer_of(body.encode(), status))


def _changed(change: Callable[[bytes], bytes]) -> Fault:
    """Return a fault that changes the body of the double's own answer."""

    def act(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send(Answer(found.status, found.headers, change(found.body)).raw)

    return act


def _replaced(pattern: str, by: str) -> Fault:
    return _changed(lambda body: re.sub(pattern.encode(), by.encode(), body))


for _name, _fault in {
    "throttled": _error(400, "Throttling", "Rate exceeded"),
    "unavailable": _error(503, "ServiceUnavailable"),
    "an internal error": _error(500, "InternalFailure"),
    "refused for once": _error(403, "AccessDenied", "User: x is not authorized"),
    "an expired token": _error(403, "ExpiredToken", "The security token included is expired"),
    "an unknown key": _error(403, "InvalidClientTokenId", "The security token is invalid"),
    "a wrong signature": _error(403, "SignatureDoesNotMatch", "Signature expired: now earlier"),
    "a region that is off": _error(403, "RegionDisabledException", "STS is not activated"),
    "an error with escapes": _error(400, "Odd\x1b[2J", "\x1b]0;title\x07 \u202e"),
    "a web page": lambda each: each.send(answer_of(_HTML, 200, Content_Type="text/html")),
    "a web page of an error": lambda each: each.send(answer_of(_HTML, 502)),
    "a redirection": lambda each: each.send(answer_of(b"", 302, Location="http://127.0.0.1:1/")),
    "nothing": lambda each: each.send(answer_of(b"")),
    "no HTTP": lambda each: (each.send(bytes(range(256)) * 4), each.cut())[-1],
    "another protocol": lambda each: (each.send(b"SSH-2.0-OpenSSH_9\r\n"), each.cut())[-1],
    "no length": lambda each: (
        each.send(each.forward().raw.replace(b"Content-Length", b"X-Length")),
        each.cut(),
    )[-1],
    "two lengths": lambda each: each.send(
        each.forward().raw.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1)
    ),
    "a negative length": lambda each: each.send(answer_of(b"<a/>", Content_Length="-1")),
    "a length of no number": lambda each: each.send(answer_of(b"<a/>", Content_Length="9" * 400)),
    "a thousand headers": lambda each: each.send(
        answer_of(b"<a/>", 200, **{f"X_{number}": "y" for number in range(1000)})
    ),
    "a very long header": lambda each: each.send(answer_of(b"<a/>", X="y" * 100_000)),
    "ten million bytes": lambda each: each.send(answer_of(b" " * 10_000_000)),
    "deep XML": lambda each: each.send(answer_of(b"<a>" * 50_000)),
    "entities": lambda each: each.send(
        answer_of(b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]><a>&d;&d;</a>')
    ),
    "no secret": _replaced("<SecretAccessKey>.*?</SecretAccessKey>", ""),
    "an empty token": _replaced("<SessionToken>.*?</SessionToken>", "<SessionToken/>"),
    "a session that has ended": _replaced(
        "<Expiration>.*?</Expiration>", "<Expiration>2020-01-01T00:00:00Z</Expiration>"
    ),
    "a session of a thousand years": _replaced(
        "<Expiration>.*?</Expiration>", "<Expiration>3026-01-01T00:00:00Z</Expiration>"
    ),
    "no expiry": _replaced("<Expiration>.*?</Expiration>", "<Expiration>soon</Expiration>"),
    "the ARN of another role": _replaced(
        "<Arn>.*?</Arn>", "<Arn>arn:aws:sts::999999999999:assumed-role/Other/x</Arn>"
    ),
    "a key with a line end": _replaced("</SecretAccessKey>", "\n</SecretAccessKey>"),
    "an XML cut in the secret": _changed(lambda body: body[: body.find(b"<SecretAccessKey>") + 30]),
    "UTF-16": _changed(lambda body: body.decode().encode("utf-16")),
    "bytes that are no text": _changed(lambda body: body.replace(b"ASIA", b"\xff\xfe\x00")),
    "no gzip": lambda each: each.send(answer_of(b"\x1f\x8b\x08no", Content_Encoding="gzip")),
}.items():
    fault(_name)(_fault)


@fault("connection cut before the call")
def _cut(exchange: Exchange) -> None:
    exchange.cut()


@fault("connection reset before the call")
def _reset(exchange: Exchange) -> None:
    exchange.reset()


@fault("connection cut after success")
def _cut_after_success(exchange: Exchange) -> None:
    exchange.forward()
    exchange.cut()


@fault("connection reset after success")
def _reset_after_success(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


@fault("cut in the middle")
def _truncated(exchange: Exchange) -> None:
    raw = exchange.forward().raw
    exchange.send(raw[: len(raw) * 2 // 3])
    exchange.cut()


@fault("cut in the head")
def _truncated_head(exchange: Exchange) -> None:
    exchange.send(exchange.forward().raw[:25])
    exchange.cut()


@fault("late after success")
def _late(exchange: Exchange) -> None:
    raw = exchange.forward().raw
    exchange.wait(0.4)
    exchange.send(raw)


@fault("delayed before the call")
def _delayed(exchange: Exchange) -> None:
    exchange.wait(0.3)
    pass_on(exchange)


@fault("in drops")
def _dripping(exchange: Exchange) -> None:
    raw = exchange.forward().raw
    for at in range(0, len(raw), 100):
        exchange.send(raw[at : at + 100])
        exchange.wait(0.005)


@fault("another role's session")
def _other_role(exchange: Exchange) -> None:
    others = (each for role, each in exchange.proxy.answers.items() if role != exchange.role)
    exchange.send(next(others, exchange.forward()).raw)


@fault("another person's session")
def _other_person(exchange: Exchange) -> None:
    """The first answer for this role was for another session name."""
    exchange.send(exchange.proxy.answers.get(exchange.role, exchange.forward()).raw)


@fault("one too many on the connection")
def _one_too_many(exchange: Exchange) -> None:
    """Whoever reads the next answer there gets another role's session."""
    other = exchange.proxy.answers.get(_AUDIT if exchange.role == _ADMIN else _ADMIN)
    exchange.send(exchange.forward().raw + (other.raw if other else b"HTTP/1.1 200 OK\r\n\r\n"))


@fault("carried out twice")
def _twice(exchange: Exchange) -> None:
    exchange.forward()
    pass_on(exchange)


@fault("a preliminary answer first")
def _preliminary(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" + exchange.forward().raw)


@fault("in chunks")
def _chunked(exchange: Exchange) -> None:
    body = exchange.forward().body
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


@fault("in broken chunks")
def _broken_chunks(exchange: Exchange) -> None:
    exchange.forward()
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<a>")
    exchange.cut()


@fault("compressed")
def _compressed(exchange: Exchange) -> None:
    exchange.send(answer_of(gzip.compress(exchange.forward().body), Content_Encoding="gzip"))


@fault("compressed otherwise than it says")
def _wrongly_compressed(exchange: Exchange) -> None:
    exchange.send(answer_of(zlib.compress(exchange.forward().body), Content_Encoding="br"))


def _until_gone(exchange: Exchange) -> None:
    """The session is made, and the answer comes when nobody waits for it any more."""
    answer = exchange.forward()
    exchange.wait_until_gone()
    exchange.send(answer.raw)


def _carried_out_late(exchange: Exchange) -> None:
    """The call lies somewhere until nobody waits for it any more, and is carried out then."""
    exchange.wait_until_gone()
    pass_on(exchange)


kind("answer: too late after success", once=True)(lambda arena: _injected(arena, _until_gone))
kind("answer: too late to a call carried out late", once=True)(
    lambda arena: _injected(arena, _carried_out_late)
)

NETWORK: dict[str, Fault] = {
    "connection cut before the call": _cut,
    "connection reset after success": _reset_after_success,
    "answer cut in the middle": _truncated,
    "a web page": lambda each: each.send(answer_of(_HTML, 200, Content_Type="text/html")),
    "throttled": _error(400, "Throttling", "Rate exceeded"),
    "late after success": _late,
}
"""What may happen to each call to AWS, also those that do not ask for a session."""


@kind("network: down")
def _down(arena: Arena) -> bool:
    return _injected(arena, always=Exchange.cut)


@kind("network: every call throttled")
def _throttled(arena: Arena) -> bool:
    return _injected(arena, always=_error(400, "Throttling", "Rate exceeded"))


@kind("network: nobody listens")
def _refused(arena: Arena) -> None:
    person = arena.person()
    done = arena.walk(person, env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"})
    if done.code not in _CODES[1:]:
        raise NotSurvived(f"exit {done.code}")
    arena.heals(person)
