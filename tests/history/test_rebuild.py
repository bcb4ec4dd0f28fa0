"""The history again from the folders, and out of and into files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.errors import ConfigurationError
from loadtest.history.acknowledgements import accept, acknowledgements
from loadtest.history.exchange import export_csv, export_json_lines, import_file
from loadtest.history.queries import metric_table, recent_runs, run_entry
from loadtest.history.rebuild import rebuild
from loadtest.history.record import record_run
from tests.support.run_folders import ENDPOINTS, build_run_folder


@pytest.fixture
def runs(installation: Path) -> Path:
    return installation / "runs"


def test_a_rebuild_gives_the_same_history_and_says_what_it_could_not_read(runs, url):
    folders = [build_run_folder(runs, run_id=f"run-{number}", outcome="fail") for number in range(3)]
    folders.append(build_run_folder(runs, run_id="refused", refused="No such profile."))
    for folder in folders:
        record_run(folder, url)
    before = [run_entry(folder.run_id, database_url=url) for folder in folders]
    build_run_folder(runs, run_id="unfinished", without=("verdict", "metrics"))
    build_run_folder(runs, run_id="damaged").verdict.write_text("{")
    (runs / "example" / "staging" / "medium" / "link").symlink_to("/etc")
    seen = []
    other = f"sqlite:///{runs.parent}/other.db"
    result = rebuild(runs, database_url=other, progress=lambda done, total, run_id: seen.append((done, total)))
    assert [run_entry(folder.run_id, database_url=other) for folder in folders] == before
    assert result.recorded == 4
    assert [Path(path).name for path, _ in result.skipped] == ["unfinished"]
    assert [Path(path).name for path, _ in result.damaged] == ["damaged"]
    assert seen[-1] == (6, 6)


def test_runs_whose_folders_are_gone_stay(runs, url):
    record_run(build_run_folder(runs / "old", run_id="old"), url)
    build_run_folder(runs, run_id="new")
    rebuild(runs, database_url=url)
    assert {run.run_id for run in recent_runs(database_url=url)} == {"old", "new"}


def test_json_lines_carry_everything(runs, url, tmp_path):
    record_run(build_run_folder(runs, run_id="a", outcome="fail", hostile=True), url)
    record_run(build_run_folder(runs, run_id="b", outcome=None), url)
    accept("a", reason="new feature", by="ada", database_url=url)
    file = tmp_path / "all.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        assert export_json_lines(stream, database_url=url) == 2
    other = f"sqlite:///{tmp_path}/other.db"
    result = import_file(file, database_url=other)
    assert (result.runs, result.kept, result.acknowledgements) == (2, 0, 1)
    for run_id in ("a", "b"):
        assert run_entry(run_id, database_url=other) == run_entry(run_id, database_url=url)
    assert acknowledgements(database_url=other) == acknowledgements(database_url=url)
    assert import_file(file, database_url=other).kept == 2


def test_csv_carries_the_metrics_and_a_foreign_file_becomes_a_series(runs, url, tmp_path):
    record_run(build_run_folder(runs, run_id="a", outcome="pass"), url)
    file = tmp_path / "metrics.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        export_csv(stream, database_url=url)
    other = f"sqlite:///{tmp_path}/other.db"
    import_file(file, database_url=other)
    assert run_entry("a", database_url=other).metrics == run_entry("a", database_url=url).metrics
    foreign = tmp_path / "foreign.csv"
    foreign.write_text(
        "\ufeffrun_id,scenario,environment,profile,started_at,endpoint,metric,value,color\n"
        'jmeter-1,example,staging,medium,2024-01-01T00:00:00,"GET /api/v1/students",p95_ms,12.5,red\n'
    )
    import_file(foreign, database_url=url)
    points = metric_table("example", "staging", "medium", ["p95_ms"], database_url=url)[ENDPOINTS[0], "p95_ms"]
    assert [point.run_id for point in points] == ["jmeter-1", "a"]


HEADER = "run_id,scenario,environment,profile,started_at,endpoint,metric,value\n"
GOOD = "x,s,e,p,2024-01-01T00:00:00Z,GET /,p95_ms,1\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("run_id,value\n1,2\n", "has no column 'scenario'"),
        (HEADER + GOOD + "y,s,e,p,yesterday,GET /,p95_ms,1\n", "line 3: started_at"),
        (HEADER + GOOD + "y,s,e,p,2024-01-01T00:00:00Z,GET /,p95_ms,nan\n", "line 3: value"),
        (HEADER + GOOD + "y,s,e,p,9999-12-31T23:59:59-12:00,GET /,p95_ms,1\n", "line 3: started_at: a time must lie"),
        (HEADER + GOOD + "y,s,e,p,2024-01-01T00:00:00Z,GET /,P95;DROP,1\n", "line 3: metric"),
        (HEADER + GOOD + "x,s,OTHER,p,2024-01-01T00:00:00Z,GET /x,p95_ms,1\n", "line 3 says something else of run 'x'"),
        (HEADER + GOOD + "y,s\n", "line 3: environment"),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_nothing_of_it_is_kept(tmp_path, url, text, sentence):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        import_file(file, database_url=url)
    assert recent_runs(database_url=url) == []


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_file_is_imported_or_refused_in_a_sentence(tmp_path, data):
    for suffix in (".csv", ".jsonl", ".json"):
        file = tmp_path / f"any{suffix}"
        file.write_bytes(data)
        try:
            import_file(file)
        except ConfigurationError as error:
            assert "\n" not in str(error)


def test_json_of_the_wrong_shape_is_refused(tmp_path):
    run = {"run_id": "x", "scenario": "s", "environment": "e", "profile": "p", "started_at": "2024-01-01T00:00:00Z"}
    import_file(written(tmp_path, json.dumps({"run": run})))
    bad_summary = json.dumps({"run": run, "summary": '{"of": "the future"}'})
    for content in (bad_summary, "[1, 2]", json.dumps({"run": {"run_id": "x"}}), '{"acknowledgement": {}}', "null", '[{"run": '):
        with pytest.raises(ConfigurationError):
            import_file(written(tmp_path, content))


def written(folder: Path, content: str) -> Path:
    file = folder / "x.json"
    file.write_text(content)
    return file
