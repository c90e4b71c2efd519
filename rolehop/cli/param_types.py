"""Types of options, checked as the config's keys are, and the options that change the last hop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from rolehop.cli.completers import files

Option = Callable[[Any], Any]


class Duration(click.ParamType[int]):
    """A length of time as in the config: ``30m``, ``1h``, ``1h30m``, or seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return whole seconds."""
        from rolehop.base.durations import parse_duration

        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Since(click.ParamType[timedelta | datetime]):
    """How long ago, as a duration or in days (``7d``); or a date, with or without a time."""

    name = "since"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        """Return a length of time, or an aware moment: a date is its first one, local time."""
        from rolehop.base.durations import parse_duration

        text = str(value).strip()
        days = text.removesuffix("d")
        if days != text and days.isascii() and days.isdecimal() and len(days) < 6:
            return timedelta(days=int(days))
        with suppress(ValueError):
            return timedelta(seconds=parse_duration(text))
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"'{text}' is no time; write it like 30m, 2h, 7d or 2026-11-27", param, ctx)


class Region(click.ParamType[str]):
    """The name of a region, as in the config."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; AWS is not asked whether the region exists."""
        from rolehop.config.value_types import REGION

        try:
            return str(REGION.run(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class HopDuration(Duration):
    """A hop's duration: 15 minutes to 12 hours (STS API reference, AssumeRole)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return whole seconds within STS's limits."""
        from rolehop.config.sts_limits import MAX_DURATION, MIN_DURATION

        seconds = super().convert(value, param, ctx)
        if not MIN_DURATION <= seconds <= MAX_DURATION:
            self.fail("it may be 15m to 12h; a scope of the config may be shorter", param, ctx)
        return seconds


class SourceIdentity(click.ParamType[str]):
    """A source identity that STS accepts."""

    name = "source identity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        from rolehop.config.sts_limits import SOURCE_IDENTITY

        try:
            return str(SOURCE_IDENTITY.run(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Tag(click.ParamType[tuple[str, str]]):
    """A session tag, ``KEY=VALUE``; the value may be empty and may hold more equals signs."""

    name = "tag"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return key and value within STS's limits."""
        from rolehop.config.sts_limits import check_tag

        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals:
            self.fail("a tag is KEY=VALUE", param, ctx)
        try:
            return check_tag(key, text)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PolicyArn(click.ParamType[str]):
    """The ARN of a managed policy."""

    name = "policy ARN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        from rolehop.config.sts_limits import POLICY_ARNS

        try:
            POLICY_ARNS.run([value])
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


_LONGEST_POLICY = 100_000  # bytes


class PolicyFile(click.ParamType[str]):
    """A file that holds a session policy; converts to its text."""

    name = "policy file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the policy's JSON text, checked as a session policy."""
        from rolehop.app.host import home_folder
        from rolehop.base.files import Untrusted, expand_home, read_deciding
        from rolehop.config.sts_limits import POLICY

        try:
            path = expand_home(value, home_folder())
            return str(POLICY.run(_policy_text(read_deciding(path, _LONGEST_POLICY, pipes=True))))
        except Untrusted as error:
            self.fail(f"{value} is not followed: {error.strerror}; {error.fix}", param, ctx)
        except OSError as error:
            self.fail(f"{value}: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail(f"{value}: not UTF-8", param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


def _policy_text(data: bytes) -> str:
    """Return the text with the line ends that `Path.read_text` makes of those of Windows."""
    return data.decode("utf-8").replace("\r\n", "\n").rstrip()


class ReasonText(click.ParamType[str]):
    """The reason for a walk: one line that says something."""

    name = "reason"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text on one line, without control characters."""
        from rolehop.base.text import reason_text

        try:
            return reason_text(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def reason_option() -> Option:
    """Return ``--reason``."""
    return click.option(
        "--reason",
        type=ReasonText(),
        metavar="TEXT",
        help="The reason; CloudTrail logs it with the last hop, or with a scope.",
    )


def hop_flags() -> list[Option]:
    """Return new copies of the options that change the last hop."""
    return [
        click.option(
            "--duration",
            "-d",
            type=HopDuration(),
            metavar="D",
            help="How long the session lasts, e.g. 30m or 2h.",
        ),
        click.option(
            "--read-only",
            "-r",
            is_flag=True,
            help="The session can only read (AWS's ReadOnlyAccess; without a hop, a smaller policy).",
        ),
        click.option(
            "--session-policy",
            "policy",
            type=PolicyFile(),
            metavar="FILE",
            shell_complete=files,
            help="The session can do no more than this policy allows.",
        ),
        click.option(
            "--policy-arn",
            "policy_arns",
            type=PolicyArn(),
            multiple=True,
            metavar="ARN",
            help="Likewise, a managed policy; may be repeated.",
        ),
        click.option(
            "--tag",
            "tags",
            type=Tag(),
            multiple=True,
            metavar="K=V",
            help="A session tag of the last hop; may be repeated.",
        ),
        click.option(
            "--source-identity",
            type=SourceIdentity(),
            metavar="NAME",
            help="The last hop's source identity.",
        ),
        reason_option(),
    ]
