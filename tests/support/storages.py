"""Object storages of other makers on loopback, each a process of its own that can be stopped and started again with all it holds:
SeaweedFS (S3), Azurite (Azure Blob Storage), and an emulator of Google Cloud Storage.

`make test-storages` installs them, for they are large; where one is missing, its tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol

import fsspec
import httpx
import pytest
from upath import UPath

from loadtest.processes import free_port
from tests.support.s3 import BUCKET, S3Server
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
AZURITE = ROOT / ".venv" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
SECRET = "c3RvcmFnZS1rZXktb2YtdGVzdHMtMDEyMzQ1Njc4OQ=="


class Storage(Protocol):
    """`url` of a bucket, and the variables that lead to it."""

    url: str
    variables: dict[str, str]

    def start(self) -> None: ...
    def stop(self) -> None: ...


class StoredInMemory(S3Server):
    """moto's S3."""

    url = f"s3://{BUCKET}"

    def __init__(self, _: Path) -> None:
        super().__init__()
        self.variables = of_aws(self.port)

    @staticmethod
    def installed() -> bool:
        return True


class StorageProcess:
    """A storage that is a process; what it holds is in `folder`."""

    scheme: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"{self.scheme}://{BUCKET}"
        self.variables = self._variables()
        self.start()

    def start(self) -> None:
        environment = os.environ | self._own_variables()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), cwd=self.folder, env=environment, stdout=log, stderr=log)
        until(self._answers, f"{type(self).__name__} answers", timeout_s=60)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=5).status_code < 500
        except httpx.HTTPError:
            return False

    def _own_variables(self) -> dict[str, str]:
        return {}

    def _variables(self) -> dict[str, str]:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError


class SeaweedFS(StorageProcess):
    """A distributed storage with S3's protocol, keys and signatures checked."""

    scheme = "s3"

    def __init__(self, folder: Path) -> None:
        self._ports = [free_port() for _ in range(6)]
        super().__init__(folder)

    @staticmethod
    def installed() -> bool:
        return shutil.which("weed", path=Path(sys.executable).parent) is not None

    def _variables(self) -> dict[str, str]:
        return of_aws(self.port)

    def _command(self) -> list[str]:
        keys = of_aws(self.port)
        credentials = [{"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}]
        identities = {"identities": [{"name": "tests", "credentials": credentials, "actions": ["Admin"]}]}
        (self.folder / "s3.json").write_text(json.dumps(identities))
        master, master_rpc, volume, volume_rpc, filer, filer_rpc = self._ports
        options = {"dir": ".", "ip": "127.0.0.1", "s3": "true", "s3.port": self.port, "s3.config": "s3.json"}
        options |= {"master.port": master, "master.port.grpc": master_rpc, "volume.port": volume, "volume.port.grpc": volume_rpc}
        options |= {"filer.port": filer, "filer.port.grpc": filer_rpc, "volume.max": 20, "master.volumeSizeLimitMB": 64}
        options |= {"volume.preStopSeconds": 0, "s3.port.grpc": free_port(), "s3.port.iceberg": 0}
        weed = shutil.which("weed", path=Path(sys.executable).parent)
        return [str(weed), "server", *(f"-{name}={value}" for name, value in options.items())]


class Azurite(StorageProcess):
    """Microsoft's emulator of Azure Blob Storage."""

    scheme = "az"

    @staticmethod
    def installed() -> bool:
        return AZURITE.exists()

    def _variables(self) -> dict[str, str]:
        address = f"http://127.0.0.1:{self.port}/tests"
        parts = {"DefaultEndpointsProtocol": "http", "AccountName": "tests", "AccountKey": SECRET, "BlobEndpoint": address}
        return {"AZURE_STORAGE_CONNECTION_STRING": ";".join(f"{name}={value}" for name, value in parts.items())}

    def _own_variables(self) -> dict[str, str]:
        return {"AZURITE_ACCOUNTS": f"tests:{SECRET}"}

    def _command(self) -> list[str]:
        return [
            str(AZURITE),
            "--blobPort",
            str(self.port),
            "--location",
            ".",
            "--silent",
            "--disableTelemetry",
            "--skipApiVersionCheck",
        ]


class GoogleStorage(StorageProcess):
    """An emulator of Google Cloud Storage."""

    scheme = "gs"

    @staticmethod
    def installed() -> bool:
        return shutil.which("gcp-storage-emulator", path=Path(sys.executable).parent) is not None

    def _variables(self) -> dict[str, str]:
        values = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.port}", "FSSPEC_GS_TOKEN": "anon", "FSSPEC_GCS_TOKEN": "anon"}
        return values | {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}  # which asks by gRPC, that the emulator has not

    def _command(self) -> list[str]:
        emulator = shutil.which("gcp-storage-emulator", path=Path(sys.executable).parent)
        return [str(emulator), "-d", str(self.folder), "start", "--host", "127.0.0.1", "--port", str(self.port)]


def of_aws(port: int) -> dict[str, str]:
    values = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
    return values | {"AWS_ACCESS_KEY_ID": "of-tests", "AWS_SECRET_ACCESS_KEY": SECRET}


KINDS: tuple[Any, ...] = (StoredInMemory, SeaweedFS, Azurite, GoogleStorage)


@pytest.fixture(
    scope="session",
    params=[pytest.param(kind, id=kind.__name__, marks=() if kind is StoredInMemory else pytest.mark.slow) for kind in KINDS],
)
def storage_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    kind = request.param
    if not kind.installed():
        pytest.skip(f"{kind.__name__} is not installed; make test-storages installs it")
    server = kind(tmp_path_factory.mktemp("storage"))
    yield server
    server.stop()


@pytest.fixture
def storage(storage_server: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty bucket, and the variables that lead to it."""
    for name, value in storage_server.variables.items():
        monkeypatch.setenv(name, value)
    ask_again_at_once(monkeypatch)
    forget_connections()
    files = UPath(storage_server.url).fs
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    if not files.exists(BUCKET):
        files.mkdir(BUCKET)
    return storage_server


def ask_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clients wait between their tries for up to a minute in all."""
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    if GoogleStorage.installed():
        monkeypatch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=lambda _: asyncio.sleep(0)))
    if Azurite.installed():
        monkeypatch.setattr("azure.storage.blob._shared.policies_async.ExponentialRetry.get_backoff_time", lambda *_: 0)


def forget_connections() -> None:
    for protocol in ("s3", "az", "gs"):
        if protocol in fsspec.available_protocols() and (found := fsspec.registry.get(protocol)):
            found.clear_instance_cache()
