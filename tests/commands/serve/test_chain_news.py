"""What a server tells of its chains: each change, once."""

from __future__ import annotations

from datetime import UTC, datetime

from rolehop.base.errors import ServiceError
from rolehop.commands.serve.keeper import ChainNews, RenewalProblem

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Told:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str | None]] = []

    def report_problem(self, chain: str, problem: RenewalProblem | None) -> None:
        self.lines.append((chain, None if problem is None else problem.what))

    def report_caller(self, chain: str, arn: str) -> None:
        self.lines.append((chain, arn))


def problem(what: str) -> RenewalProblem:
    return RenewalProblem(ServiceError(what), NOW, NOW)


def test_a_problem_is_told_once_and_that_it_is_over() -> None:
    told = Told()
    news = ChainNews(told)
    news.begin("admin", "arn:1")
    news.renewed("admin", "arn:1")
    assert told.lines == []
    for what in ("no answer", "no answer", "throttled"):
        news.failed("admin", problem(what))
    assert told.lines == [("admin", "no answer"), ("admin", "throttled")]
    news.renewed("admin", "arn:1")
    news.renewed("admin", "arn:1")
    assert told.lines[2:] == [("admin", None)]


def test_another_caller_is_told_once() -> None:
    told = Told()
    news = ChainNews(told)
    news.begin("admin", "arn:1")
    for arn in ("arn:2", "arn:2", "arn:1"):
        news.renewed("admin", arn)
    assert told.lines == [("admin", "arn:2"), ("admin", "arn:1")]
