"""The parsers of what rolehop itself has written: notes, logs, lists, results of runs.

Each is read as it was written with some of it changed, in the folder in which it lies.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st

from rolehop.app import sdk_problems
from rolehop.app.judging import evidence
from rolehop.base.digest import checked_line
from rolehop.base.errors import HopRefused, RolehopError
from rolehop.commands.each.output_folder import OutputFolder, read_report
from rolehop.commands.each.run_log import log_to_resume, new_log
from rolehop.commands.each.targets import ResultClass, RunTarget, TargetProblem, TargetRow
from rolehop.commands.history.rows import Wanted, row_document, rows_of
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.hotpath import completion
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.inventory import NamedPolicy, Organization, Target
from rolehop.vault import chunks, fleet_accounts, notes
from rolehop.vault.history import HistoryLog
from rolehop.vault.notes import LastChoices
from rolehop.vault.refusals import RecentFailures, last_refusal, record_refusals
from tests.fuzz.run import Parser
from tests.fuzz.samples import POLICIES
from tests.fuzz.texts import json_bytes, mutated_bytes
from tests.support.seals import seals_in

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_SEALS = seals_in()
_KEY_ID = "ASIAEXAMPLE000000001"
_OPTIONS = WalkOptions(duration=3600, tags=(("team", "x"),), reason="because")


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all parsers; what they read lies in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="rh-") as name:
        folder = Path(name)
        yield [
            *_notes(folder),
            *_lists(folder),
            *_logs(folder / "logs"),
            _run(folder / "run"),
            _CHUNKS,
        ]


def _note(
    name: str, path: Path, read: Callable[[], object], seal: notes.Seal | None = None
) -> Parser:
    """Return the parser of a JSON file that was written just now."""
    sample = path.read_bytes()

    def after(data: bytes) -> object:
        """Read it with a right check and a right seal: else every change would end there."""
        text = data.decode(errors="replace")
        text = checked_line(text) if text.endswith("}") else text
        path.write_text(seal.added_to(text) if seal else text)
        return read()

    document = json.loads(notes.without_seal(sample.decode())[0])
    document.pop("check", None)
    return Parser(name, json_bytes([document]), after, share=2)


def _notes(folder: Path) -> Iterator[Parser]:
    notes.note_use(folder, "hub", 1.0)

    def use() -> None:
        uses = notes.load_uses(folder)
        notes.in_order(["a", "hub"], uses, 1e9)
        notes.note_use(folder, "hub", 1e9)

    yield _note("uses of chains", folder / "usage.json", use)
    choices = LastChoices(folder)
    choices.note("role", "Dev")
    yield _note("choices", folder / "choices.json", lambda: f"{choices.last('role')}")
    with suppress(HopRefused), record_refusals(folder, "hub", _OPTIONS, lambda: _NOW):
        raise HopRefused("no", code="AccessDenied", message="not you", hop=1)
    yield _note(
        "the last refusal", folder / "last-refusal.json", lambda: last_refusal(folder).message
    )
    notes.remember_flags(folder, _SEALS, _KEY_ID, _OPTIONS, _NOW)
    seal = notes.Seal(_SEALS, "flags", _KEY_ID)
    flags = folder / "flags" / f"{_KEY_ID}.json"
    yield _expecting(_note("flags", flags, lambda: notes.load_flags(folder, _SEALS, _KEY_ID), seal))
    recent = RecentFailures(folder, "refusal", 5, lambda: datetime.now(UTC))
    recent.add("k", {"code": "x"})
    path = folder / "recent-failures" / "refusal-k.json"
    yield _note("notes of failures", path, lambda: f"{recent.get('k')}")
    now = datetime.now(UTC)  # old notes are deleted by when their files were written
    problem = sdk_problems.as_problem("hub", RolehopError("no", cause="why", fix="do"), now)
    sdk_problems.note_problem(folder, problem)
    (path,) = (folder / "sdk").iterdir()
    yield _note("what SDKs were told", path, lambda: f"{sdk_problems.sdk_problems(folder, now)}")


def _expecting(parser: Parser) -> Parser:
    return Parser(parser.name, parser.inputs, parser.read, (ValueError,), parser.share)


def _lists(folder: Path) -> Iterator[Parser]:
    path = fleet_accounts.fleet_path(folder, "all")
    account = ListedAccount("444444444444", "web", "Prod", ("Dev",), "web")
    fleet_accounts.store_listing(
        path, _SEALS, "all", "d", FleetListing((account,), _NOW, {"CLOSED": 1})
    )
    yield _note("accounts of a fleet", path, lambda: fleet_accounts.load_listing(path, "all", "d"))
    found = Organization(
        "111111111111",
        {"444444444444": ("r-1", "444444444444")},
        {"r-1": Target("root", ("p",), ()), "444444444444": Target("account", (), ("p",))},
        {"p": NamedPolicy("p", json.dumps(POLICIES[1]))},
    )
    evidence.store_organization(folder, evidence.StoredOrganization(found, _NOW, "hub"))
    path = evidence.organization_note(folder).path
    yield _note("an organization", path, lambda: evidence.load_organization(folder))
    names = {**completion.no_names(), "chain": {"hub": "a hub"}}
    text = completion.as_text(names, {"/x": "-"}, {"HOME": "=/"}) or ""

    def read_names(body: bytes) -> None:
        """Read them with a right check, too: else every change would end there."""
        completion.read_text(body, {})
        with suppress(UnicodeDecodeError):
            completion.read_text((completion.checked(body.decode()) or "").encode(), {"HOME": "/"})

    yield Parser(
        "names for completion",
        mutated_bytes([text.rpartition("check")[0], text]),
        read_names,
        share=2,
    )


def _logs(folder: Path) -> Iterator[Parser]:
    with suppress(OSError):
        log = new_log(folder, _SEALS, ["ls"], WalkOptions(), ["hub"], None, _NOW, print)
        log.add(("hub", "eu-west-1"), "ok", "222222222222")
        log.add(("hub", None), "refused", None)
        log.close()
    (run,) = (folder / "runs").iterdir()

    def resume(data: bytes) -> None:
        run.write_bytes(data)
        log_to_resume(folder, _SEALS, ["ls"], ["hub"], None, print, trusted=True)

    header, line, last = run.read_bytes().splitlines()
    changed_line = json_bytes([json.loads(notes.without_seal(line.decode())[0])])
    inputs = mutated_bytes([run.read_text()]) | changed_line.map(
        lambda d: b"\n".join((header, d, last))
    )
    yield Parser("logs of runs", inputs, resume, share=2)
    history = HistoryLog(folder)
    for hop in (1, 2):
        history.append({"at": "2026-01-01T12:00:00Z", "event": "call", "chain": "hub", "hop": hop})
    (lines,) = (folder / "history").iterdir()
    whole = lines.read_bytes()

    def follow(data: bytes) -> str:
        lines.write_bytes(data)
        history.append({"at": "2026-01-01T12:00:01Z", "event": "call"})
        rows = rows_of(history.entries(), Wanted(), {})
        return f"{[row_document(each) for each in rows]}"

    changed = json_bytes([json.loads(whole.splitlines()[0])]).map(lambda d: d + b"\n" + whole)
    inputs = mutated_bytes([whole.decode()]) | changed
    yield Parser("the history", inputs, follow, (OSError,), share=2)
    packed = folder / "history" / "packed" / lines.name
    packed.parent.mkdir(mode=0o700)
    compressed = gzip.compress(whole)
    cut = st.integers(0, len(compressed)).map(lambda at: compressed[:at] + compressed[at + 1 :])

    def unpack(data: bytes) -> str:
        (packed.parent / f"{packed.name}.gz").write_bytes(data)
        lines.unlink(missing_ok=True)
        return f"{list(history.entries())}"

    yield Parser("packed files of the history", cut | st.binary(max_size=60), unpack, (OSError,))


def _run(folder: Path) -> Parser:
    """Return the parser of the folder that `each --output` fills."""
    target = RunTarget("hub")
    output = OutputFolder(folder, [target])
    output.describe([target], [target], None)
    problem = TargetProblem("no", "why", "do", 1)
    row = TargetRow(
        "hub", "hub", ResultClass.REFUSED, "222222222222", None, None, None, 5, 1.5, problem, _NOW
    )
    output.store(target, row)
    result, run = folder / "hub" / "result.json", folder / "run.json"
    samples = {each: json.loads(each.read_bytes()) for each in (result, run)}

    def read(given: tuple[Path, bytes]) -> str:
        path, data = given
        for each, content in samples.items():
            each.write_text(json.dumps(content))
        path.write_bytes(data)
        output.describe([target], [target], None)
        return f"{read_report([folder])}"

    inputs = st.sampled_from(list(samples)).flatmap(
        lambda path: st.tuples(st.just(path), json_bytes([samples[path]]))
    )
    return Parser("results of runs", inputs, read, share=2)


class _Items(dict[str, str]):
    """A back end."""

    def put(self, service: str, text: str, _: int | None) -> None:
        self[service] = text

    def delete(self, service: str) -> bool:
        return self.pop(service, None) is not None


def _chunks(given: tuple[str, bytes]) -> str:
    items = _Items()
    chunks.put(items, "s", "x" * 3000, 1000, None)
    items[given[0]] = given[1].decode("utf-8", "replace")
    with suppress(chunks.IncompleteItem):
        chunks.get(items, "s")
    chunks.put(items, "s", "new", 1000, None)
    assert chunks.get(items, "s") == "new"
    return f"{chunks.delete(items, 's', 1000)}"


_MANIFEST = {"chunks": 1, "generation": "a", "count": 4, "digest": "0" * 64}
_CHUNKS = Parser(
    "items in chunks",
    st.tuples(
        st.sampled_from(["s", "s/a0", "s/a3", "s/b0"]),
        mutated_bytes([json.dumps(_MANIFEST, separators=(",", ":")), "eHh4" * 250]),
    ),
    _chunks,
    share=2,
)
