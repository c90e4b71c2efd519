"""Ask a person for what chains ask for before a handover: ``confirm``, ``reason``.

A session leaves the walk only with the `Proof` that comes of it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.app.planning import Planning, chain_behind
from rolehop.app.proof import REASON, UNASKED, Proof, agreement
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, NoTerminal, RolehopError, error_context
from rolehop.base.text import pluralize, reason_text
from rolehop.plan.model import Guards
from rolehop.plan.resolve import guards_of, path_of
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolehop.app.context import App
    from rolehop.app.ports import Person
    from rolehop.plan.resolve import Resolved


def person_for(app: App, options: WalkOptions) -> Person:
    """Return who may be asked: nobody with ``--no-prompt``."""
    if not options.no_prompt:
        return app.person
    from rolehop.app.ports import Nobody

    return Nobody("--no-prompt forbids asking", seen_by=app.person)


def ask(
    app: App, name: str, options: WalkOptions, given: Proof = UNASKED
) -> tuple[WalkOptions, Proof]:
    """Ask for what the chain asks for, and ``given`` has not.

    Returns ``options`` with the reason.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: nobody can be asked.
    """
    with error_context(name):
        guards, confirmed = guards_of_chain(app, name), given.confirmed
        if guards.confirm is not None:
            resolved = Planning(app).resolve(name, options)
            if agreed(app, resolved) not in confirmed:
                _confirm(app, resolved, options)
                confirmed |= {agreed(app, resolved)}
        options = _with_reason(app, name, guards, options)
        return options, Proof(confirmed, options.reason)


def is_chain(app: App, name: str) -> bool:
    """True if the config has a chain of this name; else only an AWS profile may have it."""
    return app.config.chains.get(name) is not None


def check_is_chain(app: App, name: str) -> None:
    """Check that what was walked as a chain is one still.

    While a config is replaced it may be gone for a moment, and an AWS profile of the same name
    leads elsewhere, and asks for nothing.

    Raises:
        ConfigError: it is none.
    """
    if not is_chain(app, name):
        raise ConfigError(
            f"chain '{name}' is no longer in the config",
            cause="an AWS profile of this name would be another way",
            fix="rolehop list",
            chain=name,
        )


def agreed(app: App, resolved: Resolved) -> tuple[str, str]:
    """Return what whoever confirms a chain agrees to, as `agreement` says it. Raises as that."""
    return agreement(resolved, app.config.defaults, lambda: app.aws_config)


def given_elsewhere(confirmed: Iterable[Sequence[str]], reason: str | None) -> Proof:
    """Return the proof that another process of rolehop's was given, as a note that it sealed says."""
    return Proof(frozenset((str(chain), str(way)) for chain, way in confirmed), reason)


def ask_once(
    app: App, names: Sequence[str], options: WalkOptions, what: str, *, always: bool = False
) -> tuple[WalkOptions, Proof]:
    """Ask one confirmation and one reason for all chains that ask for them.

    Args:
        app: the application.
        names: the chains; one that cannot be resolved is left to its walk.
        options: the flags.
        what: what happens to them, e.g. ``The command runs for``.
        always: ask about all chains, also if none asks (``--confirm``).

    Raises:
        Declined: the answer was not yes.
        NoTerminal: nobody can be asked.
    """
    guards = {name: _guards_if_resolved(app, name) for name in names}
    asking = [name for name in names if always or guards[name].confirm is not None]
    if asking:
        _confirm_all(app, asking, options, what, "--confirm was given" if always else "")
    confirmed: set[tuple[str, str]] = set()
    planning = Planning(app)
    for name in asking:
        with suppress(RolehopError):
            resolved = planning.resolve(name, options)
            confirmed.add(agreed(app, resolved))
    options = ask_reason(app, names, options)
    return options, Proof(frozenset(confirmed), options.reason)


def ask_reason(app: App, names: Sequence[str], options: WalkOptions) -> WalkOptions:
    """Return ``options`` with the reason that one of the chains requires, asked for if missing.

    That is all that a walk needs whose session is handed to nobody.

    Raises:
        NoTerminal: nobody can be asked.
    """
    for name in names:
        with error_context(name):
            options = _with_reason(app, name, _guards_if_resolved(app, name), options)
    return options


def refuse_guarded(app: App, names: Sequence[str], why: str) -> None:
    """Refuse to write a line that would hand chains over unasked.

    Raises:
        ConfigError: one of them asks for something; ``why`` says that nobody could be asked.
    """
    for name in names:
        guards = guards_of_chain(app, name)
        if guards.any:
            raise ConfigError(f"{guards.why(name)}, and {why}", chain=name)


def asks_reason(app: App, names: Sequence[str]) -> bool:
    """True if one of the chains requires a reason."""
    return any(_guards_if_resolved(app, name).reason is not None for name in names)


def ask_to_read(
    app: App, name: str, options: WalkOptions | None = None
) -> tuple[WalkOptions, Proof]:
    """Ask for a chain through which rolehop itself reads; once a run, whatever the answer.

    ``options``: ``None`` of a command that has no flag for the reason. Raises as `ask`.
    """
    found = app.asked_to_read.get(name)
    if found is None:
        try:
            found = ask(app, name, options or WalkOptions())
        except RolehopError as error:
            if options is None and isinstance(error, NoTerminal):
                error.fix = "run it in a terminal"
            found = error
        app.asked_to_read[name] = found
    if isinstance(found, RolehopError):
        raise found.with_traceback(None)
    return found


def is_of_guarded(app: App, name: str, hop: int) -> bool:
    """True if a session of hop ``hop`` is that of the chain ``name``, or of one that it continues, which asks.

    Those of the hops before are of no chain that asks: a guard is of its chain, not of the way to it.
    """
    chain = chain_behind(app, name)
    path = () if chain is None else path_of(app.config, chain)
    hops = 0
    for each in path:
        hops += len(each.hops)
        if (each.confirm or each.reason_required) and hop >= hops:
            return True
    return False


def guards_of_chain(app: App, name: str) -> Guards:
    """Return what a chain asks for; an AWS profile asks for nothing, unless it is a chain's own.

    Raises:
        ConfigError: the chain cannot be resolved.
    """
    chain = chain_behind(app, name)
    return Guards() if chain is None else guards_of(path_of(app.config, chain))


def _guards_if_resolved(app: App, name: str) -> Guards:
    try:
        return guards_of_chain(app, name)
    except ConfigError:
        return Guards()


def _with_reason(app: App, name: str, guards: Guards, options: WalkOptions) -> WalkOptions:
    if guards.reason is None or options.reason is not None:
        return options
    person, reason = person_for(app, options), None
    try:
        while reason is None:
            with suppress(ValueError):  # then it is asked again
                reason = reason_text(person.ask(f"{name}: why do you need it?", needed=REASON))
    except NoTerminal as error:
        error.cause = Guards(reason=guards.reason).why(name)
        error.fix = error.fix or "give it with --reason TEXT"
        raise
    return replace(options, reason=reason)


def _confirm(app: App, resolved: Resolved, options: WalkOptions) -> None:
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    chain, goal = resolved.chain, Planning(app).goal(resolved.chain.name, options)
    about = f" ({chain.description.rstrip('.')})" if chain.description else ""
    question = f"{chain.name}{about} gives you {goal}. Continue?"
    try:
        answer = ask_yes_or_no(person_for(app, options), question)
    except NoTerminal as error:
        error.cause = resolved.guards.why(chain.name)
        error.fix = error.fix or "run it in a terminal"
        raise
    if not is_yes(answer):
        what = f"chain '{chain.name}' was not confirmed, so nothing was done"
        raise declined(what, answer, "answer y to continue")


def _confirm_all(app: App, names: Sequence[str], options: WalkOptions, what: str, why: str) -> None:
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    person, planning = person_for(app, options), Planning(app)
    if person.can_ask:  # else the question, which nobody is asked, needs no list
        for name in names:
            person.say(f"{name}: {_goal(planning, name, options)}")
    question = f"{what} the {pluralize(len(names), 'chain')} above. Continue?"
    try:
        answer = ask_yes_or_no(person, question)
    except NoTerminal as error:
        error.cause = why or guards_of_chain(app, names[0]).why(names[0])
        error.fix = error.fix or "run it in a terminal"
        raise
    if not is_yes(answer):
        raise declined("it was not confirmed, so nothing was run", answer, "answer y to continue")


def _goal(planning: Planning, name: str, options: WalkOptions) -> str:
    try:
        return planning.goal(name, options)
    except ConfigError as error:
        return error.what
