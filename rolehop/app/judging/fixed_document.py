"""Write a policy document with its fix applied: to a file, never to AWS."""

from __future__ import annotations

import json
from pathlib import Path

from rolehop.errors import UsageError
from rolehop.files import is_plain_file, is_there, mode_of, write_beside
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.remedies.policy_change import NEW, PolicyChange, apply_changes
from rolehop.text import visible_json


def write_fixed_document(verdict: ChainVerdict, path: Path) -> str:
    """Write the policy that the first fix of the first refused hop changes; return its name.

    Raises:
        UsageError: no hop is refused, no policy is to be changed, or the file cannot be written.
    """
    hop = next((e for e in verdict.hops if e.verdict.outcome is Outcome.REFUSED), None)
    if hop is None:
        raise UsageError("there is nothing to fix", cause="no hop is refused")
    changes = _changes(hop)
    if not changes:
        raise UsageError(
            f"hop {hop.number} is not fixed by a policy",
            cause="its first fix, if there is one, changes the config only",
        )
    name = changes[0].document
    made = [each for each in changes if each.document == name]
    documents = hop.verdict.request.policy_set(changes[0].policy_type).documents
    text = next((each.text for each in documents if each.name == name), "") or json.dumps(NEW)
    changed = apply_changes(json.loads(text), made)
    fixed = visible_json(json.dumps(changed, indent=2, ensure_ascii=False))
    try:
        _write(path, f"{fixed}\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror) from None
    return name


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; a pipe or a device gets the text itself."""
    if is_there(path) and not is_plain_file(path):
        path.write_text(text, encoding="utf-8")
        return
    real = path.resolve()  # a link's target is the file that the user means
    real.parent.stat()  # a folder that is missing is a mistake, and is not made
    write_beside(real, text, mode=mode_of(real))


def _changes(hop: HopVerdict) -> list[PolicyChange]:
    steps = next((remedy.steps for remedy in hop.remedies()), ())
    return [each for each in steps if isinstance(each, PolicyChange)]
