"""The base of all operators: finds the run folder, calls one stage of the core, translates its errors for Airflow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from upath import UPath

from loadtest.backend.down import BackendDiedError
from loadtest.errors import InfrastructureError, LoadTestError, NotRunError
from loadtest.files import write_text
from loadtest.masking import known_secrets, mask_secrets
from loadtest.operators.connection_fields import provide_connections
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context

RUN_FOLDER_KEY = "run_folder"


def run_folder_of(task_id: str) -> str:
    """Template that gives the run folder which the task `task_id` (a ResolvePlanOperator) opened."""
    return f"{{{{ ti.xcom_pull(task_ids='{task_id}', key='{RUN_FOLDER_KEY}') }}}}"


class StageOperator(BaseOperator):
    """One stage of a run. Subclasses implement `run_stage`, which takes the run folder and returns a small dict.

    Only trouble from outside (`InfrastructureError`, OSError) is retried; a user's mistake and a defect of ours would
    fail again in the same way, so they fail the task at once. The last failure of each stage is kept in the run folder,
    so that the verdict can say what broke even if this task is gone.

    :param run_folder: path of the run folder; see `run_folder_of`.
    """

    template_fields: Sequence[str] = ("run_folder",)
    ui_color = "#e8f1fb"

    def __init__(self, *, run_folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_folder = run_folder

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any] | None:
        raise AirflowFailException(f"{type(self).__name__} has no stage.")

    def execute(self, context: Context) -> Any:
        if self.run_folder in ("", "None"):
            raise AirflowFailException("There is no run folder: the request could not even be read; see the first task.")
        from loadtest.gate.verdict import not_run

        folder = RunFolder(UPath(self.run_folder))
        provide_connections(folder)
        hide_secrets_from_logs()
        failures = StageFailures(folder)
        try:
            result = self.run_stage(folder, context)
        except AirflowException:
            raise
        except LoadTestError as error:
            failures.keep(self.task_id, str(error))
            if isinstance(error, NotRunError) and not folder.attempts() and not folder.verdict.exists():
                not_run(folder, mask_secrets(str(error)))
            raise translated(error) from None
        except OSError as error:
            failures.keep(self.task_id, f"{type(error).__name__}: {error}")
            raise
        except Exception as error:
            failures.keep(self.task_id, f"{type(error).__name__}: {error}")
            self.log.exception("This is a defect of loadtest; please report it with this log.")
            raise AirflowFailException(mask_secrets(f"{type(error).__name__}: {error}")) from None
        failures.forget(self.task_id)
        return result


def hide_secrets_from_logs() -> None:
    """Airflow masks in its own logs what it is told: tracebacks show lines and values of whoever failed."""
    from airflow.sdk.log import mask_secret

    for value in known_secrets():
        mask_secret(value)


def translated(error: LoadTestError) -> AirflowException:
    """Infrastructure errors may be retried, but not a backend that died: asking it again would only take longer.
    Everything else is a person's business and fails at once."""
    may_pass = isinstance(error, InfrastructureError) and not isinstance(error, BackendDiedError)
    sentence = mask_secrets(str(error))
    return AirflowException(sentence) if may_pass else AirflowFailException(sentence)


class StageFailures:
    """`failures/<task>.json` of a run folder: why a stage failed, for the verdict. A later success removes it."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.path / "failures"

    def keep(self, stage: str, sentence: str) -> None:
        with contextlib.suppress(OSError):  # the storage itself may be what failed
            write_text(self._file(stage), json.dumps({"stage": stage, "sentence": mask_secrets(sentence)[:2000]}) + "\n")

    def forget(self, stage: str) -> None:
        if self._file(stage).exists():
            self._file(stage).unlink()

    def sentence_of(self, stage: str) -> str | None:
        """Why `stage` failed, None when it left no word."""
        path = self._file(stage)
        return json.loads(path.read_text())["sentence"] if path.exists() else None

    def _file(self, stage: str) -> UPath:
        return self._path / f"{stage}.json"
