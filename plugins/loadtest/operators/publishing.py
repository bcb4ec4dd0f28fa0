"""History, report and messages, and last the task that decides the run's color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from loadtest.errors import LoadTestError
from loadtest.operators.judgment import failed_tasks
from loadtest.operators.stage import StageOperator
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

if TYPE_CHECKING:
    from airflow.sdk import Context


class RecordHistoryOperator(StageOperator):
    """Writes the run into the history database, before anyone is told."""

    def run_stage(self, folder: RunFolder, context: Context) -> None:
        from loadtest.history.record import record_run

        if folder.verdict.exists():
            record_run(folder)
            self._refresh_baseline(folder)

    def _refresh_baseline(self, folder: RunFolder) -> None:
        """A calm scheduled run refreshes what the baseline knows of the noise; include/ may be read-only here."""
        from loadtest.baselines.promotion import refresh

        try:
            if refresh(folder):
                self.log.info("This run refreshes the variances of its baseline.")
        except LoadTestError as error:
            self.log.warning("The baseline's variances were not refreshed: %s", error)


class WriteReportOperator(StageOperator):
    """report.html, summary.md and junit.xml."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.pipeline.publishing import write_full_report

        write_full_report(folder)
        return {"report": str(folder.report), "summary": str(folder.summary)}


class NotifyOperator(StageOperator):
    """Slack and GitHub, each only what it has not been told yet; a missing connection is said in the log."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.notifications.notify import notify_about

        return notify_about(folder, context["dag_run"].dag_id)


class RunStateOperator(StageOperator):
    """Red for a failed task or an invalid run; for a failed verdict only when the run asked to block; else green."""

    def run_stage(self, folder: RunFolder, context: Context) -> None:
        from loadtest.gate.records.verdicts import Verdict

        failed = failed_tasks(context)
        verdict = Verdict.read(folder.verdict) if folder.verdict.exists() else None
        sentence = verdict.sentence if verdict else "there is no verdict"
        if failed:
            raise AirflowFailException(f"Failed: {', '.join(failed)}. Verdict: {sentence}")
        if verdict is None or verdict.outcome is Outcome.INVALID:
            raise AirflowFailException(f"The measurement is not valid: {sentence}")
        if verdict.outcome is Outcome.FAIL and verdict.blocking:
            raise AirflowFailException(f"This run blocks: {sentence}")
        self.log.info("%s", sentence)
