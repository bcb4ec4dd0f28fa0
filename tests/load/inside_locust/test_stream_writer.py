"""What a disk does not take is kept for the next time; nothing is written twice."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from loadtest.load import streams
from loadtest.load.inside_locust.stream_writer import StreamWriter


@pytest.fixture
def file_size_limit():
    """Real refusals of the kernel: no file of this process may grow beyond the limit."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_what_did_not_fit_is_written_when_there_is_room_again(tmp_path: Path, file_size_limit) -> None:
    shipped: list[tuple[str, bytes]] = []
    writer = StreamWriter(tmp_path, ship=lambda name, data: shipped.append((name, data)))
    records = os.urandom(3 * streams.SAMPLE.size)
    writer.samples += records
    writer.lines[streams.FACTS].append('{"t": 1}')
    file_size_limit(streams.SAMPLE.size + 5)
    with pytest.raises(OSError):
        writer.flush()
    assert (tmp_path / streams.SAMPLES).read_bytes() == records[: streams.SAMPLE.size + 5]
    file_size_limit(resource.RLIM_INFINITY)
    more = os.urandom(streams.SAMPLE.size)
    writer.samples += more
    writer.flush()
    assert (tmp_path / streams.SAMPLES).read_bytes() == records + more
    assert (tmp_path / streams.FACTS).read_text() == '{"t": 1}\n'
    assert b"".join(data for name, data in shipped if name == streams.SAMPLES) == records + more
