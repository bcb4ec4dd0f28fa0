"""The fleet of one load as a Job of Kubernetes: started beside the master, and gone when the load is.

Nothing is left in any ending. A load that ends, fails or is stopped takes its Job along. A task that is killed leaves a Job whose
workers end with their master, whose time is limited (`activeDeadlineSeconds`) and which is then removed
(`ttlSecondsAfterFinished`), and with it its Secret, which it owns.

Secrets (the fleet's token, what the scenario's `env:` and `secrets:` name) are in that Secret, and in the environment of the
workers: in no file, log or manifest of a Job.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.job import longest_s
from loadtest.load.locust_command import master_port
from loadtest.masking import SECRETS_VARIABLE, mask_secrets
from loadtest.operators.kubernetes_pods import pods_trouble
from loadtest.planning.fleet import TOKEN_VARIABLE, fleet_token
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from loadtest.planning.models import Plan
from loadtest.planning.variables import secret_names, values_of
from loadtest.settings import settings

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

KEPT_AFTER_END_S = 600
BEFORE_LOAD_S = 3600.0  # a confirmation starts its backend first
LABELS = {"app.kubernetes.io/name": "loadtest", "app.kubernetes.io/component": "fleet"}
USER = 50000  # as in the image
CONFLICT, NOT_FOUND = 409, 404
RUN = "loadtest/run"
ENDINGS = {"Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"}
GONE_WITHIN_S = 60.0

Say = Callable[[str], None]


class FleetJob:
    """The Job of one attempt, which gives it its name. `start` and `remove` may be called again."""

    def __init__(self, plan: Plan, fleet: KubernetesFleet, attempt: int) -> None:
        self._plan, self._fleet = plan, fleet
        self.name = f"loadtest-{hashlib.sha256(plan.run_id.encode()).hexdigest()[:16]}-{attempt}"
        self._hook = _hook(fleet.connection)

    @classmethod
    def of(cls, plan: Plan, attempt: int) -> FleetJob | None:
        """None where no remote workers are wanted, or they are started by hand."""
        fleet = plan.environment.fleet
        return cls(plan, fleet, attempt) if fleet and plan.profile.remote_workers else None

    def start(self, say: Say) -> None:
        """Raises InfrastructureError with what the cluster said; then nothing is left there. One that is there already, of a
        task that died, stays if its workers run: its load goes on. One that has ended is replaced."""
        namespace = self._fleet.namespace
        values = self._secret_values()
        job, is_new = self._job(say)
        try:
            secret = secret_manifest(self.name, job.metadata.uid, values)
            what = "hand its workers their variables"
            self._asked(what, "core_v1_client", "create_namespaced_secret", namespace, secret, but=0 if is_new else CONFLICT)
        except BaseException:
            self.remove(say)
            raise
        doing = "starting" if is_new else "there already"
        say(f"{self._plan.profile.remote_workers} workers are {doing} (Job {namespace}/{self.name}).")

    def explained(self, error: str) -> str:
        """`error` of a load whose workers did not come, and what the cluster says about them."""
        namespace = self._fleet.namespace
        workers, about = f"loadtest/fleet={self.name}", f"involvedObject.name={self.name},type=Warning"
        try:
            what = "tell about its workers"
            pods = self._asked(what, "core_v1_client", "list_namespaced_pod", namespace, label_selector=workers)
            events = self._asked(what, "core_v1_client", "list_namespaced_event", namespace, field_selector=about)
        except InfrastructureError as trouble:
            return f"{error} {trouble}"
        warnings = [event.message or event.reason or "" for event in events.items]
        return f"{error} {pods_trouble(pods.items, self._plan.profile.remote_workers, warnings)}".rstrip()

    def remove(self, say: Say) -> None:
        """Its pods and its Secret go with it. A cluster that cannot be asked loses no result: the Job ends by itself."""
        try:
            self._asked(
                "remove its workers",
                "batch_v1_client",
                "delete_namespaced_job",
                self.name,
                self._fleet.namespace,
                but=NOT_FOUND,
                propagation_policy="Background",
            )
        except InfrastructureError as error:
            say(f"{error} The Job {self._fleet.namespace}/{self.name} ends by itself.")

    def _job(self, say: Say) -> tuple[Any, bool]:
        """The Job as the cluster has it, and whether it is new."""
        namespace, manifest = self._fleet.namespace, job_manifest(self._plan, self._fleet, self.name)
        while True:
            what, call = "start its workers", "create_namespaced_job"
            created = self._asked(what, "batch_v1_client", call, namespace, manifest, but=CONFLICT)
            if created is not None:
                return created, True
            found = self._read()
            if found is not None and not has_ended(found):
                return found, False
            self._wait_until_gone(say)

    def _read(self) -> Any:
        """None where it is gone."""
        what, namespace = "tell about its workers", self._fleet.namespace
        found = self._asked(what, "batch_v1_client", "read_namespaced_job", self.name, namespace, but=NOT_FOUND)
        run_id = (found.metadata.annotations or {}).get(RUN) if found else self._plan.run_id
        if run_id != self._plan.run_id:
            raise InfrastructureError(
                f"The Job {namespace}/{self.name} belongs to another run ({run_id}); give this installation's fleets a "
                "namespace of their own."
            )
        return found

    def _wait_until_gone(self, say: Say) -> None:
        self.remove(say)
        deadline = time.monotonic() + GONE_WITHIN_S
        while self._read() is not None:
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"The Job {self._fleet.namespace}/{self.name} of an earlier try has ended and cannot be removed within "
                    f"{GONE_WITHIN_S:.0f} s; delete it, then clear the task."
                )
            time.sleep(1)

    def _secret_values(self) -> dict[str, str]:
        declared = (self._plan.scenario, self._plan.environment)
        token = fleet_token()
        if not token:
            raise ConfigurationError(f"Workers in Kubernetes need {TOKEN_VARIABLE}; set it where the load task runs.")
        values = values_of(settings().home, *declared)
        return values | {SECRETS_VARIABLE: ",".join(secret_names(*declared)), TOKEN_VARIABLE: token}

    def _asked(self, what: str, api: str, call: str, *arguments: Any, but: int = 0, **options: Any) -> Any:
        """None where the cluster answers `but`, which is no trouble."""
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            return getattr(getattr(self._hook, api), call)(*arguments, **options, _request_timeout=30)
        except ApiException as error:
            if error.status == but:
                return None
            said = " ".join(mask_secrets(str(error.body or error.reason)).split())[:300]
            raise InfrastructureError(f"The cluster did not {what}: it answered {error.status} ({said}).") from None
        except (HTTPError, ConfigException, OSError) as error:
            said = mask_secrets(str(error))[:200]
            raise InfrastructureError(f"The cluster could not be asked to {what}: {said}.") from None


def has_ended(job: Any) -> bool:
    """Whether its workers are over, or about to be: a new load cannot have them."""
    over = {condition.type for condition in job.status.conditions or () if condition.status == "True"}
    return job.metadata.deletion_timestamp is not None or bool(over & ENDINGS)


def job_manifest(plan: Plan, fleet: KubernetesFleet, name: str) -> dict[str, Any]:
    """Of `batch/v1`: a pod for each remote worker, none of them started again. A worker that dies makes its run invalid, and must
    not end the others, which `backoffLimit` would."""
    resources = {"cpu": fleet.cpu, "memory": fleet.memory}
    index = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
    variables = {
        "LOADTEST_MASTER": fleet.master,
        "LOADTEST_MASTER_PORT": str(master_port()),
        "LOADTEST_SCENARIO": plan.scenario.name,
        "LOADTEST_SCRATCH": "/tmp/loadtest",  # noqa: S108 (in the pod's own volume)
    }
    worker = {
        "name": "worker",
        "image": fleet.image,
        "args": ["loadtest", "worker"],
        "env": [{"name": "LOADTEST_REGION", "valueFrom": index}, *({"name": key, "value": variables[key]} for key in variables)],
        "envFrom": [{"secretRef": {"name": name}}],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": fleet.service_account,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"loadtest/fleet": name}},
            }
        ],
        "containers": [worker],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    labels = LABELS | {"loadtest/fleet": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "annotations": {RUN: plan.run_id}},
        "spec": {
            "completionMode": "Indexed",
            "completions": plan.profile.remote_workers,
            "parallelism": plan.profile.remote_workers,
            "backoffLimitPerIndex": 0,
            "activeDeadlineSeconds": round(longest_s(plan.profile) + BEFORE_LOAD_S),
            "ttlSecondsAfterFinished": KEPT_AFTER_END_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def secret_manifest(name: str, job_uid: str, values: dict[str, str]) -> dict[str, Any]:
    """Owned by the Job, so that the cluster removes it with that one; until it is there, the pods wait."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job_uid, "blockOwnerDeletion": False}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {"name": name, "labels": dict(LABELS), "ownerReferences": [owner]},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def _hook(connection: str) -> KubernetesHook:
    try:
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
    except ImportError:
        raise ConfigurationError(
            "Workers in Kubernetes are started with Airflow's provider for it; install apache-airflow-providers-cncf-kubernetes "
            "where the load task runs."
        ) from None
    return KubernetesHook(conn_id=connection)
