"""Password hashes: argon2id with the parameters OWASP gives as the least (19 MiB, 2 passes, 1 lane), about 30 ms each."""

from __future__ import annotations

import os
import threading

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# More hashes at a time than cores only make each of them later, and other requests with them.
_HASHING = threading.BoundedSemaphore(os.cpu_count() or 1)


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """The hash to store; a salt only where the result must be reproducible."""
    return _HASHER.hash(password, salt=salt)


def verify_password(password_hash: str, password: str) -> bool:
    with _HASHING:
        try:
            return _HASHER.verify(password_hash, password)
        except VerificationError:
            return False
