"""Where results go: the history database and the storage of run folders."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from loadtest.diagnosis.checks import Check, note, ok, wrong
from loadtest.settings import Settings


def database(settings: Settings) -> Iterator[Check]:
    """Reads it as every run does, which brings its tables up to date."""
    from loadtest.history.database import HEAD, current_revision, place, reading, resolve

    where = place(resolve(settings.database_url))
    with reading(settings.database_url) as session:
        revision = current_revision(session.connection())
    if revision == HEAD:
        yield ok("database", f"{where}, revision {revision}")
    else:
        yield wrong("database", f"{where}, revision {revision} instead of {HEAD}", "run: loadtest history rebuild")


def storage(settings: Settings) -> Iterator[Check]:
    """Writes a file of a few bytes, reads it and deletes it."""
    path = settings.runs_root / f".doctor-{secrets.token_hex(8)}"
    name, remedy = "storage", "correct LOADTEST_RUNS_ROOT, its credentials, or the rights of this user there"
    try:
        settings.runs_root.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"loadtest")
        same = path.read_bytes() == b"loadtest"
        path.unlink()
    except Exception as error:  # each kind of object storage raises errors of its own
        yield wrong(name, f"{settings.runs_root}: {type(error).__name__}: {error}", remedy)
        return
    if same and not path.exists():
        yield ok(name, f"{settings.runs_root}: a file was written, read and deleted")
    else:
        yield wrong(name, f"{settings.runs_root}: what was read or deleted is not what was written", remedy)


def schedules(settings: Settings) -> Iterator[Check]:
    from loadtest.planning.schedules import BrokenSchedule, all_schedules

    found = list(all_schedules(settings))
    broken = [one for one in found if isinstance(one, BrokenSchedule)]
    for one in broken:
        yield wrong(f"schedule {one.name}", one.reason, "correct it; loadtest validate schedule")
    if found and not broken:
        yield ok("schedules", f"{len(found)} can be read")
    elif not found:
        yield note("schedules", f"none in {settings.schedules}", "nothing runs by itself; see docs/schedules.md")
