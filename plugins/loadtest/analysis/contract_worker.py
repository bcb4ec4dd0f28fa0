"""The helper process behind `contract_process`: imports Great Expectations, says so, then checks what it is told to.

One JSON object a line. Out: `{"ready": true}`, then one contract per request. In: `{"folder": ..., "storage_options": {}}`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print must not mix with the answers
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()

    from loadtest.analysis.data_contract import check_contract, import_great_expectations

    import_great_expectations()
    print(json.dumps({"ready": True}), file=answers, flush=True)

    from upath import UPath

    from loadtest.run_folder import RunFolder

    while True:
        request = json.loads(requests.get())
        folder = RunFolder(UPath(request["folder"], **request["storage_options"]))
        print(json.dumps(check_contract(folder).model_dump(mode="json")), file=answers, flush=True)


def _read(requests: queue.Queue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)  # the parent closed its end or is gone: at any point, nobody waits for us


if __name__ == "__main__":
    main()
