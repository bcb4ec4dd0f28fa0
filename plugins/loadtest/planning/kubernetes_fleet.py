"""`fleet:` of an environment: its remote Locust workers are started in a Kubernetes cluster, for each load anew."""

from __future__ import annotations

from pydantic import Field

from loadtest.files import Record

_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"  # a DNS label, as names in Kubernetes are
_HOST = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$"


class KubernetesFleet(Record):
    """Where the workers of a profile's `remote_workers` are started, as an indexed Job that ends with its load."""

    image: str = Field(min_length=1, max_length=400, description="the product's image, with the scenario in it")
    namespace: str = Field(pattern=_LABEL)
    connection: str = Field(
        default="kubernetes_default", pattern=r"^[A-Za-z0-9_.-]+$", description="Airflow connection to the cluster"
    )
    master: str = Field(default="loadtest-master", pattern=_HOST, description="name under which workers reach the load task")
    service_account: str = Field(default="loadtest-fleet", pattern=_LABEL)
    cpu: str = Field(default="1", pattern=_QUANTITY, description="of each worker: requested, and its limit")
    memory: str = Field(default="1Gi", pattern=_QUANTITY, description="of each worker: requested, and its limit")
