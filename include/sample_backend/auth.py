"""Who is asking: short-lived signed access tokens, refresh tokens that work once, logout that ends both."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select

from sample_backend.database import Database
from sample_backend.models import LoginSession, User

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


def current_session(
    database: DatabaseDep, signer: SignerDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """Id of the live login session behind the access token; 401 without one.

    Opens and closes its own database session: holding a connection until the handler gets a thread can exhaust both.
    """
    if credentials is None:
        raise unauthorized("sign in first: POST /api/v1/auth/login")
    session_id = signer.read(credentials.credentials, "access")["sid"]
    with database.session() as session:
        alive = session.scalar(
            select(User.id).join(LoginSession).where(LoginSession.id == session_id, LoginSession.revoked_at.is_(None))
        )
    if alive is None:
        raise unauthorized("the session has ended")
    return session_id


CurrentSession = Annotated[str, Depends(current_session)]
