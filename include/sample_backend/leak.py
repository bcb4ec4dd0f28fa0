"""Hold more and more memory on purpose, so that people can watch a leak being found."""

from __future__ import annotations

import asyncio

EACH_S = 1.0


async def leak(mb_per_minute: float) -> None:
    """Never returns; what it holds is gone with it. 1 MB is a million bytes, each of them written, so that they are resident."""
    held: list[bytes] = []
    while True:
        await asyncio.sleep(EACH_S)
        held.append(b"\x01" * round(mb_per_minute * 1_000_000 / 60 * EACH_S))
