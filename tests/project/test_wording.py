"""One spelling, and none of the phrases that people stumbled over: in everything that a person reads or that makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = [
    *(path for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]),
    *(path for ending in ("py", "j2", "yaml") for path in (ROOT / "plugins").rglob(f"*.{ending}")),
    *(path for ending in ("py", "yaml") for path in (ROOT / "include").rglob(f"*.{ending}")),
]
BETTER = {
    r"\b[Ss]low-downs?\b": "slowdown",
    r"\b[Tt]ime-outs?\b": "timeout",
    r"\bbehaviour|\bcolour|\bfavour|\bneighbour": "behavior, color, favor, neighbor",
    r"\banalyse(d|s)?\b|\banalysing\b|\bartefact": "analyze, artifact",
    r"\b(organ|optim|recogn|summar|serial|initial|normal)is(e|ed|es|ing|ation)\b": "-ize",
    r"\bcancelled\b|\bmodelling\b": "canceled, modeling",
    r"there is no such key": "unknown key",
    r"\bproven within\b": "shown to be within",
    r"\bstood still for\b": "was stalled for",
    r"settle what is open": "settle the open questions",
    r"told, not judged": "reported, not judged",
    r"it measured itself": "the latencies reflect the load generator",
    r"\(surely (above|below)|but not surely|surely met|\bsure failure\b": "a confidence bound, significantly",
    r"not to be trusted": "cannot be relied on",
    r"\bin order to\b": "to",
    r"\b(informations|softwares|feedbacks)\b": "the singular",
    r"\b(allows|permits) to\b": "lets you, makes it possible to",
}


@pytest.mark.parametrize("pattern", BETTER)
def test_a_better_word_is_used(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in READ
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert not found, f"say: {BETTER[pattern]}"
