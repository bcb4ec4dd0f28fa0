"""What the DAG calls after a run: connections, what people said, links, then delivery."""

from __future__ import annotations

import logging
import re
from typing import Any

from loadtest.errors import ConfigurationError, InfrastructureError, LoadTestError
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.models import Acknowledgement
from loadtest.notifications.airflow_connections import connected
from loadtest.notifications.delivery import asked_about, deliver
from loadtest.notifications.digest import tell_weekly_digest
from loadtest.notifications.pipeline_alerts import PipelineAlerts
from loadtest.notifications.policy.models import ActionKind, DeliveryReport, DeliveryStatus, Links
from loadtest.planning.models import Plan, TriggerKind
from loadtest.planning.schedules import all_schedules, schedule_of
from loadtest.run_folder import RunFolder
from loadtest.settings import settings

log = logging.getLogger(__name__)

# A commit that GitHub does not know, or a pull request that is gone, must not turn a load test red.
MAY_BE_REFUSED = (ActionKind.STATUS, ActionKind.COMMENT)


def notify_about(folder: RunFolder, dag_id: str | None = None) -> dict[str, Any]:
    """Tell Slack and GitHub about a run, where the schedule of its DAG wants it told. Raises InfrastructureError while something
    is undelivered and a retry may help, ConfigurationError when a person has to change something first; called again, it sends
    only what is missing."""
    if not folder.verdict.exists():
        log.warning("%s has no verdict, so there is nothing to tell.", folder.path)
        return {}
    verdict = asked_about(folder, Verdict.read(folder.verdict))
    places = settings()
    channels, config = connected(schedule_of(dag_id, places) if dag_id else None)
    links = links_to(verdict)
    report = deliver(folder, channels, config, links=links, acknowledgements=what_people_said(verdict))
    log.info("%s", report.sentence)
    if _is_scheduled(folder):
        alerts = PipelineAlerts(folder.runs_root, connected()[0].slack)
        tell_weekly_digest(folder.runs_root, alerts, dashboard=links.dashboard, schedules=list(all_schedules(places)))
    raise_for(report)
    return {"delivered": sum(one.status is DeliveryStatus.DELIVERED for one in report.deliveries), "sentence": report.sentence}


def _is_scheduled(folder: RunFolder) -> bool:
    """After the first scheduled run of a week comes the digest."""
    try:
        return Plan.read(folder.plan).trigger.kind is TriggerKind.SCHEDULED
    except ConfigurationError:
        return False


def raise_for(report: DeliveryReport) -> None:
    """Make undelivered messages visible as a failed task."""
    if report.undelivered:
        raise InfrastructureError(report.sentence)
    if any(one.action.kind not in MAY_BE_REFUSED for one in report.problems):
        raise ConfigurationError(report.sentence)


def links_to(verdict: Verdict) -> Links:
    """Report, Airflow run and dashboard, from the address of the Airflow run (`<base>/dags/<dag>/runs/<run>`)."""
    found = re.fullmatch(r"(https?://.+)/dags/[^/]+/runs/[^/]+", verdict.airflow_url or "")
    if not found:
        return Links(airflow=verdict.airflow_url)
    base = f"{found[1]}/loadtest"
    return Links(report=f"{base}/runs/{verdict.run_id}/report.html", airflow=verdict.airflow_url, dashboard=f"{base}/")


def what_people_said(verdict: Verdict) -> list[Acknowledgement]:
    """Mutes, acceptances and false alarms about this scenario and environment, newest first; none if the history cannot be
    read, since an alert too many is better than none."""
    from loadtest.history.acknowledgements import acknowledgements

    if not (verdict.scenario and verdict.environment):
        return []
    try:
        return acknowledgements(verdict.scenario, verdict.environment)
    except LoadTestError as error:
        log.warning("What people said about earlier results is not known: %s", error)
        return []
