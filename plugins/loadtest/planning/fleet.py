"""What remote Locust workers need: a door that only they can open, and a target that they can reach."""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from loadtest.errors import ConfigurationError
from loadtest.planning.models import Environment, Plan
from loadtest.planning.profiles import Profile

TOKEN_VARIABLE = "LOADTEST_FLEET_TOKEN"
BIND_VARIABLE = "LOADTEST_MASTER_BIND"
LEAST_TOKEN_LENGTH = 16
THIS_HOST = "auto"  # as `advertise`: the name of the machine that starts the backend


def fleet_token() -> str:
    """The secret that master and workers share, empty without one; raises ConfigurationError for one that can be guessed."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token and len(token) < LEAST_TOKEN_LENGTH:
        raise ConfigurationError(
            f"{TOKEN_VARIABLE} has {len(token)} characters, and whoever guesses it may send samples; give it at least "
            f"{LEAST_TOKEN_LENGTH}, for example the output of `openssl rand -hex 32`."
        )
    return token


def master_bind() -> str:
    """The address on which a master with remote workers listens; all of this machine's (`*`) unless LOADTEST_MASTER_BIND names
    one. Raises ConfigurationError when strangers could reach it and no token keeps them out."""
    address = os.environ.get(BIND_VARIABLE) or "*"
    if not is_loopback(address) and not fleet_token():
        raise ConfigurationError(
            f"Remote workers would join without any login, so that a stranger could send samples; set {TOKEN_VARIABLE} to the "
            f"same secret here and on each worker, or {BIND_VARIABLE}=127.0.0.1 when all of them run on this machine."
        )
    return address


def advertised_host(environment: Environment, profile: Profile) -> str | None:
    """The name under which remote workers reach a backend that we start; None when nobody but this machine needs to."""
    backend = environment.backend
    if backend is None or not backend.advertise or not profile.remote_workers:
        return None
    return socket.gethostname() if backend.advertise == THIS_HOST else backend.advertise


def check_fleet(profile: Profile, environment: Environment, base_url: str | None) -> None:
    """Refuse a plan whose remote workers could not join or not reach the target. `base_url`: None for a backend of ours."""
    if not profile.remote_workers or is_loopback(master_bind()):
        return
    url = base_url or environment.base_url
    host = urlsplit(url.replace("{port}", "1")).hostname if url else advertised_host(environment, profile)
    if host is None or is_loopback(host):
        remedy = (
            "say under which name this machine is known to them (advertise: in the environment's backend section; auto takes its "
            "host name)"
            if environment.starts_backend and not url
            else "give the environment an address that they can resolve"
        )
        raise ConfigurationError(
            f"Profile {profile.name!r} has remote workers, and remote workers cannot reach {host or '127.0.0.1'}, where "
            f"environment {environment.name!r} is; {remedy}, or use a profile without remote_workers."
        )


def refuse_fleet_of_airflow(plan: Plan) -> None:
    """For whoever sends load without Airflow, which alone starts workers in Kubernetes. Raises ConfigurationError."""
    if plan.environment.fleet and plan.profile.remote_workers:
        raise ConfigurationError(
            f"Environment {plan.environment.name!r} has its remote workers started in Kubernetes, which only Airflow's DAGs "
            "do; start the run in Airflow (loadtest trigger), or use a profile without remote_workers."
        )


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
