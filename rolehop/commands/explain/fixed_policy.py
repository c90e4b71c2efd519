"""Write the policy that a fix changes, as it should be, to a new file: never over one, never to AWS."""

from __future__ import annotations

import difflib
import json
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import UsageError
from rolehop.base.files import put_new, write_beside
from rolehop.base.text import visible_json
from rolehop.commands.explain.remedies_view import in_short
from rolehop.policy.chain_verdict import ActionVerdict, ChainVerdict, HopVerdict
from rolehop.policy.evaluation.model import Outcome, Request
from rolehop.policy.remedies.policy_change import NEW, PolicyChange, apply_changes
from rolehop.policy.remedies.search import Remedy, Step


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """One policy, before and after the fix."""

    name: str
    """For people: ``trust policy of role Hub``."""

    before: str
    after: str
    session_of: str | None
    """Where in the config it is the session policy, e.g. ``hop 1 of chain 'hub'``."""

    left: tuple[str, ...]
    """Who has to make which other change: without those the fix is not complete."""

    @property
    def diff(self) -> list[str]:
        """The lines that differ, with those around them, as ``diff -u`` shows them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, self.name, "fixed", lineterm=""))


def write_fixed_policy(verdict: ChainVerdict, path: Path) -> FixedPolicy:
    """Write the first policy that the first fix of the first refused hop changes, with all its changes.

    Raises:
        UsageError: no hop is refused, or it has no fix, or the fix changes no policy; something is
            at ``path``, or it cannot be written.
    """
    hop = next((each for each in verdict.hops if each.verdict.outcome is Outcome.REFUSED), None)
    if hop is None:
        raise UsageError("there is nothing to fix", cause="no hop is refused")
    return write_fix_of_hop(hop, path)


def write_fix_of_hop(hop: HopVerdict, path: Path) -> FixedPolicy:
    """Write the first policy that the first fix of a refused hop changes.

    Raises:
        UsageError: see `write_fixed_policy`.
    """
    requests = {number: each.request for number, each in hop.verdicts.items()}
    return _write_fix(f"hop {hop.number}", hop.remedies(), requests, path)


def write_fix_of_action(actions: Sequence[ActionVerdict], path: Path) -> FixedPolicy:
    """Write the policy that the fix of the first refused action changes first.

    Raises:
        UsageError: see `write_fixed_policy`.
    """
    action = next((each for each in actions if each.verdict.outcome is Outcome.REFUSED), None)
    if action is None:
        raise UsageError("there is nothing to fix", cause="no action is refused")
    request = action.by_documents.request
    name = request.actions[0]
    return _write_fix(name, action.remedies(), {action.number: request}, path)


def _write_fix(
    what: str, remedies: Sequence[Remedy], requests: Mapping[int, Request], path: Path
) -> FixedPolicy:
    """Write the fix of ``what``; ``requests``: of each number that a change may have."""
    fixed = _fixed(what, next((remedy.steps for remedy in remedies), ()), requests)
    _write(path, fixed.after)
    return fixed


def _fixed(what: str, steps: Sequence[Step], requests: Mapping[int, Request]) -> FixedPolicy:
    if not steps:
        raise UsageError(f"{what} has no fix", cause="no policy and no config allows it")
    first = next((step for step in steps if isinstance(step, PolicyChange)), None)
    if first is None:
        raise UsageError(
            f"the fix of {what} changes no policy, so that there is none to write",
            cause="; ".join(map(in_short, steps)),
            fix="make the change by hand",
        )
    changes = [
        step for step in steps if isinstance(step, PolicyChange) and _policy(step) == _policy(first)
    ]
    before = _policy_now(requests[first.hop], first)
    return FixedPolicy(
        first.document,
        _indented(before),
        _indented(apply_changes(before, changes)),
        None if first.location is None else first.location.name,
        tuple(dict.fromkeys(in_short(step) for step in steps if step not in changes)),
    )


def _policy(change: PolicyChange) -> tuple[object, ...]:
    return change.hop, change.policy_type, change.member, change.document


def _policy_now(request: Request, change: PolicyChange) -> dict[str, Any]:
    """Return the policy that ``change`` was made for, as JSON; an empty one if it is new."""
    documents = request.policy_set(change.policy_type).documents
    text = next((document.text for document in documents if document.name == change.document), "")
    policy: dict[str, Any] = json.loads(text or json.dumps(NEW))
    return policy


def _indented(document: object) -> str:
    return f"{visible_json(json.dumps(document, indent=2, ensure_ascii=False))}\n"


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        raise UsageError("--write-fix writes a file, not stdout", fix="name a file")
    try:
        if os.path.lexists(path):  # a folder, too, beside whose name nothing can be written
            raise FileExistsError
        path.parent.stat()  # a folder that is missing is a mistake, and is not made
        write_beside(path, text, place=put_new)
    except FileExistsError:
        raise UsageError(
            f"{path} already exists",
            cause="--write-fix never overwrites",
            fix="name a file that is not there",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror) from None
