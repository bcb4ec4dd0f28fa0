"""`fleet:` of an environment: its remote Locust workers are started in a Kubernetes cluster, for each load anew."""

from __future__ import annotations

from pydantic import Field

from loadtest.files import Record

_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"  # a DNS label, as names in Kubernetes are
_HOST = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$"


class KubernetesFleet(Record):
    """Where the workers of a profile's `remote_workers` are started, as an indexed Job that ends with its load."""

    image: str = Field(min_length=1, max_length=400, description="Container image of loadtest that also holds the scenario.")
    namespace: str = Field(pattern=_LABEL, description="Namespace in which the workers run.")
    connection: str = Field(
        default="kubernetes_default", pattern=r"^[A-Za-z0-9_.-]+$", description="Id of the Airflow connection to the cluster."
    )
    master: str = Field(
        default="loadtest-master", pattern=_HOST, description="Host name by which the workers reach the load task."
    )
    service_account: str = Field(default="loadtest-fleet", pattern=_LABEL, description="Service account of the worker pods.")
    cpu: str = Field(default="1", pattern=_QUANTITY, description="CPU request and limit of each worker, such as `500m`.")
    memory: str = Field(default="1Gi", pattern=_QUANTITY, description="Memory request and limit of each worker, such as `1Gi`.")
