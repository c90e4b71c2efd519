"""Write a policy document or the config with its fix applied: to a file, never to AWS."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path

from rolehop.app.host import read_or_none
from rolehop.config.toml.edit import change_keys
from rolehop.config.value_types import Place
from rolehop.errors import RolehopError, UsageError
from rolehop.files import is_plain_file, is_there, mode_of, write_beside
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.remedies.config_change import ConfigChange
from rolehop.policy.remedies.policy_change import NEW, ChangeKind, PolicyChange, apply_changes
from rolehop.show.remedies import in_short
from rolehop.startup.dataclass import dataclass, replace
from rolehop.text import visible_json


@dataclass(frozen=True, slots=True)
class FixedDocument:
    """One document, before and after the fix."""

    name: str
    """For people: ``trust policy of role Hub``, or the path of a config file."""

    before: str
    after: str
    left: tuple[str, ...] = ()
    """Who has to make which other change: without those the fix is not complete."""

    is_example: bool = False
    """Any value will do; the one in it is made up."""

    @property
    def diff(self) -> list[str]:
        """The lines that differ, with those around them, as ``diff -u`` shows them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, self.name, "fixed", lineterm=""))


def write_fixed_document(verdict: ChainVerdict, path: Path) -> FixedDocument:
    """Write what the first fix of the first refused hop changes: all its changes of one document.

    That is the config if ``path`` is its file, else the first policy, else the config.

    Raises:
        UsageError: no hop is refused, it has no fix, or one with a value that is not known here; a
            config file has a form that cannot be changed in place; ``path`` is another config, or
            it cannot be written.
    """
    hop = next((e for e in verdict.hops if e.verdict.outcome is Outcome.REFUSED), None)
    if hop is None:
        raise UsageError("there is nothing to fix", cause="no hop is refused")
    steps = next((remedy.steps for remedy in hop.remedies()), ())
    if not steps:
        raise UsageError(f"hop {hop.number} has no fix", cause="no policy and no config allows it")
    policies = [each for each in steps if isinstance(each, PolicyChange)]
    edits = [each for each in steps if isinstance(each, ConfigChange)]
    own = any(each.location.place and _is_file(path, each.location.place[0]) for each in edits)
    if own or not policies:
        edits = _same_config(edits, path)
        made, fixed = set(map(id, edits)), _fixed_config(edits)
    else:
        policies = _same_policy(policies)
        made, fixed = set(map(id, policies)), _fixed_policy(hop, policies)
    left = dict.fromkeys(in_short(each) for each in steps if id(each) not in made)
    fixed = replace(fixed, left=tuple(left))
    _refuse_another_config(path, fixed)
    try:
        _write(path, fixed.after)
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror) from None
    return fixed


def _is_file(path: Path, name: str) -> bool:
    return path.resolve() == Path(name).resolve()


def _same_policy(changes: list[PolicyChange]) -> list[PolicyChange]:
    """Return the changes of the document that the first one changes."""

    def document(change: PolicyChange) -> tuple[object, ...]:
        return change.policy_type, change.member, change.document

    return [each for each in changes if document(each) == document(changes[0])]


def _same_config(edits: list[ConfigChange], path: Path) -> list[ConfigChange]:
    """Return the changes of one file: of ``path``, if there are any, else of the first one's."""
    files = [None if each.location.place is None else each.location.place[0] for each in edits]
    wanted = next((each for each in files if each and _is_file(path, each)), files[0])
    return [each for each, file in zip(edits, files, strict=True) if file == wanted]


def _refuse_another_config(path: Path, fixed: FixedDocument) -> None:
    """Refuse to replace a config by a policy or by another config: nobody can mean that."""
    if not is_plain_file(path) or _is_file(path, fixed.name):
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


def _fixed_policy(hop: HopVerdict, made: list[PolicyChange]) -> FixedDocument:
    first = made[0]
    documents = hop.verdicts[first.hop].request.policy_set(first.policy_type).documents
    text = next((each.text for each in documents if each.name == first.document), "")
    document = json.loads(text or json.dumps(NEW))
    before, after = _indented(document), _indented(apply_changes(document, made))
    return FixedDocument(first.document, before, after)


def _indented(document: object) -> str:
    return f"{visible_json(json.dumps(document, indent=2, ensure_ascii=False))}\n"


def _fixed_config(edits: list[ConfigChange]) -> FixedDocument:
    """Return the config file that the edits change; its comments and form stay."""
    place = edits[0].location.place
    if place is None:
        raise UsageError(
            f"{edits[0].location.name} is not in the config of rolehop",
            cause=f"its fix changes the {edits[0].location.file}, which rolehop only reads",
            fix="make the change by hand, as explain shows it",
        )
    unknown = next((each for each in edits if each.form), None)
    if unknown is not None:
        raise UsageError(
            f"only the owner of account {unknown.provided_by} has the value that the fix needs",
            cause=f"the policy gives no more than its form: {', '.join(unknown.form.values())}",
            fix=f"ask for it, and write it in the config: {', '.join(unknown.form)}",
        )
    file, before = place[0], read_or_none(Path(place[0])) or ""
    after = before
    try:
        for each in edits:
            if each.location.place is not None:
                after = _edited(after, each.location.place[1], each)
    except ValueError as error:
        raise UsageError(
            f"{file} cannot be changed in place",
            cause=str(error),
            fix="make the change by hand, as explain shows it",
        ) from None
    return FixedDocument(file, before, after, is_example=any(each.example for each in edits))


def _edited(text: str, table: Place, edit: ConfigChange) -> str:
    gone = edit.kind is ChangeKind.REMOVE
    changes = {key: None if gone or not value else value for key, value in edit.keys.items()}
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + change_keys(text.removeprefix(mark), table, changes)
