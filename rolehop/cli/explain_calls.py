"""``explain`` for calls that are no hop: any action, an access-denied text, an encoded message."""

from __future__ import annotations

import codecs
import sys

from rolehop.app.judging.action_verdict import ActionOptions, judge_actions
from rolehop.app.judging.explaining import UnjudgedRefusal
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.cli.context import CommandContext
from rolehop.errors import UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chains.action_request import is_one_resource
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.evaluation.resource_policies import ANY_RESOURCE
from rolehop.show.layout import line
from rolehop.startup.lazy_regex import Pattern

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
    *,
    offline: bool,
) -> set[Outcome]:
    """Judge and print the actions; return their outcomes."""
    from rolehop.show.explain import actions_view
    from rolehop.show.explain_json import actions_document

    verdicts = judge_actions(cli.app, chain, asked, policies, options, offline=offline)
    if style == "json":
        cli.write_json(actions_document(chain, verdicts))
    else:
        cli.write_view(actions_view(chain, verdicts, verbose=cli.terminal.verbose))
    return {each.verdict.outcome for each in verdicts}


def print_error(
    cli: CommandContext, text: str, policies: PolicyOptions, style: str, *, offline: bool
) -> None:
    """Explain an access-denied text and print it; ``-``: the text on stdin."""
    from rolehop.app.judging.denied_call import explain_error
    from rolehop.show.explain import actions_view, hop_view
    from rolehop.show.explain_json import denied_document
    from rolehop.show.explaining.denied_call import denied_view, hints

    found = explain_error(cli.app, _text_of(text), policies, offline=offline)
    verbose = cli.terminal.verbose
    if style == "json":
        cli.write_json(
            denied_document(
                found.denied, found.fix, found.chain, found.hop, found.action, found.encoded
            )
        )
        return
    if found.chain is not None and found.hop is not None:
        view = hop_view(found.chain, found.hop, verbose=verbose)
    elif found.chain is not None and found.action is not None:
        view = actions_view(found.chain, [found.action], verbose=verbose)
    else:
        view = denied_view(found.denied, found.fix, found.chain)
    cli.write_view([*view, *hints(found.encoded, found.others, found.chain)])


def print_unjudged(cli: CommandContext, refused: UnjudgedRefusal, style: str) -> None:
    """Print what AWS said to the last refused hop, and why it cannot be judged."""
    from rolehop.show.explain_json import unjudged_document
    from rolehop.show.explaining.aws_answer import unjudged_view

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
    *,
    offline: bool,
) -> bool:
    """Decode an encoded message and print it; ``-``: on stdin. Return True if AWS refused."""
    from rolehop.app.judging.decoded_message import decode_message, judge_decoded
    from rolehop.show.explain import actions_view, hop_view
    from rolehop.show.explain_json import decoded_document
    from rolehop.show.explaining.denied_call import decoded_view

    decoded = decode_message(cli.app, chain, _text_of(message))
    call = judge_decoded(cli.app, decoded, policies, offline=offline)
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
    *,
    offline: bool,
) -> bool:
    """Explain AWS's text ``error``, or else the encoded message ``decode``; true if it is refused."""
    if decode is not None:
        chain = what[0] if what else None
        return print_decoded(cli, chain, decode, policies, style, offline=offline)
    print_error(cli, error or "", policies, style, offline=offline)
    return True


def check_text(
    what: tuple[str, ...],
    options: WalkOptions,
    *,
    last: bool,
    decode: str | None,
) -> None:
    """Refuse what makes no sense with a text.

    Raises:
        UsageError: a chain beside --error, two beside --decode, --last, or flags of a walk.
    """
    most = 0 if decode is None else 1
    if len(what) > most or last or options.call_flags:
        raise UsageError(
            "--error stands alone, and --decode beside at most a chain",
            fix="rolehop explain --error TEXT, or rolehop explain CHAIN --decode MESSAGE",
        )
