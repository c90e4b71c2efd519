"""Read secrets from the Secret Service over the session bus, as cheaply as possible.

Four round trips, however many secrets: sign on; open a *plain* session and ask for the default
collection; search it; read the items. A secret crosses the user's own bus socket unencrypted, as
with the Go tools' library; the keyring library encrypts it on the way, at ten times the cost. A
process that could listen on the socket could also ask for the secret itself.

Formats: D-Bus specification (wire format, SASL); Secret Service API 0.2 (freedesktop.org).
Anything unexpected is ``BusTrouble``: the caller asks the full path then.
"""

import _socket
import sys
from time import monotonic

if sys.platform == "linux":
    import posix as os  # which is built in; os takes a tenth of a start without site
else:
    import os

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable

_SECRETS = "org.freedesktop.secrets"
_API = "org.freedesktop.Secret"
_SERVICE = (_SECRETS, "/org/freedesktop/secrets", f"{_API}.Service")
_TIMEOUT = 2.0  # seconds for all round trips together
_LARGEST = 1 << 20  # bytes of one message
_CALL, _RETURN = 1, 2
_NO_AUTO_START = 2  # do not start a service that does not run


class BusTrouble(Exception):
    """The bus or the service on it answers in a way that this small client does not understand."""


def read_secrets(
    address: str,
    services: list[str],
    username: str,
    timeout: float = _TIMEOUT,
    meanwhile: "Callable[[], object] | None" = None,
) -> list[str | None]:
    """Return the secrets that the keyring library stored for ``services``; ``None``: there is none.

    ``address`` is DBUS_SESSION_BUS_ADDRESS; ``timeout`` is in seconds, for all answers together.
    ``meanwhile`` is called while the bus works on its first answer.

    Raises:
        OSError: the bus cannot be reached, or does not answer in time.
        BusTrouble: it answers with anything but a secret, e.g. because the collection is locked.
    """
    try:
        bus = _Bus(address, timeout)
        try:
            _sign_on(bus, meanwhile)
            return _read(bus, services, username)
        finally:
            bus.close()
    except (IndexError, ValueError):
        # A message whose lengths do not add up, or invalid text.
        raise BusTrouble("an invalid answer or address") from None


def _read(bus: "_Bus", services: list[str], username: str) -> list[str | None]:
    session, collection = _session_and_collection(bus)
    attributes = [_dictionary({"service": each, "username": username}) for each in services]
    found = bus.ask(
        [(collection, f"{_API}.Collection", "SearchItems", "a{ss}", each) for each in attributes]
    )
    items = [_first_path(each) for each in found]
    there = [each for each in items if each is not None]
    secrets = bus.ask(
        [(each, f"{_API}.Item", "GetSecret", "o", _string(session)) for each in there]
    )
    texts = dict(zip(there, map(_secret, secrets), strict=True))
    return [None if each is None else texts[each] for each in items]


def is_collection_locked(address: str, timeout: float = _TIMEOUT) -> bool:
    """True if the default collection is locked. Raises as `read_secrets`; nobody is asked."""
    try:
        bus = _Bus(address, timeout)
        try:
            _sign_on(bus, None)
            _, collection = _session_and_collection(bus)
            body = _aligned(_string(f"{_API}.Collection"), 4) + _string("Locked")
            get = (collection, "org.freedesktop.DBus.Properties", "Get", "ss", body)
            (found,) = bus.ask([get])
        finally:
            bus.close()
    except (IndexError, ValueError):
        raise BusTrouble("an invalid answer or address") from None
    if found[:3] != b"\x01b\0":
        raise BusTrouble("no boolean")
    return found[4:8] != b"\0" * 4


def _sign_on(bus: "_Bus", meanwhile: "Callable[[], object] | None") -> None:
    """Sign on to the bus, then make a first call to the service.

    gnome-keyring registers a new caller concurrently with the caller's first call, sometimes too
    late. If that call is OpenSession, it crashes (its issue 196), and all secrets are locked until
    the user unlocks them. So the first call is one for which it need not know the caller.
    """
    bus.send(b"\0AUTH EXTERNAL %b\r\nBEGIN\r\n" % str(os.geteuid()).encode().hex().encode())
    hello = bus.call(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"
    )
    known = bus.call(*_SERVICE, "ReadAlias", "s", _string("rolehop"))
    bus.flush()
    if meanwhile is not None:
        meanwhile()
    bus.expect_ok()
    bus.answer_to(hello)
    bus.answer_to(known, refused=True)


def _session_and_collection(bus: "_Bus") -> tuple[str, str]:
    """Open a plain session and ask which collection is the default one.

    Searching it by its alias would save a round trip, but gnome-keyring resolves an alias in
    another thread than it changes one, and then may never answer.
    """
    # A variant: its signature, then the empty string that "plain" has for input.
    plain = _aligned(_string("plain") + b"\x01s\0", 4) + _string("")
    opened = bus.call(*_SERVICE, "OpenSession", "sv", plain)
    aliased = bus.call(*_SERVICE, "ReadAlias", "s", _string("default"))
    bus.flush()
    session, collection = _last_path(bus.answer_to(opened)), _text(bus.answer_to(aliased), 0)
    if len(collection) < 2:
        raise BusTrouble("there is no default collection")
    return session, collection


class _Bus:
    """A connection that sends several calls at once and reads answers in any order."""

    def __init__(self, address: str, timeout: float) -> None:
        self._until = monotonic() + timeout
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        # Not a function in Python: at the begin of one, Ctrl-C is raised that came just before a wait.
        self.close = self._socket.close
        self._socket.settimeout(timeout)
        self._out = b""
        self._in = b""
        self._serial = 0
        self._answers: dict[int, tuple[int, bytes]] = {}
        try:
            self._socket.connect(path_of(address))
            if peer_uid(self._socket) != os.geteuid():
                raise BusTrouble("the bus is served by another user")
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        self._out += data

    def flush(self) -> None:
        self._socket.sendall(self._out)
        self._out = b""

    def call(
        self,
        to: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: bytes = b"",
    ) -> int:
        """Queue one method call and return its serial."""
        self._serial += 1
        fields = [(1, b"o", path), (2, b"s", interface), (3, b"s", member), (6, b"s", to)]
        header = b""
        for code, kind, value in fields:
            header = _aligned(header, 8) + bytes([code, 1]) + kind + b"\0"
            header = _aligned(header, 4) + _string(value)
        if signature:
            header = _aligned(header, 8) + b"\x08\x01g\0"
            header += bytes([len(signature)]) + signature.encode() + b"\0"
        start = (
            b"l" + bytes([_CALL, _NO_AUTO_START, 1]) + _number(len(body)) + _number(self._serial)
        )
        self._out += _aligned(start + _number(len(header)) + header, 8) + body
        return self._serial

    def ask(self, calls: "list[tuple[str, str, str, str, bytes]]") -> list[bytes]:
        """Make calls to the service at once, and return the bodies of their answers.

        A call is path, interface, member, signature and body.
        """
        serials = [self.call(_SECRETS, *each) for each in calls]
        self.flush()
        return [self.answer_to(each) for each in serials]

    def expect_ok(self) -> None:
        """Read the answer to AUTH."""
        while b"\r\n" not in self._in:
            self._more()
        line, _, self._in = self._in.partition(b"\r\n")
        if not line.startswith(b"OK "):
            raise BusTrouble("the bus does not know us")

    def answer_to(self, serial: int, *, refused: bool = False) -> bytes:
        """Return the body of the answer to call ``serial``; other answers may come before it.

        ``refused``: accept an error as the answer.
        """
        while serial not in self._answers:
            kind, reply_to, body = self._message()
            self._answers[reply_to] = kind, body  # a signal replies to nothing, which is 0
        kind, body = self._answers.pop(serial)
        if kind != _RETURN and not refused:
            raise BusTrouble("a call was refused")
        return body

    def _message(self) -> tuple[int, int, bytes]:
        self._need(16)
        if self._in[:1] != b"l":
            raise BusTrouble("an answer in the other byte order")
        fields_end = 16 + int.from_bytes(self._in[12:16], "little")
        body_start = fields_end + -fields_end % 8
        end = body_start + int.from_bytes(self._in[4:8], "little")
        if end > _LARGEST:
            raise BusTrouble("an answer too large")
        self._need(end)
        message, self._in = self._in[:end], self._in[end:]
        return message[1], _reply_serial(message[16:fields_end]), message[body_start:]

    def _need(self, length: int) -> None:
        while len(self._in) < length:
            self._more()

    def _more(self) -> None:
        left = self._until - monotonic()
        if left <= 0:
            raise BusTrouble("the bus takes too long")
        self._socket.settimeout(left)
        data = self._socket.recv(65536)
        if not data:
            raise BusTrouble("the bus hung up")
        self._in += data


def peer_uid(connected: _socket.socket) -> int:
    """Return the user ID of the process that listens at the other end (``SO_PEERCRED``, Linux).

    An abstract address of a dead session is free for anybody to listen on.
    """
    # struct ucred: pid, uid, gid (unix(7))
    found = connected.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(found[4:8], sys.byteorder)


def path_of(address: str) -> str | bytes:
    """Return the path or abstract name on which the first address listens."""
    kind, _, rest = address.partition(";")[0].partition(":")
    options = dict(pair.split("=", 1) for pair in rest.split(",") if "=" in pair)
    if kind != "unix" or "%" in rest:
        raise BusTrouble("not a plain socket address")
    if "path" in options:
        return options["path"]
    if "abstract" in options:
        return b"\0" + options["abstract"].encode()
    raise BusTrouble("no socket in the address")


def _reply_serial(fields: bytes) -> int:
    """Return the REPLY_SERIAL among a message's header fields, 0 if there is none.

    Fields come in any order; those before it are skipped by the length of their one value, which
    is a string, a path, a signature or a number.
    """
    at = 0
    while at < len(fields):
        at += -at % 8
        code, kind = fields[at], fields[at + 2 : at + 3]
        at += 4
        if kind == b"g":
            at += fields[at] + 2
        elif kind == b"u":
            if code == 5:
                return int.from_bytes(fields[at : at + 4], "little")
            at += 4
        elif kind in (b"s", b"o"):
            at += int.from_bytes(fields[at : at + 4], "little") + 5
        else:
            raise BusTrouble("an answer with unknown header fields")
    return 0


def _last_path(body: bytes) -> str:
    """Return the session's path, which follows the variant in OpenSession's answer."""
    # The variant of a plain session is an empty string: 1 s 0, padded, length 0, end.
    if body[:3] != b"\x01s\0" or body[4:8] != b"\0\0\0\0":
        raise BusTrouble("no plain session")
    return _text(body, 12)


def _first_path(body: bytes) -> str | None:
    """Return the first path of an array of paths, ``None`` if it is empty."""
    return _text(body, 4) if int.from_bytes(body[:4], "little") else None


def _secret(body: bytes) -> str:
    """Return the value of a Secret struct: session path, parameters, value, content type."""
    at = 4 + int.from_bytes(body[:4], "little") + 1
    at += -at % 4
    at += 4 + int.from_bytes(body[at : at + 4], "little")
    at += -at % 4
    length = int.from_bytes(body[at : at + 4], "little")
    value = body[at + 4 : at + 4 + length]
    if at + 4 + length > len(body):
        raise BusTrouble("a truncated secret")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BusTrouble("a secret that is not text") from None


def _text(body: bytes, at: int) -> str:
    length = int.from_bytes(body[at : at + 4], "little")
    return body[at + 4 : at + 4 + length].decode("ascii", "replace")


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _string(text: str) -> bytes:
    data = text.encode()
    return _number(len(data)) + data + b"\0"


def _aligned(data: bytes, boundary: int) -> bytes:
    return data + b"\0" * (-len(data) % boundary)


def _dictionary(pairs: dict[str, str]) -> bytes:
    """Return an ``a{ss}``: its length, then each pair on a boundary of eight."""
    entries = b""
    for name, value in pairs.items():
        entries = _aligned(entries, 8) + _string(name)
        entries = _aligned(entries, 4) + _string(value)
    # The first entry begins on a boundary of eight, which the length does not count.
    return _number(len(entries)) + b"\0" * 4 + entries
