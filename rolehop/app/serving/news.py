"""What people are told of the chains that a server keeps: every piece of news once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rolehop.app.serving.keeper import RenewalProblem


class Reporter(Protocol):
    """Tells people; its methods are called from any thread."""

    def report_problem(self, chain: str, problem: RenewalProblem | None) -> None:
        """Say what keeps a chain from being renewed, or that it is over (``None``)."""
        ...

    def report_caller(self, chain: str, arn: str) -> None:
        """Say that the sessions of a chain are another caller's from now on.

        The config has changed, or who is signed in.
        """
        ...


class ChainNews:
    """What was told of each chain."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._problems: dict[str, str] = {}
        self._callers: dict[str, str] = {}

    def begin(self, chain: str, arn: str) -> None:
        """Note whose the first session of a chain is; nobody is told."""
        self._callers[chain] = arn

    def renewed(self, chain: str, arn: str) -> None:
        """A chain has a new session."""
        if self._problems.pop(chain, None) is not None:
            self._reporter.report_problem(chain, None)
        if self._callers.get(chain) != arn:
            self._callers[chain] = arn
            self._reporter.report_caller(chain, arn)

    def failed(self, chain: str, problem: RenewalProblem) -> None:
        """A chain could not be renewed."""
        if self._problems.get(chain) != problem.what:
            self._problems[chain] = problem.what
            self._reporter.report_problem(chain, problem)
