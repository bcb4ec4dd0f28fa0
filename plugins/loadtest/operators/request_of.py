"""From a DAG run (its params, type and id) to a request of the core."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from loadtest.errors import ConfigurationError
from loadtest.planning.models import Trigger, TriggerKind
from loadtest.planning.request import MERGE_BASE, SIDE_BY_SIDE, Request
from loadtest.planning.schedules import run_id_of, schedule_of
from loadtest.settings import settings

if TYPE_CHECKING:
    from airflow.sdk import Context

PLAN_PARAMS = ("scenario", "environment", "profile", "users", "spawn_rate", "host", "slowdown", "blocking", "any_build")
SCENARIO_PARAMS = ("arguments", "tags", "exclude_tags")


def trigger_kind(run_type: str, run_id: str) -> TriggerKind:
    if run_type == "scheduled":
        return TriggerKind.SCHEDULED
    return TriggerKind.PUSH if run_id.startswith("push__") else TriggerKind.MANUAL


def request_of(context: Context) -> Request:
    """The request that a DAG run carries; raises ConfigurationError with one sentence."""
    dag_run, params = context["dag_run"], dict(context["params"])
    _refuse_unknown(getattr(dag_run, "conf", None) or {}, set(context["dag"].params))
    schedule = schedule_of(dag_run.dag_id, settings())
    kind = trigger_kind(_plain(dag_run.run_type), dag_run.run_id)
    trigger = Trigger(
        kind=kind,
        by=str(getattr(dag_run, "triggering_user_name", None) or ""),
        reason=_text(params.get("reason")) or "",
        commit=_text(params.get("commit")),
        branch=_text(params.get("branch")),
        repository=_text(params.get("repository")),
        pull_request=params.get("pull_request"),
        airflow_dag_id=dag_run.dag_id,
        airflow_run_id=dag_run.run_id,
        airflow_url=airflow_run_url(dag_run.dag_id, dag_run.run_id),
    )
    against = _text(params.get("against"))
    asked = getattr(dag_run, "conf", None) or {}  # without the form's defaults
    if against is None and kind is TriggerKind.PUSH and not any(asked.get(name) for name in ("profile", "users", "duration")):
        against = _push_against(_text(params.get("environment")), trigger)
    if against is not None and asked.get("profile") in (None, "", _default(context, "profile")):
        params["profile"] = SIDE_BY_SIDE
    values: dict[str, Any] = {name: params[name] for name in (*PLAN_PARAMS, *SCENARIO_PARAMS) if params.get(name) is not None}
    return Request.of(
        **values,
        against=against,
        duration_s=params.get("duration"),
        trigger=trigger,
        run_id=run_id_of(dag_run.dag_id, dag_run.run_id),
        executor=_executor(),
        load_generator=schedule.load_generator if schedule else None,
    )


def _default(context: Context, name: str) -> Any:
    """What the form begins with, and sends where nobody chose anything else."""
    param = context["dag"].params[name]
    return getattr(param, "value", param)


def _refuse_unknown(asked: Mapping[str, Any], known: set[str]) -> None:
    """Airflow hands on any key of a `conf`: a misspelled one would be a load that nobody asked for."""
    for name in asked.keys() - known:
        near = get_close_matches(str(name), known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known))}."
        raise ConfigurationError(f"The DAG's conf has an unknown key {str(name)[:60]!r}; {hint}")


def _push_against(environment: str | None, trigger: Trigger) -> str | None:
    """With what a push is compared unless it says: with where its commit left the main branch, if builds can be made of both."""
    from loadtest.pipeline.stages import can_compare

    return MERGE_BASE if environment and trigger.commit and can_compare(environment, settings()) else None


def airflow_run_url(dag_id: str, run_id: str) -> str | None:
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="")
    return f"{base.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id, safe='')}" if base else None


def _executor() -> str:
    from airflow.sdk.configuration import conf

    name = conf.get("core", "executor").rpartition(".")[2]
    return f"airflow {name.removeprefix('Warm')}"  # ours runs tasks as Airflow's does: their runs are comparable


def _plain(run_type: Any) -> str:
    return getattr(run_type, "value", run_type)


def _text(value: Any) -> str | None:
    return str(value).strip()[:300] or None if value is not None else None
