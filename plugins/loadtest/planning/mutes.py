"""Names that a mute may use: one that no finding has would match nothing, and nobody would notice."""

from __future__ import annotations

import difflib

from loadtest.errors import ConfigurationError
from loadtest.vocabulary import FINDING_METRICS


def require_metric(name: str) -> None:
    """Raises ConfigurationError, with the metric that is probably meant, for a name that findings do not have."""
    if name in FINDING_METRICS:
        return
    meant = (
        f"{name}_ms" if f"{name}_ms" in FINDING_METRICS else next(iter(difflib.get_close_matches(name, FINDING_METRICS, 1)), "")
    )
    hint = f"did you mean {meant}?" if meant else f"metrics are: {', '.join(FINDING_METRICS)}."
    raise ConfigurationError(f"There is no metric {name!r}; {hint}")
