"""The values that a condition asks a call for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.policy.chains.scenario import ChainScenario
from rolehop.policy.language.parser import Condition
from rolehop.policy.language.variables import Unfilled, fill
from rolehop.policy.language.wildcards import Wild
from rolehop.startup.dataclass import dataclass

ANY = "any-value"
"""An example, if any value will do."""


@dataclass(frozen=True, slots=True)
class AskedValue:
    """One value to send, or none."""

    text: str | None
    """``None``: without the key."""

    form: str | None = None
    """Of a pattern: with an ellipsis for each wildcard."""

    example: bool = False
    """Any other text would do as well."""


NONE = AskedValue(None)
"""Without the key."""


def values_asked(
    condition: Condition, scenario: ChainScenario, hop: int, now: str | None
) -> Iterator[AskedValue]:
    """Yield the values that a condition names, then ``NONE``: without the key.

    Where it names a pattern, what is sent ``now`` takes the place of the first star.
    """
    context = scenario.requests()[hop].context
    if condition.operator.is_null:
        yield AskedValue(ANY, example=True)
    for template in () if condition.operator.is_null else condition.templates:
        filled = fill(template, context)
        if not isinstance(filled, Unfilled):
            yield _value_of(filled, now)
    yield NONE


def _value_of(tokens: Sequence[str | Wild], now: str | None) -> AskedValue:
    wild = [each for each in tokens if isinstance(each, Wild)]
    if len(wild) == len(tokens) > 0:
        return AskedValue(now or ANY, example=True)
    form = "".join("…" if isinstance(each, Wild) else each for each in tokens)
    return AskedValue(text_of_pattern(tokens, now or ""), form if wild else None)


def text_of_pattern(tokens: Sequence[str | Wild], now: str) -> str:
    """Return a text that a pattern matches: ``now`` takes the place of the first star.

    Of ``bob@laptop`` and ``*@corp.example``, that is ``bob@corp.example``.
    """
    text = ""
    for at, token in enumerate(tokens):
        match token:
            case Wild.RUN:
                after = next((each for each in tokens[at + 1 :] if isinstance(each, str)), "")
                if after and not after[0].isalnum():
                    now = now.partition(after[0])[0] or now
                text, now = text + now, ""
            case Wild.ONE:
                text += "0"
            case _:
                text += token
    return text
