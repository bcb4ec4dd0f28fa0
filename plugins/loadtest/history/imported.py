"""What marks a run that another tool measured: no gate judges it, and trends keep it apart."""

from __future__ import annotations

from datetime import datetime

from loadtest.errors import ConfigurationError
from loadtest.files import FileModel
from loadtest.run_folder import RunFolder


class ImportRecord(FileModel):
    """`import.json`. `aggregated`: only the tool's totals are known, not its requests; `notes`: what a reader must know of the
    numbers."""

    run_id: str
    tool: str
    aggregated: bool
    files: tuple[str, ...]
    imported_at: datetime
    imported_by: str = ""
    notes: tuple[str, ...] = ()


def refuse_imported(folder: RunFolder, *, what: str, only_aggregated: bool = False) -> None:
    """Raises ConfigurationError where `what` cannot be done with an imported run."""
    if not folder.imported.exists():
        return
    record = ImportRecord.read(folder.imported)
    if record.aggregated or not only_aggregated:
        kind = "holds only the totals of" if record.aggregated else "was measured by"
        raise ConfigurationError(f"Run {folder.run_id} {kind} {record.tool}, so it cannot be {what}; see `loadtest compare`.")
