"""What `loadtest trigger` does with a run on a remote Airflow: follow it, show its verdict, fetch its files.

Everything comes over HTTP from another machine: text is made plain before it is printed, archive names are checked.
"""

from __future__ import annotations

import re
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

from loadtest.airflow_api.client import AirflowClient, AirflowUnavailableError, DagRun
from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.reporting.escape import plain
from loadtest.vocabulary import Outcome
from loadtest.wording import sentences

POLL_S = 2.0
LINE_EVERY_S = 15.0
MOST_FILES, MOST_BYTES = 1_000, 4 * 1024**3
MOST_FINDINGS = 15
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}){0,4}")
GIVEN_UP = "Not run: overtaken by commit"


def report_created(client: AirflowClient, run: DagRun) -> None:
    """Say which run it is and where to look; a paused DAG is pointed out, since the run would wait for ever."""
    words = "is there already; following that one" if run.existing else "created"
    _say(f"Run {run.run_id} {words}: {run_url(client, run)}")
    if not run.finished and client.dag(run.dag_id).get("is_paused"):
        _say(f"The DAG {run.dag_id} is paused: the run waits until somebody unpauses it in Airflow.")


def run_url(client: AirflowClient, run: DagRun) -> str:
    return f"{client.url}/dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"


def give_up_overtaken(client: AirflowClient, run: DagRun) -> None:
    """Older pushes with the same slug that still wait for their turn are ended, and their note says by which commit."""
    slug, commit = run.run_id.rsplit("__", 1)
    for other in client.list_runs(run.dag_id, states=("queued",), limit=100):
        older = other.queued_at and run.queued_at and other.queued_at < run.queued_at
        if other.run_id.startswith(f"{slug}__") and other.run_id != run.run_id and older:
            note = f"{GIVEN_UP} {commit}."
            client.set_run_state(run.dag_id, other.run_id, "failed", note=note)
            _say(f"{other.run_id} still waited for its turn and was given up for this commit.")


def follow(client: AirflowClient, run: DagRun, wait_s: float) -> DagRun:
    """Print what happens until the run has ended or `wait_s` are over; returns it as it is then. An Airflow that does not
    answer for a while (a restart) is waited for."""
    deadline = time.monotonic() + wait_s
    last_line, shown = 0.0, ""
    while True:
        try:
            run = client.get_run(run.dag_id, run.run_id)
            stage = "" if run.finished else _stage(client, run)
        except AirflowUnavailableError as error:
            stage = f"no answer from Airflow, trying again ({error})"
        if run.finished or run.note.startswith(GIVEN_UP):
            return run
        if time.monotonic() >= deadline:
            _say(f"Not finished within {wait_s:.0f} s ({stage or run.state}); it goes on: {run_url(client, run)}")
            return run
        if (
            stage
            and stage != shown
            and (stage.split(",")[0] != shown.split(",")[0] or time.monotonic() - last_line > LINE_EVERY_S)
        ):
            _say(stage)
            last_line, shown = time.monotonic(), stage
        time.sleep(min(POLL_S, max(0.05, deadline - time.monotonic())))


def show_verdict(client: AirflowClient, run: DagRun) -> Verdict | None:
    """Print the verdict of an ended run, or why there is none; returns it."""
    if run.note.startswith(GIVEN_UP):
        # Airflow ends such a run, without any load, only when its turn comes
        print(f"No verdict. {plain(run.note)}")
        return None
    if not run.finished:
        return None
    data = client.get_json(f"/loadtest/api/dag-runs/{quote(run.run_id, safe='')}/verdict", missing=True)
    if data is None:
        run = client.get_run(run.dag_id, run.run_id)
        failed = [task.task_id for task in client.task_instances(run.dag_id, run.run_id) if task.state == "failed"]
        why = plain(run.note) or (f"these tasks failed: {', '.join(failed)}" if failed else f"the DAG run ended {run.state}")
        print(f"No verdict: {why.rstrip('.')}. {run_url(client, run)}")
        return None
    verdict = parse_verdict(data)
    print(plain(verdict.sentence, 2_000))
    bad = [finding for finding in verdict.findings if finding.outcome is not Outcome.PASS]
    for finding in bad[:MOST_FINDINGS]:
        print(f"  {finding.outcome:12} {plain(finding.sentence)}{' (muted)' if finding.muted else ''}")
    if len(bad) > MOST_FINDINGS:
        print(f"  and {len(bad) - MOST_FINDINGS} more, see the report")
    for advice in verdict.recommendations[:3]:
        print(f"  What to do: {sentences(plain(advice.title), plain(advice.next_step))}")
    print(f"Report: {client.url}/loadtest/dag-runs/{quote(run.run_id, safe='')}/report.html")
    return verdict


def parse_verdict(data: object) -> Verdict:
    """A verdict as the web app sends it; raises ConfigurationError when it is none or too new for this version."""
    import json

    return Verdict.parse(json.dumps(data), "The verdict from Airflow")


def fetch_files(client: AirflowClient, run_id: str, target: Path) -> None:
    """Download the run's files into `target`. A run that left none is said, not an error."""
    archive = target / "artifacts.zip"
    try:
        if not client.download(f"/loadtest/api/dag-runs/{quote(run_id, safe='')}/artifacts.zip", archive, missing=True):
            _say("The run left no files to fetch.")
            return
        names = unpack(archive, target)
    except OSError as error:
        raise ConfigurationError(f"The files cannot be written to {target}: {error}.") from error
    finally:
        archive.unlink(missing_ok=True)
    _say(f"{len(names)} files in {target}: {', '.join(sorted(names)[:12])}")


def unpack(archive: Path, target: Path) -> list[str]:
    """Unpack a zip from elsewhere: only plain relative names, no links, bounded in number and size."""
    try:
        with zipfile.ZipFile(archive) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise ConfigurationError("The archive of the run is larger than is sensible; fetch its files from the runs root.")
            for entry in entries:
                link = (entry.external_attr >> 16) & 0o170000 == 0o120000
                if link or not _SAFE_NAME.fullmatch(entry.filename):
                    raise ConfigurationError(
                        f"The archive of the run holds a name that is not safe: {plain(entry.filename, 100)!r}."
                    )
            for entry in entries:
                source.extract(entry, target)
    except zipfile.BadZipFile:
        raise ConfigurationError("The archive of the run is damaged; fetch it again.") from None
    return [entry.filename for entry in entries]


def _stage(client: AirflowClient, run: DagRun) -> str:
    """What happens now, in words; while load runs with its progress."""
    if run.state == "queued":
        return "waiting for its turn"
    tasks = client.task_instances(run.dag_id, run.run_id)
    if any(task.state == "awaiting_input" for task in tasks):
        return "waiting for a person's approval in Airflow"
    running = [task.task_id for task in tasks if task.state == "running"]
    if not running:
        return ""  # between two stages
    if any("run_load" in name or "confirm" in name for name in running):
        return f"{running[0]}{_progress(client, run)}"
    return running[0]


def _progress(client: AirflowClient, run: DagRun) -> str:
    data = client.get_json(f"/loadtest/api/dag-runs/{quote(run.run_id, safe='')}/progress", missing=True)
    if not isinstance(data, dict) or not data:
        return ""
    known = (
        ("elapsed_s", "{:.0f} s"),
        ("users", "{} users"),
        ("requests", "{} requests"),
        ("rps", "{:.0f} rps"),
        ("p95_ms", "p95 {:.0f} ms"),
    )
    parts = [words.format(data[name]) for name, words in known if isinstance(data.get(name), int | float)]
    return "".join(f", {part}" for part in parts)


def _say(text: str) -> None:
    print(plain(text, 1_000), file=sys.stderr, flush=True)
