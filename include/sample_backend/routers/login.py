"""Signing in and out."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlalchemy import select, update

from sample_backend.auth import ACCESS_LIFETIME, AccessDep, DatabaseDep, SignerDep, TokenSigner, unauthorized
from sample_backend.database import Database
from sample_backend.models import LoginSession, User
from sample_backend.passwords import hash_password, verify_password

router = APIRouter(prefix="/auth", tags=["auth"])

# Compared with when the account does not exist, so that the answer takes as long as for a wrong password.
_NOBODYS_HASH = hash_password(secrets.token_hex())


class Credentials(BaseModel):
    email: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=200)]


class RefreshIn(BaseModel):
    refresh_token: str


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in_s: int


@router.post("/login")
async def login(database: DatabaseDep, signer: SignerDep, credentials: Credentials) -> Tokens:
    user_id, password_hash = await run_in_threadpool(_find_user, database, credentials.email)
    # No connection is held during the slow hash.
    if not await verify_password(password_hash, credentials.password) or user_id is None:
        raise unauthorized("wrong e-mail address or password")
    login_session = LoginSession(
        id=secrets.token_hex(16), user_id=user_id, refresh_id=secrets.token_hex(16), created_at=_now(), revoked_at=None
    )
    await run_in_threadpool(_store, database, login_session)
    return _tokens(signer, login_session.id, login_session.refresh_id)


def _find_user(database: Database, email: str) -> tuple[int | None, str]:
    with database.session() as session:
        user = session.scalar(select(User).where(User.email == email))
    return (user.id, user.password_hash) if user else (None, _NOBODYS_HASH)


def _store(database: Database, login_session: LoginSession) -> None:
    with database.session() as session:
        session.add(login_session)


@router.post("/refresh")
def refresh(database: DatabaseDep, signer: SignerDep, body: RefreshIn) -> Tokens:
    """New tokens for a refresh token that was not used yet; a second use ends the session, as it may be stolen."""
    claims = signer.read(body.refresh_token, "refresh")
    new_id = secrets.token_hex(16)
    alive = (LoginSession.id == claims["sid"], LoginSession.revoked_at.is_(None))
    with database.session() as session:
        rotated = session.scalar(
            update(LoginSession)
            .where(*alive, LoginSession.refresh_id == claims["jti"])
            .values(refresh_id=new_id)
            .returning(LoginSession.id)
        )
        if rotated is None:
            session.execute(update(LoginSession).where(*alive).values(revoked_at=_now()))
    if rotated is None:
        raise unauthorized("the refresh token was used before or its session has ended")
    return _tokens(signer, claims["sid"], new_id)


@router.post("/logout", status_code=204)
def logout(access: AccessDep) -> None:
    with access.session() as session:
        session.execute(update(LoginSession).where(LoginSession.id == access.session_id).values(revoked_at=_now()))


def _tokens(signer: TokenSigner, session_id: str, refresh_id: str) -> Tokens:
    return Tokens(
        access_token=signer.issue(session_id, "access", secrets.token_hex(16)),
        refresh_token=signer.issue(session_id, "refresh", refresh_id),
        expires_in_s=int(ACCESS_LIFETIME.total_seconds()),
    )


def _now() -> datetime:
    """UTC without a zone, which both databases store alike."""
    return datetime.now(UTC).replace(tzinfo=None)
