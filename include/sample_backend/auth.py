"""Who is asking: short-lived signed access tokens, refresh tokens that work once, logout that ends both."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.orm import Session

from sample_backend.database import Database
from sample_backend.models import LoginSession

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=7)
_ALGORITHM = "HS256"
_bearer = HTTPBearer(auto_error=False)


class TokenSigner:
    """Issues and reads tokens. The key comes from SAMPLE_BACKEND_SECRET or is new at each start."""

    def __init__(self, key: str | None = None) -> None:
        self._key = key or os.environ.get("SAMPLE_BACKEND_SECRET") or secrets.token_urlsafe(48)

    def issue(self, session_id: str, use: Literal["access", "refresh"], token_id: str) -> str:
        now = datetime.now(UTC)
        lifetime = ACCESS_LIFETIME if use == "access" else REFRESH_LIFETIME
        claims = {"sid": session_id, "use": use, "jti": token_id, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str, use: Literal["access", "refresh"]) -> dict[str, Any]:
        """The claims; 401 for a token that is forged, expired, or for another use."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"require": ["exp", "sid", "use", "jti"]})
        except jwt.PyJWTError:
            raise unauthorized("the token is not valid") from None
        if claims["use"] != use:
            raise unauthorized(f"this is not a token for {use}")
        return claims


def unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def _database(request: Request) -> Database:
    return request.app.state.database


async def _signer(request: Request) -> TokenSigner:
    return request.app.state.signer


DatabaseDep = Annotated[Database, Depends(_database)]
SignerDep = Annotated[TokenSigner, Depends(_signer)]


@dataclass(frozen=True)
class Access:
    """The database as seen by somebody with a valid access token."""

    database: Database
    session_id: str

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A database session; 401 if the login session has ended, which the token itself cannot tell."""
        alive = select(LoginSession.user_id).where(LoginSession.id == self.session_id, LoginSession.revoked_at.is_(None))
        with self.database.session() as session:
            if session.scalar(alive) is None:
                raise unauthorized("the session has ended")
            yield session


async def _access(
    database: DatabaseDep, signer: SignerDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Access:
    if credentials is None:
        raise unauthorized("sign in first: POST /api/v1/auth/login")
    return Access(database, signer.read(credentials.credentials, "access")["sid"])


AccessDep = Annotated[Access, Depends(_access)]
