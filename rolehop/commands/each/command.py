"""``rolehop each``: run a command for each of many chains."""

from __future__ import annotations

from typing import Any

import click

from rolehop.app.walking import will_run
from rolehop.cli.completers import files, patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import (
    ProgramCommand,
    fleet_walk_options,
    format_option,
    program_of,
    walk_options_from,
)
from rolehop.cli.param_types import Duration
from rolehop.commands.each.pacing import Rate
from rolehop.commands.each.targets import FailuresAllowed

_MOST_SHARDS = 1000


class RegionList(click.ParamType[tuple[str, ...]]):
    """Names and patterns of regions with commas between them, as in the config; or ``enabled``."""

    name = "regions"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once."""
        if isinstance(value, tuple):
            return value
        from rolehop.config.value_types import region_choice

        try:
            found = [region_choice(part.strip()) for part in str(value).split(",")]
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return tuple(dict.fromkeys(found))


class FailureBudget(click.ParamType[FailuresAllowed]):
    """How many targets may fail: a number, or a part of all of them, ``5%``."""

    name = "failures"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> FailuresAllowed:
        """Return how many may."""
        if isinstance(value, FailuresAllowed):
            return value
        text = str(value)
        number, is_part = text.removesuffix("%"), text.endswith("%")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            found = int(number)
            if not is_part or found <= 100:
                return FailuresAllowed(found, is_part=is_part)
        self.fail("give a number of targets, or a part of them up to 100%, e.g. 5%", param, ctx)


class CommandRate(click.ParamType[Rate]):
    """How many commands begin in a time: ``5/s``, ``30/m``."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rate:
        """Return the rate."""
        if isinstance(value, Rate):
            return value
        number, _, unit = str(value).partition("/")
        seconds = {"s": 1, "m": 60}.get(unit)
        if seconds and number.isascii() and number.isdecimal() and 0 < int(number[:9]) < 10_000:
            return Rate(int(number[:9]), seconds)
        self.fail("a rate is N/s or N/m, e.g. 5/s, of at most 9999", param, ctx)


class ShardNumber(click.ParamType[tuple[int, int]]):
    """One of several parts, ``2/8``."""

    name = "shard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return the number of the part, from 1, and how many there are."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split("/")
        if len(parts) == 2 and all(each.isascii() and each.isdecimal() for each in parts):
            number, count = (int(each[:9]) for each in parts)
            if 1 <= number <= count <= _MOST_SHARDS:
                return number, count
        self.fail(f"a shard is N/COUNT with at most {_MOST_SHARDS} of them, e.g. 2/8", param, ctx)


@click.command(
    cls=ProgramCommand,
    epilog="""
rolehop each 'prod/*' -- aws s3 ls
rolehop each prod label:env=test --exclude prod/billing -- ./audit.sh {account}
rolehop each tag:env=prod 'ou:Test/*' --exclude role:Admin -- ./audit.sh {account}
rolehop each 'prod/*' --region 'us-east-1,eu-*' -- ./audit.sh {account} {region}
rolehop each 'prod/*' --dry-run -- terraform apply
rolehop each 'prod/*' --output results --timeout 10m -- ./audit.sh {account}
rolehop each 'prod/*' --first 3 --max-failures 5% -- ./rotate.sh {account}
rolehop each 'prod/*' --output results --resume -- ./audit.sh {account}
rolehop each 'prod/*' --output results --shard 2/8 -- ./audit.sh {account}
rolehop each --report results
rolehop each 'prod/*' --format csv -- aws ec2 describe-instances --query 'Reservations[].Instances[]' --output json
rolehop each 'prod/*' --format json -- aws iam get-account-summary | jq .account
""",
)
@click.argument("pattern", nargs=-1, metavar="PATTERN... -- CMD...", shell_complete=patterns)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    shell_complete=patterns,
    help="Leave out the chains that match; may be repeated.",
)
@click.option(
    "--region",
    type=RegionList(),
    default=(),
    metavar="REGIONS",
    help="Run it in each of these regions, e.g. eu-west-1,us-*; enabled: in all that an account has.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="How many commands run at once.",
)
@click.option(
    "--timeout", type=Duration(), metavar="D", help="End a command that takes longer, e.g. 10m."
)
@click.option(
    "--rate",
    type=CommandRate(),
    metavar="N/s",
    help="Begin at most N commands a second (N/m: a minute).",
)
@click.option(
    "--first",
    type=click.IntRange(1),
    metavar="N",
    help="Run N targets, then ask before the others; without a terminal end there.",
)
@click.option(
    "--max-failures",
    type=FailureBudget(),
    metavar="N|P%",
    help="Begin nothing more once more than so many targets are not ok, e.g. 5%.",
)
@click.option(
    "--fail-fast",
    "max_failures",
    type=FailureBudget(),
    flag_value="0",
    help="The same as --max-failures 0.",
)
@click.option(
    "--server", is_flag=True, help="Give each an endpoint that always has a session, and no key."
)
@click.option("--prefix", is_flag=True, help="Show each line as it comes, its chain before it.")
@click.option(
    "--output",
    metavar="DIR",
    shell_complete=files,
    help="Write stdout, stderr and result.json into a folder for each target.",
)
@click.option(
    "--resume", is_flag=True, help="Run only what the last run left, or what failed in it."
)
@click.option(
    "--trust-log",
    is_flag=True,
    help="Let --resume follow a log that no key of a keyring proves, as in CI.",
)
@click.option(
    "--shard",
    type=ShardNumber(),
    metavar="N/COUNT",
    help="Run only this part of the chains, e.g. 2/8: several machines share a run.",
)
@click.option("--report", is_flag=True, help="Show what is in folders that --output has written.")
@click.option("--explain", is_flag=True, help="Explain each refusal once below the table.")
@click.option("--dry-run", is_flag=True, help="Show what it would run, without calling AWS.")
@click.option("--confirm", is_flag=True, help="Show the chains, and ask once before anything runs.")
@format_option("table", "json", "ndjson", "csv", default="table")
@fleet_walk_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run a command with the session of each of many chains.

    PATTERN is as in `rolehop list`, whole names only. The command may use {chain}, {account},
    {account_name}, {name}, {role} and {region}. Each command's output comes in one piece when it has ended,
    then a table on stderr. --format ndjson and csv merge what they print. Exit 1: a target is not ok.
    """
    from rolehop.commands.each.run import EachOptions, run_each

    argv, patterns = program_of(ctx), given["pattern"]
    if given["report"] and (argv or not patterns):
        raise click.UsageError("--report takes folders: rolehop each --report DIR...", ctx)
    if not given["report"] and not (argv and patterns):
        missing = "command" if patterns else "pattern"
        raise click.UsageError(f"Missing {missing}: rolehop each PATTERN... -- CMD.", ctx)
    if argv:
        will_run(CommandContext.of(ctx).app, argv[0])
    options = EachOptions(argv=argv, walk=walk_options_from(ctx), **given)
    ctx.exit(run_each(CommandContext.of(ctx), options))
