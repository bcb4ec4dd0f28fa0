"""What two runs do not share, and whether their latencies can be compared all the same."""

from __future__ import annotations

from loadtest.comparing.models import Difference
from loadtest.comparing.sides import Side
from loadtest.vocabulary import Outcome

# A difference in one of these is what a comparison is for, or says nothing about the load.
HARMLESS = {"Build", "Slowdown", "Started by", "Profile", "Lasted"}


def differences(first: Side, second: Side) -> tuple[Difference, ...]:
    """What both sides know and tell differently, in the order of reading; what matters first."""
    found = [
        Difference(name=name, first=text, second=second.facts[name], matters=name not in HARMLESS)
        for name, text in first.facts.items()
        if name in second.facts and second.facts[name] != text
    ]
    if first.origin != second.origin:
        ours = "this product"
        found.append(Difference(name="Measured by", first=first.origin or ours, second=second.origin or ours, matters=True))
    if first.digest != second.digest and not any(one.matters for one in found):
        found.append(Difference(name="Plan digest", first=first.digest, second=second.digest, matters=True))
    return tuple(sorted(found, key=lambda one: not one.matters))


def reasons(first: Side, second: Side, found: tuple[Difference, ...]) -> tuple[str, ...]:
    """Why effects between the two would mean nothing, one sentence each; empty where they can be compared."""
    told = [f"{one.name}: {one.first} in the first, {one.second} in the second." for one in found if one.matters]
    for side in (first, second):
        if side.verdict_outcome is Outcome.INVALID:
            told.append(f"Run {side.run_id} is {side.verdict_sentence.rstrip('.')}.")
        if side.summary is None:
            told.append(
                f"Of run {side.run_id} only aggregated numbers are known, without the spread of its requests: "
                "there is no interval to give."
            )
    return tuple(told)
