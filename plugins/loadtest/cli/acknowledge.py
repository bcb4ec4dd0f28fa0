"""`loadtest mute`, `accept`, `false-alarm`, `acknowledgements`, `withdraw`: what people say about results, on record."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain, print_table
from loadtest.cli.run import user_name
from loadtest.errors import ConfigurationError
from loadtest.history.models import Acknowledgement
from loadtest.history.text import aware

ReasonOption = Annotated[str, typer.Option(help="Why; others read it in reports and alerts.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says so; default: $USER.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id; see: loadtest history list")]


def mute(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Such as 'GET /api/v1/courses', or 'all'.")],
    reason: ReasonOption,
    metric: Annotated[str | None, typer.Option(help="Only this metric, such as p95_ms; default: all.")] = None,
    expires: Annotated[str, typer.Option(help="How long (14d, 12h) or until which day (2026-12-24).")] = "14d",
    scenario: Annotated[str | None, typer.Option(help="The service it is about; or --all-scenarios.")] = None,
    all_scenarios: Annotated[bool, typer.Option("--all-scenarios", help="It is about every service.")] = False,
    environment: Annotated[str | None, typer.Option(help="Only there; default: in every environment.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only there; default: with every profile.")] = None,
    by: ByOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """A known matter: its findings are shown but do not count until it expires."""
    from loadtest.history.acknowledgements import mute as record_mute

    item = record_mute(
        None if endpoint == "all" else endpoint,
        metric=metric,
        reason=reason,
        by=_person(by),
        expires_at=_expiry(expires),
        scenario=scenario,
        all_scenarios=all_scenarios,
        environment=environment,
        profile=profile,
    )
    until = f"{item.expires_at:%Y-%m-%d %H:%M} UTC" if item.expires_at else ""
    what = f"{item.endpoint or 'all endpoints'}{f' {metric}' if metric else ''}"
    where = f"{scenario or 'every scenario'}, {environment or 'every environment'}, {profile or 'every profile'}"
    _say(item, f"Muted until {until}: {what} ({where}).", output)


def accept(run: RunArgument, reason: ReasonOption, by: ByOption = None, output: FormatOption = Format.TEXT) -> None:
    """This run's level is fine: closes the regressions up to it. Does not move the baseline."""
    from loadtest.baselines.store import collect_command
    from loadtest.history.acknowledgements import accept as record_acceptance

    item = record_acceptance(run, reason=reason, by=_person(by))
    words = (
        f"Accepted: regressions of {item.scenario} on {item.environment} ({item.profile}) up to {run} are closed. "
        f"Later runs are still judged by the old baseline; to move it: "
        f"{collect_command(item.scenario or '', item.environment or '', item.profile or '')}"
        " --fresh --runs 8 --promote --by NAME --reason TEXT"
    )
    _say(item, words, output)


def false_alarm(
    run: RunArgument,
    reason: ReasonOption,
    endpoint: Annotated[str | None, typer.Argument(metavar="[ENDPOINT]", help="Only this endpoint's alarm.")] = None,
    by: ByOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """This alarm was wrong: closes it, and trends count it against the pipeline."""
    from loadtest.history.acknowledgements import false_alarm as record_false_alarm

    item = record_false_alarm(run, endpoint, reason=reason, by=_person(by))
    _say(item, f"Recorded: {run}{f' {endpoint}' if endpoint else ''} was a false alarm.", output)


def acknowledgements(
    everything: Annotated[bool, typer.Option("--all", help="Also expired and withdrawn ones.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Who said what, and until when."""
    from loadtest.history.acknowledgements import acknowledgements as find

    found = find(active_at=None if everything else datetime.now(UTC))
    if output is Format.JSON:
        print(json.dumps([item.model_dump(mode="json") for item in found], indent=2))
        return
    if not found:
        print("Nothing is muted, accepted or marked as a false alarm.")
        return
    rows = [
        (
            item.id[:8],
            str(item.kind).replace("_", " "),
            item.run_id or " / ".join(name or "*" for name in (item.scenario, item.environment, item.profile)),
            f"{item.endpoint or 'all'}{f' {item.metric}' if item.metric else ''}",
            item.by,
            f"{item.created_at:%Y-%m-%d}",
            "withdrawn" if item.withdrawn_at else f"{item.expires_at:%Y-%m-%d}" if item.expires_at else "",
            item.reason,
        )
        for item in found
    ]
    print_table(("id", "kind", "where", "endpoint", "by", "made", "until", "reason"), rows)


def withdraw(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="See: loadtest acknowledgements")],
    by: ByOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take an acknowledgement back; it stays on record."""
    from loadtest.history.acknowledgements import withdraw as record_withdrawal

    item = record_withdrawal(identifier, by=_person(by))
    _say(item, f"Withdrawn: {item.kind} of {item.run_id or item.endpoint or 'all endpoints'}.", output)


COMMANDS = (mute, accept, false_alarm, acknowledgements, withdraw)


def _person(by: str | None) -> str:
    if name := by or os.environ.get("USER") or user_name():
        return name
    raise ConfigurationError("It is not known who you are; give --by.")


def _expiry(text: str) -> datetime:
    """`14d` from now, or the end of the day `2026-12-24` (UTC)."""
    from loadtest.planning.quantities import parse_duration_s

    try:
        if "-" in text:
            moment = datetime.fromisoformat(text)
            return aware(moment + timedelta(days=1) if len(text) == len("2026-12-24") else moment)
        return datetime.now(UTC) + timedelta(seconds=parse_duration_s(text))
    except (ValueError, OverflowError):
        raise ConfigurationError(f"--expires is a time such as 14d or 12h, or a day such as 2026-12-24 (got {text!r}).") from None


def _say(item: Acknowledgement, words: str, output: Format) -> None:
    if output is Format.JSON:
        print(item.model_dump_json(indent=2))
    else:
        print_plain(words)
