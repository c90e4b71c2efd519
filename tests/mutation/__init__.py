"""Change rolehop's code in one small place, and see a test fail: what survives is not tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import rolehop

ROOT = Path(__file__).parents[2]
SOURCES = Path(rolehop.__file__).parents[1]
"""Where rolehop's code is: the checkout, or where the wheel is installed that is tested."""


@dataclass(frozen=True)
class Part:
    """What is changed, and the tests that have to notice."""

    purpose: str
    files: tuple[str, ...]
    """Patterns below ``rolehop/``."""

    tests: tuple[str, ...]
    """Files and folders below ``tests/``: those that call the code in the process of the test."""

    functions: str = ".*"
    """A regular expression of the functions that are changed."""

    without: tuple[str, ...] = ()
    """Files that another part has."""

    def mutated_files(self) -> list[str]:
        """Return the files by their names in the checkout."""
        found = {path for each in self.files for path in (SOURCES / "rolehop").glob(each)}
        names = sorted(each.relative_to(SOURCES).as_posix() for each in found)
        return [each for each in names if each.removeprefix("rolehop/") not in self.without]

    def includes(self, function: str) -> bool:
        """True if the function is changed."""
        return re.fullmatch(self.functions, function) is not None


_OF_POLICIES = (
    "policy/test_actions.py", "policy/test_cases.py", "policy/test_contexts.py",
    "policy/test_deciding_values.py", "policy/chains", "policy/evaluation", "policy/language",
    "policy/test_independent_reading.py", "policy/show/test_finding_text.py",
    "policy/test_federated_hop.py", "policy/test_known_keys.py",
    "policy/test_operators.py", "policy/test_principals.py", "policy/test_properties.py",
    "policy/test_requests.py", "policy/test_user_sessions.py", "policy/test_pass_role.py",
    "policy/inventory/test_context_keys.py", "policy/inventory/test_scp_levels.py",
)  # fmt: skip

PARTS = {
    "plan": Part(
        "which calls a walk will make, and which are certain to fail",
        ("plan/*.py",),
        ("plan", "walk", "policy/test_requests.py"),
        without=("plan/hop_keys.py",),
    ),
    "walk": Part(
        "which session is got, stored and handed out",
        ("walk/walk.py", "walk/renewal.py", "walk/sts_errors.py"),
        ("walk", "aws/test_refusals.py", "policy/test_access_denied.py"),
    ),
    "language": Part(
        "what the texts of a policy say: elements, conditions, variables, wildcards",
        ("policy/language/*.py",),
        (*_OF_POLICIES, "policy/test_role_report.py"),
    ),
    "evaluation": Part(
        "the verdict on one request",
        ("policy/chain_verdict.py", "policy/evaluation/*.py"),
        (*_OF_POLICIES, "policy/remedies/test_fixes_of_actions.py"),
    ),
    "requests": Part(
        "what a chain's calls ask, and with which context keys",
        ("policy/requests.py", "policy/chain_model.py", "policy/call_context.py", "policy/action_request.py", "policy/session_policy.py"),
        (*_OF_POLICIES, "config/test_suspicious.py", "plan/test_prechecks.py"),
    ),
    "stamps": Part(
        "which session belongs to what: keys of hops, digests, records of cached answers",
        ("base/digest.py", "plan/hop_keys.py", "hotpath/record.py", "hotpath/writer.py"),
        ("plan/test_hop_keys.py", "plan/test_scopes.py", "plan/test_caller.py", "plan/test_keys_and_requests.py", "hotpath/test_decisions.py", "hotpath/test_record.py", "vault/state/test_digest.py", "vault/test_serialization.py"),
    ),
    "quoting": Part(
        "every text that a shell or a program reads",
        (
            "base/advice.py", "base/text.py", "config/draft.py", "config/toml.py", "handover/environment.py",
            "handover/formats.py", "handover/shells/*.py",
        ),
        (
            "handover/test_child.py", "handover/test_cmd.py", "handover/test_dialects.py",
            "handover/test_documents.py", "handover/test_variables.py", "test_quoting.py",
            "base/test_account_names.py", "config/test_drafts.py", "config/test_starter.py", "config/test_toml_mistakes.py",
            "config/test_toml_positions.py", "config/test_well_formed.py", "handover/test_endpoints.py",
            "base/test_text.py", "handover/shells/test_dialect_tables.py", "handover/shells/test_parent_process.py",
        ),  # tables: each real shell reads the same texts, in seconds
    ),
}  # fmt: skip
