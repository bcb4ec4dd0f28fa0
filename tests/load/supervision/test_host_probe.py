"""The host probe times a fixed piece of work, and never costs a load."""

from __future__ import annotations

import resource
import socket
import threading

import pytest

from loadtest.load.supervision import host_probe


def test_both_measurements_are_fractions_of_a_second() -> None:
    cpu_s, loopback_s = host_probe.probe()
    assert 0 < cpu_s < 1 and 0 < loopback_s < 1
    assert host_probe.joined((cpu_s, loopback_s), None) is None
    assert host_probe.joined((cpu_s, loopback_s), (1.0, 2.0)).cpu_after_s == 1.0


def test_a_host_without_a_free_socket_has_no_probe() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, before[1]))
        try:
            assert host_probe.probe() is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_connection_that_ends_is_an_error_and_no_endless_loop() -> None:
    near, far = socket.socketpair()
    with near:
        closing = threading.Timer(0.1, lambda: far.shutdown(socket.SHUT_WR))
        closing.start()
        with pytest.raises(ConnectionAbortedError):
            host_probe._loopback_once(near)
        closing.join()
        far.close()
