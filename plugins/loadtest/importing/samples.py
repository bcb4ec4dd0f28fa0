"""Requests of another tool as `samples.parquet` (columns: `loadtest.load.models`)."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import numpy as np

from loadtest.importing.parsed import Requests

ROWS_PER_GROUP = 1 << 20


def write_samples(requests: Requests, path: Path, tool: str) -> None:
    """In time order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    order = np.argsort(np.asarray(requests.start_us), kind="stable")

    def column(values: array[int]) -> pa.Array:
        return pa.array(np.asarray(values)[order])

    def names(codes: np.ndarray, table: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.uint16)), pa.array(table, pa.string()))

    rows = len(requests)
    columns = {
        "start_us": column(requests.start_us),
        "latency_us": column(requests.latency_us),
        "late_us": pa.array(np.zeros(rows, np.uint32)),
        "endpoint": names(np.asarray(requests.endpoint)[order], list(requests.endpoints)),
        "error": names(np.asarray(requests.cause)[order], list(requests.causes)),
        "status": column(requests.status),
        "response_bytes": column(requests.bytes),
        "users": column(requests.users),
        "worker": names(np.zeros(rows, np.uint16), [tool]),
    }
    facts = {"loadtest": json.dumps({"torn_records": 0, "raw_endpoint_names": len(requests.endpoints)})}
    table = pa.table(columns).replace_schema_metadata(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_PER_GROUP, write_page_checksum=True)
