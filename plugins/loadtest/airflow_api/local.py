"""An Airflow of the project's own, under `.airflow/` of the checkout: four processes on free ports, SQLite, no telemetry.

Components started one by one answer in half the time of `airflow standalone` and can be stopped without orphans.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from loadtest.airflow_api.client import AirflowClient
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import FileModel, private_folder, write_text
from loadtest.locks import locked_file
from loadtest.processes import ProcessIdentity, free_port, is_free, stop_group
from loadtest.settings import Settings

USERNAME = "admin"
HEALTHY_WITHIN_S = 120.0

COMPONENTS = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class RunningAirflow(FileModel):
    """`airflow.json`: the Airflow that was started and how to reach it. The password stays in Airflow's own file.
    `stays`: until it is stopped explicitly; else the last run that uses it stops it."""

    url: str
    processes: dict[str, ProcessIdentity]
    stays: bool = False

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def is_alive(self) -> bool:
        return all(identity.is_alive for identity in self.processes.values())


class LocalAirflow:
    """Starts, finds and stops the project's own Airflow. `home`: its AIRFLOW_HOME; `started_here`: whether `start` started it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.home = Path(os.environ.get("LOADTEST_AIRFLOW_HOME", settings.home / ".airflow"))
        self._state = self.home / "airflow.json"
        self.started_here = False

    def running(self) -> RunningAirflow | None:
        """The Airflow that `start` left running, None when it is gone."""
        if not self._state.exists():
            return None
        state = RunningAirflow.read(self._state)
        return state if state.is_alive else None

    def start(self, say: Callable[[str], None], port: int | None = None) -> RunningAirflow:
        """Start Airflow, wait until it is healthy and the pool is there. Reuses a running one. `port`: of its UI; None: the one
        of the last time, so that bookmarks keep working.

        Raises InfrastructureError with the last words of the component that failed; nothing is left running then. Raises
        ConfigurationError where the port is taken, or Airflow runs at another one.
        """
        refusal = "Another command is starting Airflow here; wait for it, or keep one running with `loadtest airflow up`."
        private_folder(self.home)
        with locked_file(self.home / "start.lock", wait_s=0, refusal=refusal):
            if running := self.running():
                if port is not None and running.port != port:
                    raise ConfigurationError(
                        f"Airflow runs at port {running.port} already; stop it first with: loadtest airflow down"
                    )
                return running
            self.stop()
            port = self._port(port)
            self._prepare(say)
            url = f"http://127.0.0.1:{port}"
            environment = self.environment(port)
            processes: dict[str, ProcessIdentity] = {}
            try:
                for name, arguments in COMPONENTS.items():
                    processes[name] = self._spawn(name, [part.format(port=port) for part in arguments], environment)
                    RunningAirflow(url=url, processes=processes).write(self._state)
                say("Airflow is starting")
                self._wait(url, processes)
            except BaseException:
                self.stop()
                raise
            self.started_here = True
            return RunningAirflow(url=url, processes=processes)

    def _port(self, wanted: int | None) -> int:
        """The one that is wanted, or the last one where that is free, or any."""
        kept = self.home / "port"
        if wanted is not None and not is_free(wanted):
            raise ConfigurationError(f"Port {wanted} is taken on this machine; choose another with --port (make up PORT=...).")
        try:
            last = int(kept.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            last = 0
        port = wanted or (last if last and is_free(last) else free_port())
        write_text(kept, f"{port}\n")
        return port

    def keep(self, running: RunningAirflow) -> None:
        """Leave it running when the runs that use it have ended."""
        running.model_copy(update={"stays": True}).write(self._state)

    def stop(self) -> None:
        """Stop every component; harmless when nothing runs."""
        if not self._state.exists():
            return
        for identity in reversed(RunningAirflow.read(self._state).processes.values()):
            stop_group(identity, grace_s=8)
        self._state.unlink(missing_ok=True)

    def client(self, url: str) -> AirflowClient:
        return AirflowClient(url, username=USERNAME, password=self.password())

    def password(self) -> str:
        path = self.home / "simple_auth_manager_passwords.json.generated"
        try:
            return json.loads(path.read_text())[USERNAME]
        except (OSError, ValueError, KeyError):
            raise InfrastructureError(f"Airflow has not written its password to {path}; stop it and start again.") from None

    def environment(self, port: int) -> dict[str, str]:
        """Environment of every component. All state is under `home`; tasks find the project by LOADTEST_HOME."""
        root = self._settings.home
        own = {
            "AIRFLOW_HOME": self.home,
            "AIRFLOW__CORE__DAGS_FOLDER": root / "dags",
            "AIRFLOW__CORE__PLUGINS_FOLDER": root / "plugins",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "loadtest.deployment.warm_workers.WarmLocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__FERNET_KEY": self._secret("fernet_key"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USERNAME}:admin",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__SECRET_KEY": self._secret("api_secret_key"),
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret("jwt_secret"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": self.home / "logs",
            # Airflow shares the cores with the load: look at the DAG files rarely, react to tasks at once.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "GX_ANALYTICS_ENABLED": "False",
            "LOADTEST_HOME": root,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        user_connections = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")}
        return inherited | user_connections | {name: str(value) for name, value in own.items()}

    def _prepare(self, say: Callable[[str], None]) -> None:
        """Create or migrate the metadata database; a stamp saves these seconds when the version is the same."""
        from importlib.metadata import version

        stamp = self.home / "migrated"
        wanted = version("apache-airflow")
        if stamp.exists() and stamp.read_text() == wanted and (self.home / "airflow.db").exists():
            return
        private_folder(self.home)
        say("preparing Airflow's database")
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment(free_port()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise InfrastructureError(f"Airflow's database could not be prepared: {last_line(done.stderr or done.stdout)}")
        write_text(stamp, wanted)

    def _spawn(self, name: str, arguments: list[str], environment: dict[str, str]) -> ProcessIdentity:
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return ProcessIdentity.of(process.pid)

    def _wait(self, url: str, processes: dict[str, ProcessIdentity]) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        with httpx.Client(base_url=url, timeout=5) as http:
            while True:
                dead = [name for name, identity in processes.items() if not identity.is_alive]
                if dead:
                    text = self._log(dead[0]).read_text(errors="replace")
                    raise InfrastructureError(
                        f"Airflow's {dead[0]} ended at its start: {last_line(text)} (whole log: {self._log(dead[0])})"
                    )
                if _healthy(http):
                    break
                if time.monotonic() > deadline:
                    raise InfrastructureError(
                        f"Airflow was not healthy after {HEALTHY_WITHIN_S:.0f} s; see {self.home / 'logs'}."
                    )
                time.sleep(0.2)
        with self.client(url) as client:
            from loadtest.planning.load_generators import named_load_generators, place_of  # PyYAML: CI has none

            for name in (None, *named_load_generators(self._settings)):
                client.ensure_pool(place_of(name), slots=1, description="One load test at a time on this load generator")

    def _log(self, name: str) -> Path:
        return self.home / "logs" / "components" / f"{name}.log"

    def _secret(self, name: str) -> str:
        """A secret of this installation, made once, readable by its owner only."""
        path = self.home / "secrets" / name
        if not path.exists():
            import base64

            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return path.read_text()


def _healthy(http: httpx.Client) -> bool:
    try:
        report = http.get("/api/v2/monitor/health").json()
    except (httpx.HTTPError, ValueError):
        return False
    parts = ("metadatabase", "scheduler", "dag_processor")
    return all((report.get(part) or {}).get("status") == "healthy" for part in parts)


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing."
