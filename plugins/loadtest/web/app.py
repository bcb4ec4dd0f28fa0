"""The web app inside Airflow's UI: runs and their reports, live progress, and the files CI fetches.

Every route asks Airflow who is calling and whether they may read the DAG `load_test`. Reports are served sandboxed: a
script in one could not use the reader's Airflow session.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZIP_DEFLATED

from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from upath import UPath
from zipstream import ZipStream

from loadtest.errors import LoadTestError
from loadtest.planning.schedules import LOAD_TEST, sends_load
from loadtest.reporting.escape import plain
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.web.runs import Run, find_run, overview

SHOWN_FILES = {
    "report.html": "text/html; charset=utf-8",
    "summary.md": "text/markdown; charset=utf-8",
    "junit.xml": "application/xml",
    "verdict.json": "application/json",
    "metrics.json": "application/json",
    "plan.json": "application/json",
    "regression_report.json": "application/json",
    "loadtest_stats.csv": "text/csv; charset=utf-8",
    "loadtest_failures.csv": "text/csv; charset=utf-8",
}
SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts allow-downloads", "X-Content-Type-Options": "nosniff"}
PAGE_POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
}
STATIC = Path(__file__).parent / "static"


def create_app() -> FastAPI:
    """The app, all of it behind Airflow's login and the right to read the DAG."""
    guard = [Depends(get_user), Depends(requires_access_dag(method="GET", param_dag_id=LOAD_TEST))]
    app = FastAPI(title="Load tests", dependencies=guard, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse((STATIC / "index.html").read_text(encoding="utf-8"), headers=PAGE_POLICY)

    @app.get("/static/{name}")
    def static(name: str) -> FileResponse:
        kinds = {"dashboard.js": "text/javascript", "dashboard.css": "text/css"}
        if name not in kinds:
            raise HTTPException(404, "No such file.")
        return FileResponse(STATIC / name, media_type=kinds[name])

    @app.get("/api/runs")
    def runs(limit: Annotated[int, Query(ge=1, le=200)] = 30) -> dict[str, Any]:
        return overview(settings(), limit)

    @app.get("/api/dag-runs/{dag_run_id}/verdict")
    def verdict(dag_run_id: str) -> Response:
        return _file(_run(dag_run_id).folder, "verdict.json")

    @app.get("/api/dag-runs/{dag_run_id}/progress")
    def progress(dag_run_id: str) -> dict[str, Any]:
        current = _run(dag_run_id).progress()
        return current.model_dump(mode="json") if current else {}

    @app.get("/api/dag-runs/{dag_run_id}/artifacts.zip")
    def artifacts(dag_run_id: str, samples: bool = False) -> StreamingResponse:
        folder = _run(dag_run_id).folder
        archive = ZipStream(compress_type=ZIP_DEFLATED)
        for path in _artifacts(folder, samples):
            archive.add(_chunks(path), path.name)
        disposition = {"Content-Disposition": f'attachment; filename="{folder.run_id}.zip"'}
        return StreamingResponse(archive, media_type="application/zip", headers=disposition)

    @app.get("/dag-runs/{dag_run_id}/report.html")
    def report_of(dag_run_id: str) -> Response:
        return _file(_run(dag_run_id).folder, "report.html")

    @app.get("/dags/{dag_id}/dag-runs/{dag_run_id}/report.html")
    def report_of_dag(dag_id: str, dag_run_id: str) -> Response:
        if not sends_load(dag_id):
            raise HTTPException(404, "The runs of this DAG are no load tests.")
        return _file(_run(dag_run_id, dag_id).folder, "report.html")

    @app.get("/compare", response_class=HTMLResponse)
    def comparison(a: str, b: str) -> HTMLResponse:
        return HTMLResponse(_comparison(_run(a).folder, _run(b).folder), headers=SANDBOX)

    @app.get("/runs/{run_id}/{name}")
    def file(run_id: str, name: str) -> Response:
        return _file(_run(run_id).folder, name)

    return app


def _run(name: str, dag_id: str = LOAD_TEST) -> Run:
    run = find_run(settings(), name, dag_id)
    if run is None:
        raise HTTPException(404, "No such run here; it may be waiting, refused, or past its retention.")
    return run


def _comparison(first: RunFolder, second: RunFolder) -> str:
    from loadtest.comparing.compare import compare_sides
    from loadtest.comparing.page import render_html
    from loadtest.comparing.sides import read_side

    try:
        sides = read_side(first), read_side(second)
        return render_html(compare_sides(*sides), sides)
    except LoadTestError as error:
        # where the runs root is says nothing to a reader elsewhere
        raise HTTPException(409, plain(str(error).replace(str(first.runs_root), "…"))) from None


def _file(folder: RunFolder, name: str) -> Response:
    if name not in SHOWN_FILES:
        raise HTTPException(404, f"Only these files are shown: {', '.join(SHOWN_FILES)}.")
    path = folder.path / name
    if not path.exists():
        raise HTTPException(404, f"This run has no {name} (yet).")
    return Response(path.read_bytes(), media_type=SHOWN_FILES[name], headers=SANDBOX)


def _artifacts(folder: RunFolder, samples: bool) -> Iterator[UPath]:
    """Files of a run for download; the samples only on request, and never what a link points to."""
    for path in folder.path.iterdir():
        if path.is_file() and not _is_link(path) and (samples or path.suffix != ".parquet"):
            yield path


def _chunks(path: UPath) -> Iterator[bytes]:
    """Opened when its turn comes, so that a run of any size takes no memory, no disk and one open file."""
    with path.open("rb") as stream:
        yield from iter(lambda: stream.read(1 << 20), b"")


def _is_link(path: Any) -> bool:
    return path.protocol in ("", "file", "local") and Path(str(path)).is_symlink()
