"""The sample backend, and how many requests it got: the other side's count, to hold the load generator's against."""

from __future__ import annotations

import json
from typing import Any

import uvicorn
from sample_backend.app import create_app
from sample_backend.database import Database
from sample_backend.seed import SchoolSize, seed_if_empty


class Counted:
    """`GET /counted` answers the number of requests to the API since the start."""

    def __init__(self, app: Any) -> None:
        self.app, self.requests = app, 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == "/counted":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
            await send({"type": "http.response.body", "body": json.dumps(self.requests).encode()})
        else:
            self.requests += path.startswith("/api/")
            await self.app(scope, receive, send)


if __name__ == "__main__":
    database = Database("sqlite:////tmp/school.db")
    seed_if_empty(database, SchoolSize(students=1_000, courses=50), 2026)
    uvicorn.run(Counted(create_app(database, ())), host="0.0.0.0", port=8000, access_log=False, timeout_keep_alive=75)
