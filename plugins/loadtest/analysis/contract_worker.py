"""The helper process behind `contract_process`: imports Great Expectations, says so, then checks what it is told to.

One JSON object a line. Out: `{"ready": true}`, then one contract per request. In: `{"folder": ..., "storage_options": {}}`;
the bare words `pause` and `resume` freeze and thaw it. End of input ends it, at any point, frozen or not.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import select
import sys
import threading

PAUSE, RESUME = b"pause", b"resume"


class _PollRequest(ctypes.Structure):
    """`struct pollfd` of poll(2)."""

    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print must not mix with the answers
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()

    from loadtest.analysis.data_contract import check_contract, import_great_expectations

    import_great_expectations()
    print(json.dumps({"ready": True}), file=answers, flush=True)

    from upath import UPath

    from loadtest.run_folder import RunFolder

    while True:
        request = json.loads(requests.get())
        folder = RunFolder(UPath(request["folder"], **request["storage_options"]))
        print(json.dumps(check_contract(folder).model_dump(mode="json")), file=answers, flush=True)


def _listen(requests: queue.Queue[bytes]) -> None:
    rest = b""
    while data := os.read(sys.stdin.fileno(), 65_536):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line not in (PAUSE, RESUME):
                requests.put(line)
        if lines and lines[-1] == PAUSE:
            _hold_still()
    os._exit(0)  # the parent closed its end or is gone: nobody waits for us


def _hold_still() -> None:
    """Wait for input without giving up the interpreter's lock (PyDLL keeps it), so that no other thread runs meanwhile.

    Unlike a process stopped by a signal, this one still notices the end of its input.
    """
    poll = ctypes.PyDLL(None).poll
    request = _PollRequest(sys.stdin.fileno(), select.POLLIN, 0)
    while poll(ctypes.byref(request), 1, -1) < 0:
        continue


if __name__ == "__main__":
    main()
