"""What `loadtest run --dry-run` prints: each request with its answer, cut short."""

from __future__ import annotations

from loadtest.cli.printing import print_plain
from loadtest.load.rehearsal import Rehearsal, Step
from loadtest.reporting.escape import cap

MOST_BODY, MOST_BODY_LINES, MOST_HEADER, MOST_PRINTED = 1_000, 20, 200, 50


def print_rehearsal(seen: Rehearsal) -> None:
    """To standard output; nothing in it is obeyed by a terminal."""
    lines: list[str] = []
    place = ""
    for step in seen.steps:
        here = f"{step.user}.{step.task}" if step.user else step.task
        lines += ["", here] if here != place else []
        place = here
        lines += _request(step) if step.method else [f"  failed: {step.problem}"]
    if seen.printed:
        omitted = len(seen.printed) - MOST_PRINTED
        lines += ["", "Printed by the Locust files:", *(f"  {cap(line, MOST_BODY)}" for line in seen.printed[:MOST_PRINTED])]
        lines += [f"  … ({omitted} more lines)"] if omitted > 0 else []
    lines += ["", summary(seen)]
    print_plain("\n".join(lines).lstrip("\n"))


def summary(seen: Rehearsal) -> str:
    """The last line."""
    users = ", ".join(seen.user_classes)
    if not seen.requests:
        return f"Dry run of {users}: no request was made, so a load would measure nothing."
    requests = f"{seen.requests} request{'s' if seen.requests > 1 else ''}"
    outcome = f"{seen.failed_requests} failed" if seen.failed_requests else "none failed"
    broken = f"; {seen.exceptions} exception{'s' if seen.exceptions > 1 else ''}" if seen.exceptions else ""
    return f"Dry run of {users}: {requests}, {outcome}{broken}. Nothing was kept."


def succeeded(seen: Rehearsal) -> bool:
    """Whether requests were made, and nothing failed."""
    return bool(seen.requests) and not seen.failed_requests and not seen.exceptions


def _request(step: Step) -> list[str]:
    status = str(step.status) if step.status is not None else "no answer"
    took = f", {step.took_ms:.1f} ms" if step.took_ms is not None else ""
    redirects = f", after {step.redirects} redirect{'s' if step.redirects > 1 else ''}" if step.redirects else ""
    named = f" (named {step.name})" if step.name and not step.url.endswith(step.name) else ""
    return [
        f"  {step.method} {step.url or step.name}{named}: {status}{took}{redirects}",
        *([f"    failed: {cap(step.problem, 500)}"] if step.problem else []),
        *(f"    > {cap(line, MOST_HEADER)}" for line in step.sent_headers),
        *_body(step.sent_body, ">"),
        *(f"    < {cap(line, MOST_HEADER)}" for line in step.headers),
        *_body(step.body, "<"),
    ]


def _body(text: str, mark: str) -> list[str]:
    if not text:
        return []
    lines = cap(text, MOST_BODY).splitlines()
    omitted = len(lines) - MOST_BODY_LINES
    shown = lines[:MOST_BODY_LINES] + ([f"… ({omitted} more lines)"] if omitted > 0 else [])
    return [f"    {mark}", *(f"    {mark} {line}" for line in shown)]
