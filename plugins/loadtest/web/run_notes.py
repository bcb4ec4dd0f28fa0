"""The verdict's sentence as the note of each DAG run that ends, refused ones included: readers of Airflow's grid need no log.

Airflow calls this where a run changes its state (the scheduler), with the run as it is about to be stored. What goes wrong here
must cost neither the run nor the scheduler anything but the note.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

MOST_CHARACTERS = 1000  # of a note in Airflow
_log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    _note(dag_run)


def _note(dag_run: Any) -> None:
    from loadtest.planning.schedules import sends_load

    if not sends_load(dag_run.dag_id):
        return
    try:
        if text := note_of(dag_run.dag_id, dag_run.run_id):
            _store(dag_run, text)
    except Exception as error:
        _log.warning("The run %s of %s has no note: %s", dag_run.run_id, dag_run.dag_id, error)


def _store(dag_run: Any, text: str) -> None:
    """With the run itself, in the scheduler's transaction; where the run belongs to none, in one of its own. What a person
    wrote stays."""
    from airflow.models.dagrun import DagRunNote
    from airflow.utils.session import create_session
    from sqlalchemy.orm import object_session

    def add(session: Any) -> None:
        if session.get(DagRunNote, dag_run.id) is None:
            note = DagRunNote(content=text)
            note.dag_run_id = dag_run.id
            session.add(note)

    if (session := object_session(dag_run)) is not None:
        add(session)
        return
    with create_session() as own:
        add(own)


def note_of(dag_id: str, dag_run_id: str) -> str:
    """The verdict's sentence of a DAG run; empty where it left no verdict that can be read here. Object storage is not asked:
    while it does not answer, the scheduler would wait for it with everything else that it has to do."""
    from loadtest.files import is_local
    from loadtest.gate.records.verdicts import Verdict
    from loadtest.reporting.escape import fit, plain
    from loadtest.settings import settings
    from loadtest.web.runs import find_run

    if not is_local(settings().runs_root):
        return ""
    run = find_run(settings(), dag_run_id, dag_id)
    if run is None or not run.folder.verdict.exists():
        return ""
    return fit(plain(Verdict.read(run.folder.verdict).sentence, MOST_CHARACTERS), MOST_CHARACTERS)
