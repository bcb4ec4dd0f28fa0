"""What keeps the pipeline itself well: trends, retention, and the check that each scheduled run came and went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

from loadtest.errors import LoadTestError
from loadtest.operators.stage import translated

if TYPE_CHECKING:
    from airflow.sdk import Context


class TrendsOperator(BaseOperator):
    """Writes trends.html and trends.json of the last months and tells Slack once a month.

    :param weeks: how far to look back; a template.
    """

    template_fields = ("weeks",)

    def __init__(self, *, weeks: str | int = 26, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weeks = weeks

    def execute(self, context: Context) -> dict[str, Any]:
        from loadtest.notifications.trends_message import tell_trends
        from loadtest.settings import settings
        from loadtest.trends.compute import compute_trends
        from loadtest.trends.report import write_trends
        from loadtest.trends.words import summary_lines

        until = datetime.now(UTC)
        try:
            report = compute_trends(since=until - timedelta(weeks=int(self.weeks)), until=until)
            folder = write_trends(report)
            for line in summary_lines(report):
                self.log.info("%s", line)
            tell_trends(settings().runs_root, report, folder / "trends.html")
        except LoadTestError as error:
            raise translated(error) from None
        return {"report": str(folder / "trends.html"), "series": len(report.series)}


class PlanRetentionOperator(BaseOperator):
    """The dry run: logs what retention would delete and why, deletes nothing."""

    def execute(self, context: Context) -> dict[str, Any]:
        from loadtest.retention.sweep import plan_sweep

        try:
            plan = plan_sweep()
        except LoadTestError as error:
            raise translated(error) from None
        for deletion in plan.deletions:
            self.log.info("%s, %s bytes: %s (%s)", deletion.kind, deletion.size_bytes, deletion.path, deletion.reason)
        for kept in plan.kept:
            self.log.info("kept: %s (%s)", kept.path, kept.reason)
        for problem in plan.problems:
            self.log.warning("%s", problem)
        return {"deletions": len(plan.deletions), "size_bytes": plan.size_bytes}


class ApplyRetentionOperator(BaseOperator):
    """Plans anew, since hours may lie between, and deletes; each deletion is logged."""

    def execute(self, context: Context) -> dict[str, Any]:
        from loadtest.retention.sweep import carry_out, plan_sweep

        try:
            result = carry_out(plan_sweep())
        except LoadTestError as error:
            raise translated(error) from None
        for deletion in result.deleted:
            self.log.info("deleted %s, %s bytes (%s)", deletion.path, deletion.size_bytes, deletion.reason)
        if result.problems:
            raise AirflowException(f"{len(result.problems)} deletions failed: {result.problems[0]}")
        return {"deleted": len(result.deleted), "size_bytes": result.size_bytes}


class WatchOperator(BaseOperator):
    """Did each scheduled run start and end in time? A run that was never created raises no alarm by itself."""

    def execute(self, context: Context) -> str:
        from loadtest.notifications.daily_check import check_pipeline

        try:
            sentence = check_pipeline(context["ti"])
        except LoadTestError as error:
            raise translated(error) from None
        self.log.info("%s", sentence)
        return sentence
