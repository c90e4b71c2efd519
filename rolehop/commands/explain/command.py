"""``rolehop explain``: which policy allows or refuses each hop of a chain."""

from __future__ import annotations

import click

from rolehop.app.judging.explaining import (
    UnjudgedRefusal,
    explain_chain,
    explain_last_refusal,
)
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.judging.role_description import HOW_TO_NAME_ROLE, describe_role
from rolehop.app.planning import is_chain
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.explain_calls import (
    action_options,
    check_text,
    print_actions,
    print_text,
    print_unjudged,
)
from rolehop.cli.options import Command, call_options, format_option, walk_options_from
from rolehop.cli.policy_options import REFUSED, exit_code, policy_flags
from rolehop.cli.walk_command import chain_or_pick
from rolehop.errors import UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.policy.role_report.report import RoleReport
from rolehop.startup.dataclass import replace


@click.command(
    cls=Command,
    epilog="""
rolehop explain prod-admin --policies account.json
rolehop explain prod-admin --policies a.json --policies b.json --format json
rolehop explain prod-admin --context aws:SourceIp=203.0.113.9 --tag team=blue
rolehop explain role arn:aws:iam::222222222222:role/Hub --policies account.json
rolehop explain prod-admin --action s3:GetObject --resource arn:aws:s3:::logs/a.gz
aws s3 ls 2>&1 | rolehop explain --error -
""",
)
@click.argument("what", nargs=-1, metavar="CHAIN | role ARN", shell_complete=chain_names)
@policy_flags
@call_options
@click.option("--offline", is_flag=True, help="Make no AWS call: use files only.")
@click.option("--last", is_flag=True, help="Explain the hop that was refused last.")
@click.option(
    "--action",
    "actions",
    multiple=True,
    metavar="ACTION",
    help="May CHAIN's session do this? Wildcards and lists work.",
)
@click.option("--resource", metavar="ARN", help="The resource of --action.  [default: any]")
@click.option("--resource-policy", metavar="FILE", help="The resource's own policy.")
@click.option("--error", metavar="TEXT", help="Explain an access-denied text; -: from stdin.")
@click.option(
    "--decode", metavar="MESSAGE", help="Decode a message with CHAIN's session, or this shell's."
)
@click.option("--strict", is_flag=True, help="Exit 5 also if rolehop can't tell.")
@click.option(
    "--pin-tags", is_flag=True, help="Let a proposed statement allow only the tags sent now."
)
@click.option(
    "--apply-to",
    metavar="FILE",
    help="Write the policy or config that fixes the first refused hop to FILE.",
)
@format_option("text", "json", default="text")
@click.pass_context
def command(
    ctx: click.Context,
    what: tuple[str, ...],
    policies: PolicyOptions,
    offline: bool,
    last: bool,
    actions: tuple[str, ...],
    resource: str | None,
    resource_policy: str | None,
    error: str | None,
    decode: str | None,
    strict: bool,
    pin_tags: bool,
    apply_to: str | None,
    style: str,
) -> None:
    """Explain which policy allows or refuses each hop.

    For every hop: whether it would be allowed or refused, as far as that can be told; which
    statement of which policy decides; and the change that would fix it, with the account that can
    make it. Reads IAM with the stored sessions, unless --offline; what cannot be read is named,
    with the command that would show it. Exits 5 if a hop is refused.
    """
    cli, options = CommandContext.of(ctx), walk_options_from(ctx)
    policies = replace(policies, pin_tags=pin_tags)
    of_action = actions or resource or resource_policy
    _check_alone(
        {"--error": error, "--decode": decode, "--action": of_action, "--apply-to": apply_to}
    )
    if error is not None or decode is not None:
        check_text(what, options, last=last, decode=decode)
        refused = print_text(cli, what, error, decode, policies, style, offline=offline)
        ctx.exit(REFUSED if refused else 0)
    if not (what or last):
        what = (chain_or_pick(cli, None, "explain CHAIN"),)
    _check_combination(cli, what, options, last=last, applies=apply_to is not None)
    asked = action_options(actions, resource, resource_policy)
    if asked is not None:
        if last or len(what) != 1:
            fix = "rolehop explain CHAIN --action ACTION"
            raise UsageError("--action needs one chain", fix=fix)
        found = print_actions(cli, what[0], asked, policies, options, style, offline=offline)
        ctx.exit(exit_code(found, strict=strict))
    if len(what) == 2:
        _print_role(cli, describe_role(cli.app, what[1], policies, offline=offline), style)
        return
    verdict = (
        explain_last_refusal(cli.app, policies, offline=offline)
        if last
        else explain_chain(cli.app, what[0], policies, options, offline=offline)
    )
    code = _print_verdict(cli, verdict, style, apply_to, policies, strict=strict)
    # Whatever the documents say now, AWS refused it.
    ctx.exit(REFUSED if last else code)


def _print_verdict(
    cli: CommandContext,
    verdict: ChainVerdict | UnjudgedRefusal,
    style: str,
    apply_to: str | None,
    policies: PolicyOptions,
    *,
    strict: bool,
) -> int:
    """Print how a chain is judged, and write its fix to the file ``apply_to``; return the exit code.

    Raises:
        RolehopError: why it cannot be judged, so that there is no fix to write.
    """
    if isinstance(verdict, UnjudgedRefusal):
        if apply_to is not None:
            raise verdict.why
        print_unjudged(cli, verdict, style)
        return REFUSED
    _print(cli, verdict, style)
    if apply_to is not None:
        _apply_fix(cli, verdict, apply_to, policies)
    return exit_code({verdict.outcome}, strict=strict)


def _print(cli: CommandContext, verdict: ChainVerdict, style: str) -> None:
    if style == "json":
        from rolehop.show.explain_json import explain_document

        cli.write_json(explain_document(verdict))
        return
    from rolehop.show.explain import verdict_view

    cli.write_view(verdict_view(verdict, verbose=cli.terminal.verbose))


def _apply_fix(
    cli: CommandContext, verdict: ChainVerdict, file: str, policies: PolicyOptions
) -> None:
    from pathlib import Path

    from rolehop.app.judging.fixed_document import write_fixed_document

    fixed = write_fixed_document(verdict, Path(file), policies)
    what = fixed.name if fixed.name.startswith("a new ") else f"the fixed {fixed.name}"
    cli.terminal.note(f"wrote {what} to {file}; nothing was sent to AWS")
    cli.terminal.write_lines_beside(fixed.diff)
    if fixed.is_example:
        cli.terminal.note("any value will do: choose your own")
    if fixed.is_moved:
        cli.terminal.note(f"its relative paths are full ones in {file}, which is in another folder")
    for each in fixed.left:
        cli.terminal.note(f"that is not all of the fix: {each}")


def _print_role(cli: CommandContext, report: RoleReport, style: str) -> None:
    from rolehop.show.role import role_document, role_view

    if style == "json":
        cli.write_json(role_document(report))
    else:
        cli.write_view(role_view(report))


def _check_alone(given: dict[str, object]) -> None:
    """Refuse two flags of which each asks for something else.

    Raises:
        UsageError: more than one is given.
    """
    names = [name for name, value in given.items() if value is not None and value != ()]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} do not go together", fix="give one of them")


def _check_combination(
    cli: CommandContext, what: tuple[str, ...], options: WalkOptions, *, last: bool, applies: bool
) -> None:
    """Refuse arguments and flags that make no sense together.

    Raises:
        UsageError: nothing is named, or too much; or flags that cannot apply.
    """
    role = len(what) == 2 and what[0] == "role" and not last
    if len(what) != (0 if last else 1) and not role:
        raise UsageError(
            "explain takes one chain, or 'role' and an ARN, or --last alone",
            fix="rolehop explain CHAIN; rolehop list shows the chains",
        )
    if what == ("role",) and not is_chain(cli.app, "role"):
        raise UsageError("it is not said which role", fix=HOW_TO_NAME_ROLE)
    flags = (*options.call_flags, *(("--apply-to",) if role and applies else ()))
    if flags and (last or role):
        raise UsageError(
            f"{', '.join(flags)}: {'--last knows its own flags' if last else 'a role has no hop'}",
            fix="leave them out, or name a chain: rolehop explain CHAIN",
        )
