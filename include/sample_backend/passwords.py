"""Password hashes: argon2id with the parameters OWASP gives as the least (19 MiB, 2 passes, 1 lane), about 30 ms each."""

from __future__ import annotations

import os

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# More hashes at a time than cores only make each of them later. Waiting for one's turn takes no thread from other requests.
_HASHING = anyio.CapacityLimiter(os.cpu_count() or 1)


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """The hash to store; a salt only where the result must be reproducible."""
    return _HASHER.hash(password, salt=salt)


async def verify_password(password_hash: str, password: str) -> bool:
    return await anyio.to_thread.run_sync(_verify, password_hash, password, limiter=_HASHING)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerificationError:
        return False
