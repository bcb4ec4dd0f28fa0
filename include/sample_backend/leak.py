"""Hold more and more memory on purpose, so that people can watch a leak being found."""

from __future__ import annotations

import asyncio
import mmap

EACH_S = 1.0


async def leak(mb_per_minute: float) -> None:
    """Never returns; what it holds is gone with it. 1 MB is a million bytes, in pages of its own and each written: small objects
    would first fill what the heap has free, and the process would not grow for many minutes."""
    held: list[mmap.mmap] = []
    owed = 0.0
    while True:
        await asyncio.sleep(EACH_S)
        owed += mb_per_minute * 1_000_000 / 60 * EACH_S
        if pages := int(owed // mmap.PAGESIZE):
            held.append(mmap.mmap(-1, pages * mmap.PAGESIZE))
            held[-1].write(b"\x01" * (pages * mmap.PAGESIZE))
            owed -= pages * mmap.PAGESIZE
