"""A helper process that imports Great Expectations early and checks the data contract late.

The import costs seconds of CPU. It begins before the load, is over (or frozen) while the load runs, and the process then
only waits on its standard input. It ends with its parent: end of input ends it at any point, also in mid-import or frozen.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import ValidationError

from loadtest.analysis.contract_worker import PAUSE, RESUME
from loadtest.analysis.models import DataContract
from loadtest.files import is_local
from loadtest.run_folder import RunFolder

READY_TIMEOUT_S = 60.0
CHECK_TIMEOUT_S = 120.0
_PLUGINS = Path(__file__).resolve().parents[2]


class ContractProcess:
    """Use as a context manager, or `start()` and `stop()`. No method raises for a broken helper: `check` then returns a
    contract that is not met and says why."""

    def __init__(self, *, command: list[str] | None = None) -> None:
        self._command = command or [sys.executable, "-m", "loadtest.analysis.contract_worker"]
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._errors: IO[bytes] | None = None
        self._problem = ""
        self._ready = False
        self._paused = False
        self._asked = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start importing in the background; returns at once."""
        if self._process is not None:
            return
        try:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process; closed in stop)
            path = os.pathsep.join(part for part in (str(_PLUGINS), os.environ.get("PYTHONPATH", "")) if part)
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, "PYTHONPATH": path, "GX_ANALYTICS_ENABLED": "False"},
                start_new_session=True,  # Ctrl-C is not its business; it ends with its input
            )
        except OSError as error:
            self._problem = f"the contract process could not be started: {error}"
            return
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def wait_ready(self) -> bool:
        """Wait until the import is over, so that no work of ours runs beside the load. Returns whether it succeeded."""
        if self._ready:
            return True
        self.resume()
        answer = self._next(READY_TIMEOUT_S, "import Great Expectations")
        self._ready = answer is not None
        return self._ready

    def pause(self) -> None:
        """Freeze the process within milliseconds, also in mid-import: for loads that do not wait for it."""
        self._paused = self._send(PAUSE)

    def resume(self) -> None:
        if self._paused:
            self._send(RESUME)
            self._paused = False

    def check(self, folder: RunFolder, timeout_s: float = CHECK_TIMEOUT_S) -> DataContract:
        """Check the run's data contract; writes what `loadtest.analysis.data_contract.check_contract` writes."""
        self.begin(folder)
        return self.finish(folder, timeout_s)

    def begin(self, folder: RunFolder) -> None:
        """Ask for the check, for whoever has something else to do meanwhile; `finish` must follow."""
        self.resume()
        self._asked = self._process is not None and self._ask(folder)

    def finish(self, folder: RunFolder, timeout_s: float = CHECK_TIMEOUT_S) -> DataContract:
        """What came of the check that was begun. It is over then, and works beside no load."""
        from loadtest.analysis.data_contract import broken_contract, keep

        if self.wait_ready() and self._asked:
            answer = self._next(timeout_s, "check the data contract")
            if answer is not None:
                with contextlib.suppress(ValidationError):
                    return DataContract.model_validate(answer)
                self._problem = "the contract process answered with something that is no contract"
        self.stop()  # also so that a late answer is not taken for the next one, nor written over ours
        return keep(folder, broken_contract(folder, self._problem))

    def stop(self) -> None:
        """End the process; returns when it is gone."""
        process, self._process = self._process, None
        self._ready = False
        if process is None:
            return
        self._problem = self._problem or "the contract process has been stopped"
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it has nothing to clean up
        process.wait()
        for stream in (process.stdin, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _ask(self, folder: RunFolder) -> bool:
        options = {} if is_local(folder.path) else dict(folder.path.storage_options)
        request = json.dumps({"folder": str(folder.path), "storage_options": options}, default=str)
        if self._send(request.encode()):
            return True
        self._problem = self._ended("take its request")
        return False

    def _send(self, line: bytes) -> bool:
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return True

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with contextlib.suppress(OSError, ValueError), process.stdout as answers:  # ValueError: no JSON, or closed
            for line in answers:
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _next(self, timeout_s: float, task: str) -> dict[str, Any] | None:
        if self._process is None:
            self._problem = self._problem or "the contract process was not started"
            return None
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._problem = f"the contract process took more than {timeout_s:g} s to {task}"
            return None
        if answer is None:
            self._answers.put(None)  # it stays ended, for whoever asks next
            self._problem = self._ended(task)
        return answer

    def _ended(self, task: str) -> str:
        assert self._process is not None
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=5)
        said = ""
        if self._errors is not None:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4_000))
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            said = f": {lines[-1][:300]}" if lines else ""
        return f"the contract process ended (exit code {code}) before it could {task}{said}"
