"""``rolehop explain``: which policy allows or refuses each hop of a chain."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import UnjudgedRefusal, explain_chain, explain_last_refusal
from rolehop.app.planning import is_chain
from rolehop.base.dataclass import replace
from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, call_options, format_option, walk_options_from
from rolehop.cli.walk_command import chain_or_pick
from rolehop.commands.explain.options import REFUSED, exit_code, policy_flags
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.model import Outcome
from rolehop.terminal.layout import line

if TYPE_CHECKING:
    from rolehop.commands.explain.actions import ActionOptions
    from rolehop.commands.explain.denied_call import DeniedCall
    from rolehop.commands.explain.fixed_policy import FixedPolicy
    from rolehop.commands.explain.warnings import Judged
    from rolehop.policy.role_report import RoleReport

_MOST_BYTES = 4_000_000  # of a text on stdin
_ACTION = Pattern(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+")


def action_options(
    actions: tuple[str, ...], resource: str | None, own_policy: str | None
) -> ActionOptions | None:
    """Return what is asked; ``None``: nothing about an action.

    Raises:
        UsageError: an action or the resource is none, or ``--action`` is missing.
    """
    listed = tuple(each.strip() for text in actions for each in text.split(","))
    if not listed:
        if resource is None and own_policy is None:
            return None
        raise UsageError("--resource is given without --action", fix="--action s3:GetObject")
    from rolehop.commands.explain.actions import ActionOptions
    from rolehop.policy.action_request import is_one_resource

    wrong = next((each for each in listed if _ACTION.fullmatch(each) is None), None)
    if wrong is not None:
        raise UsageError(f"'{wrong}' is not an action", fix="--action s3:GetObject, or s3:Get*")
    if resource is not None and not is_one_resource(resource):
        raise UsageError(
            f"'{resource}' is not a resource",
            cause="a resource is one ARN without wildcards, or * for actions that have none",
        )
    return ActionOptions(listed, resource or ANY_RESOURCE, own_policy)


def print_actions(
    cli: CommandContext,
    chain: str,
    asked: ActionOptions,
    policies: PolicyOptions,
    options: WalkOptions,
    style: str,
    write_fix: str | None,
    *,
    offline: bool,
) -> set[Outcome]:
    """Judge and print the actions, and write their first fix; return their outcomes."""
    from rolehop.commands.explain.actions import judge_actions
    from rolehop.commands.explain.documents import actions_document
    from rolehop.commands.explain.view import actions_view

    verdicts = judge_actions(cli.app, chain, asked, policies, options, offline=offline)
    if style == "json":
        cli.write_json(actions_document(chain, verdicts))
    else:
        cli.write_view(actions_view(chain, verdicts, verbose=cli.terminal.verbose))
        _note_documents(cli, verdicts)
    if write_fix is not None:
        from rolehop.commands.explain.fixed_policy import write_fix_of_action

        _note_fix(cli, write_fix_of_action(verdicts, Path(write_fix)), write_fix)
    return {verdict.verdict.outcome for verdict in verdicts}


def print_error(
    cli: CommandContext,
    text: str,
    policies: PolicyOptions,
    style: str,
    own_policy: str | None,
    write_fix: str | None,
    *,
    chain: str | None,
    offline: bool,
) -> None:
    """Explain an access-denied text, print it and write its fix; ``-``: the text on stdin."""
    from rolehop.commands.explain.denied_call import explain_error
    from rolehop.commands.explain.documents import denied_document
    from rolehop.commands.explain.view import actions_view, denied_view, hints, hop_view

    found = explain_error(
        cli.app, _text_of(text), policies, own_policy, chain=chain, offline=offline
    )
    verbose = cli.terminal.verbose
    if style == "json":
        cli.write_json(
            denied_document(
                found.denied, found.fix, found.chain, found.hop, found.action, found.encoded
            )
        )
        _write_fix_of_call(cli, found, write_fix)
        return
    if found.chain is not None and found.hop is not None:
        view = hop_view(found.chain, found.hop, verbose=verbose)
    elif found.chain is not None and found.action is not None:
        view = actions_view(found.chain, [found.action], verbose=verbose)
    else:
        view = denied_view(found.denied, found.fix, found.chain)
    cli.write_view([*view, *hints(found.encoded, found.others, found.chain)])
    _note_documents(cli, [each for each in (found.hop, found.action) if each is not None])
    _write_fix_of_call(cli, found, write_fix)


def _write_fix_of_call(cli: CommandContext, found: DeniedCall, file: str | None) -> None:
    """Write the fix of a call that AWS refused to ``file``, if there is one.

    Raises:
        UsageError: no chain is known to have made the call, so that no policy of it is known.
    """
    from rolehop.commands.explain.fixed_policy import write_fix_of_action, write_fix_of_hop

    if file is None:
        return
    if found.hop is not None:
        _note_fix(cli, write_fix_of_hop(found.hop, Path(file)), file)
    elif found.action is not None:
        _note_fix(cli, write_fix_of_action([found.action], Path(file)), file)
    else:
        raise UsageError(
            "there is no policy to fix",
            cause="no chain here is known to have made the call",
            fix="name the call: rolehop explain CHAIN --action ACTION --resource ARN",
        )


def print_unjudged(cli: CommandContext, refused: UnjudgedRefusal, style: str) -> None:
    """Print what AWS said to the last refused hop, and why it cannot be judged."""
    from rolehop.commands.explain.documents import unjudged_document
    from rolehop.commands.explain.policy_view import unjudged_view

    answer, why = refused.answer, refused.why
    if style == "json":
        cli.write_json(unjudged_document(refused.chain, refused.hop, answer))
    else:
        text = why.what if why.cause is None else f"{why.what}: {why.cause}"
        cli.write_view(unjudged_view(refused.chain, refused.hop, answer, text))


def print_decoded(
    cli: CommandContext,
    chain: str | None,
    message: str,
    policies: PolicyOptions,
    style: str,
    own_policy: str | None,
    *,
    offline: bool,
) -> bool:
    """Decode an encoded message and print it; ``-``: on stdin. Return True if AWS refused.

    What the AWS CLI has decoded already is taken as it is.
    """
    from rolehop.commands.explain.denied_call import decode_message, decoded_in, judge_decoded
    from rolehop.commands.explain.documents import decoded_document
    from rolehop.commands.explain.view import actions_view, decoded_view, hop_view

    text = _text_of(message)
    decoded = decoded_in(text) or decode_message(cli.app, chain, text)
    call = judge_decoded(cli.app, decoded, policies, own_policy, offline=offline)
    called_by = None if call is None else call.chain
    hop, action = (None, None) if call is None else (call.hop, call.action)
    verbose = cli.terminal.verbose
    if style == "json":
        cli.write_json(decoded_document(decoded, called_by, hop, action))
        return call is not None
    view = decoded_view(decoded, verbose=verbose)
    if called_by is not None and hop is not None:
        above = len(view) + 1
        view = [*view, line(), *hop_view(called_by, hop, verbose=verbose, above=above)]
    elif called_by is not None and action is not None:
        above = len(view) + 1
        view = [*view, line(), *actions_view(called_by, [action], verbose=verbose, above=above)]
    cli.write_view(view)
    return call is not None


def _text_of(text: str) -> str:
    """Return a text, ``-``: that of stdin, in UTF-8 or as its byte order mark says."""
    if text != "-":
        return text
    read = sys.stdin.buffer.read(_MOST_BYTES)
    # PowerShell 5 writes UTF-16 into files.
    marked = read.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return read.decode("utf-16" if marked else "utf-8-sig", "replace")


def print_text(
    cli: CommandContext,
    what: tuple[str, ...],
    error: str | None,
    decode: str | None,
    policies: PolicyOptions,
    style: str,
    own_policy: str | None,
    write_fix: str | None,
    *,
    offline: bool,
) -> bool:
    """Explain AWS's text ``error``, or else the encoded message ``decode``; true if it is refused."""
    chain = what[0] if what else None
    if decode is not None:
        return print_decoded(cli, chain, decode, policies, style, own_policy, offline=offline)
    print_error(
        cli, error or "", policies, style, own_policy, write_fix, chain=chain, offline=offline
    )
    return True


def check_text(
    what: tuple[str, ...],
    options: WalkOptions,
    *,
    last: bool,
) -> None:
    """Refuse what makes no sense with a text.

    Raises:
        UsageError: two chains beside --error or --decode, --last, or flags of a walk.
    """
    if len(what) > 1 or last or options.call_flags:
        raise UsageError(
            "--error and --decode stand beside at most a chain",
            fix="rolehop explain --error TEXT, or rolehop explain CHAIN --decode MESSAGE",
        )


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
    "--write-fix",
    metavar="FILE",
    help="Write the policy that fixes the first refused hop or action to a new FILE.",
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
    write_fix: str | None,
    style: str,
) -> None:
    """Explain which policy allows or refuses each hop.

    For every hop: whether AWS would allow it, and the statement that decides. If one refuses, the
    change that would fix it, and the account that can make it. Reads IAM with the stored sessions,
    unless --offline. Says what it cannot see, and the command that would show it. Exit 5: a hop is
    refused.
    """
    cli, options = CommandContext.of(ctx), walk_options_from(ctx)
    policies = replace(policies, pin_tags=pin_tags)
    of_text = error is not None or decode is not None
    of_action = actions or resource or (None if of_text else resource_policy)
    _check_alone({"--error": error, "--decode": decode, "--action": of_action})
    _check_alone({"--decode": decode, "--write-fix": write_fix})
    if of_text:
        check_text(what, options, last=last)
        refused = print_text(
            cli,
            what,
            error,
            decode,
            policies,
            style,
            resource_policy,
            write_fix,
            offline=offline,
        )
        ctx.exit(REFUSED if refused else 0)
    if not (what or last):
        what = (chain_or_pick(cli, None, "explain CHAIN"),)
    _check_combination(cli, what, options, last=last, writes=write_fix is not None)
    asked = action_options(actions, resource, resource_policy)
    if asked is not None:
        if last or len(what) != 1:
            fix = "rolehop explain CHAIN --action ACTION"
            raise UsageError("--action needs one chain", fix=fix)
        found = print_actions(
            cli, what[0], asked, policies, options, style, write_fix, offline=offline
        )
        ctx.exit(exit_code(found, strict=strict))
    if len(what) == 2:
        from rolehop.commands.explain.actions import describe_role

        _print_role(cli, describe_role(cli.app, what[1], policies, offline=offline), style)
        return
    verdict = (
        explain_last_refusal(cli.app, policies, offline=offline)
        if last
        else explain_chain(cli.app, what[0], policies, options, offline=offline)
    )
    code = _print_verdict(cli, verdict, style, write_fix, strict=strict, last=last)
    # Whatever the documents say now, AWS refused it.
    ctx.exit(REFUSED if last else code)


def _print_verdict(
    cli: CommandContext,
    verdict: ChainVerdict | UnjudgedRefusal,
    style: str,
    write_fix: str | None,
    *,
    strict: bool,
    last: bool,
) -> int:
    """Print how a chain is judged, and write its fix to the file ``write_fix``; return the exit code.

    Raises:
        RolehopError: why it cannot be judged, so that there is no fix to write.
    """
    if isinstance(verdict, UnjudgedRefusal):
        if write_fix is not None:
            raise verdict.why
        print_unjudged(cli, verdict, style)
        return REFUSED
    _print(cli, verdict, style, last=last)
    if write_fix is not None:
        _write_fix(cli, verdict, write_fix)
    return exit_code({verdict.outcome}, strict=strict)


def _print(cli: CommandContext, verdict: ChainVerdict, style: str, *, last: bool) -> None:
    if style == "json":
        from rolehop.commands.explain.documents import explain_document

        cli.write_json(explain_document(verdict))
        return
    from rolehop.commands.explain.view import verdict_view

    cli.write_view(verdict_view(verdict, verbose=cli.terminal.verbose, last=last))
    _note_documents(cli, [verdict])


def _note_documents(cli: CommandContext, judged: Sequence[Judged]) -> None:
    """Say what is wrong with the documents that were judged."""
    from rolehop.commands.explain.warnings import notes_of, warnings_of

    for text in notes_of(warnings_of(judged)):
        cli.terminal.note(text)


def _write_fix(cli: CommandContext, verdict: ChainVerdict, file: str) -> None:
    from rolehop.commands.explain.fixed_policy import write_fixed_policy

    _note_fix(cli, write_fixed_policy(verdict, Path(file)), file)


def _note_fix(cli: CommandContext, fixed: FixedPolicy, file: str) -> None:
    """Say what was written to ``file``."""
    what = fixed.name if fixed.name.startswith("a new ") else f"the fixed {fixed.name}"
    cli.terminal.note(f"wrote {what} to {file}; nothing was sent to AWS")
    cli.terminal.write_lines_beside(fixed.diff)
    if fixed.session_of is not None:
        cli.terminal.note(
            f"the config stays as it is: to use the file, name it at {fixed.session_of} as policy_file"
        )
    for change in fixed.left:
        cli.terminal.note(f"that is not all of the fix: {change}")


def _print_role(cli: CommandContext, report: RoleReport, style: str) -> None:
    from rolehop.commands.explain.role_view import role_document, role_view

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
    cli: CommandContext, what: tuple[str, ...], options: WalkOptions, *, last: bool, writes: bool
) -> None:
    """Refuse arguments and flags that make no sense together.

    Raises:
        UsageError: nothing is named, or too much; or flags that cannot apply.
    """
    role = len(what) == 2 and what[0] == "role" and not last
    if len(what) != (0 if last else 1) and not role:
        raise UsageError(
            "explain takes one chain, or 'role' and an ARN, or --last alone",
            fix="rolehop explain CHAIN, or rolehop list",
        )
    if what == ("role",) and not is_chain(cli.app, "role"):
        from rolehop.commands.explain.actions import HOW_TO_NAME_ROLE

        raise UsageError("it is not said which role", fix=HOW_TO_NAME_ROLE)
    flags = (*options.call_flags, *(("--write-fix",) if role and writes else ()))
    if flags and (last or role):
        raise UsageError(
            f"{', '.join(flags)}: {'--last knows its own flags' if last else 'a role has no hop'}",
            fix="leave them out, or name a chain: rolehop explain CHAIN",
        )
