"""Write a policy document or the config with its fix applied: to a file, never to AWS."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path

from rolehop.app.host import read_or_none
from rolehop.config.toml_edit import change_keys
from rolehop.config.value_types import Place
from rolehop.errors import RolehopError, UsageError
from rolehop.files import is_plain_file, is_there, mode_of, write_beside
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.remedies.config_change import ConfigChange
from rolehop.policy.remedies.policy_change import NEW, ChangeKind, PolicyChange, apply_changes
from rolehop.policy.remedies.search import Step
from rolehop.startup.dataclass import dataclass
from rolehop.text import visible_json


@dataclass(frozen=True, slots=True)
class FixedDocument:
    """One document, before and after the fix."""

    name: str
    """For people: ``trust policy of role Hub``, or the path of a config file."""

    before: str
    after: str
    left: int
    """How many changes of the same fix are to other documents."""

    @property
    def diff(self) -> list[str]:
        """The lines that differ, with those around them, as ``diff -u`` shows them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, self.name, "fixed", lineterm=""))


def write_fixed_document(verdict: ChainVerdict, path: Path) -> FixedDocument:
    """Write what the first fix of the first refused hop changes: a policy, else the config.

    Raises:
        UsageError: no hop is refused, it has no fix, a config file has a form that cannot be
            changed in place, ``path`` is another config, or it cannot be written.
    """
    hop = next((e for e in verdict.hops if e.verdict.outcome is Outcome.REFUSED), None)
    if hop is None:
        raise UsageError("there is nothing to fix", cause="no hop is refused")
    steps = next((remedy.steps for remedy in hop.remedies()), ())
    if not steps:
        raise UsageError(f"hop {hop.number} has no fix", cause="no policy and no config allows it")
    policies = [each for each in steps if isinstance(each, PolicyChange)]
    edits = [each for each in steps if isinstance(each, ConfigChange)]
    fixed = _fixed_policy(hop, policies, steps) if policies else _fixed_config(edits)
    _refuse_another_config(path, fixed)
    try:
        _write(path, fixed.after)
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror) from None
    return fixed


def _refuse_another_config(path: Path, fixed: FixedDocument) -> None:
    """Refuse to replace a config by a policy or by another config: nobody can mean that."""
    if not is_plain_file(path) or path.resolve() == Path(fixed.name).resolve():
        return
    try:
        is_config = "version" in tomllib.loads(read_or_none(path) or "")
    except (RolehopError, tomllib.TOMLDecodeError):
        return
    if is_config:
        raise UsageError(
            f"{path} is a config of its own, and was not replaced",
            cause=f"the fix changes the {fixed.name}",
            fix="name a new file, or the file that the fix changes",
        )


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; a pipe or a device gets the text itself."""
    if is_there(path) and not is_plain_file(path):
        path.write_text(text, encoding="utf-8", newline="")
        return
    real = path.resolve()  # a link's target is the file that the user means
    real.parent.stat()  # a folder that is missing is a mistake, and is not made
    write_beside(real, text, mode=mode_of(real))


def _fixed_policy(
    hop: HopVerdict, changes: list[PolicyChange], steps: tuple[Step, ...]
) -> FixedDocument:
    name = changes[0].document
    made = [each for each in changes if each.document == name]
    documents = hop.verdict.request.policy_set(changes[0].policy_type).documents
    text = next((each.text for each in documents if each.name == name), "") or json.dumps(NEW)
    document = json.loads(text)
    before, after = _indented(document), _indented(apply_changes(document, made))
    return FixedDocument(name, before, after, len(steps) - len(made))


def _indented(document: object) -> str:
    return f"{visible_json(json.dumps(document, indent=2, ensure_ascii=False))}\n"


def _fixed_config(edits: list[ConfigChange]) -> FixedDocument:
    """Return the config file that the first edit changes; its comments and form stay."""
    place = edits[0].location.place
    if place is None:
        raise UsageError(
            f"{edits[0].location.name} is not in the config of rolehop",
            cause=f"its fix changes the {edits[0].location.file}, which rolehop only reads",
            fix="make the change by hand, as explain shows it",
        )
    file, before = place[0], read_or_none(Path(place[0])) or ""
    after, made = before, 0
    try:
        for each in edits:
            at = each.location.place
            if at is not None and at[0] == file:
                after, made = _edited(after, at[1], each), made + 1
    except ValueError as error:
        raise UsageError(
            f"{file} cannot be changed in place",
            cause=str(error),
            fix="make the change by hand, as explain shows it",
        ) from None
    return FixedDocument(file, before, after, len(edits) - made)


def _edited(text: str, table: Place, edit: ConfigChange) -> str:
    gone = edit.kind is ChangeKind.REMOVE
    changes = {key: None if gone or not value else value for key, value in edit.keys.items()}
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + change_keys(text.removeprefix(mark), table, changes)
