"""What a later stage needs is imported while the run waits for another process: a backend to end, a contract to be checked.

Only between loads: a load that is being measured has no company.
"""

from __future__ import annotations

import contextlib
import importlib
import threading

FOR_JUDGMENT = ("pandas", "pyarrow.parquet", "loadtest.analysis.analyze", "loadtest.history.queries", "loadtest.gate.decide")
FOR_PUBLISHING = (
    "loadtest.gate.verdict",
    "loadtest.history.record",
    "loadtest.reporting.run_charts",
    "loadtest.reporting.report",
)


def begin_imports(modules: tuple[str, ...]) -> None:
    """Returns at once. What cannot be imported is left to the stage that needs it, which says so."""
    threading.Thread(target=_import_all, args=(modules,), daemon=True).start()


def _import_all(modules: tuple[str, ...]) -> None:
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
