"""Whether the service can do its work."""

from __future__ import annotations

from fastapi import APIRouter

from sample_backend.auth import DatabaseDep

router = APIRouter(tags=["health"])


@router.get("/health")
def health(database: DatabaseDep) -> dict[str, str]:
    """503 when the database does not answer."""
    database.check()
    return {"status": "ok"}
