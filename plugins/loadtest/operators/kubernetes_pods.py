"""What keeps the pods of a fleet from starting, as the cluster says it: one sentence instead of a wait that ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from loadtest.masking import mask_secrets

ON_THE_WAY = ("ContainerCreating", "PodInitializing")
LONGEST = 300


def pods_trouble(pods: Sequence[Any], wanted: int, warnings: Sequence[str]) -> str:
    """Empty where the cluster has no complaint. `warnings`: its events about the Job, which say why it has too few pods."""
    troubles = Counter(filter(None, map(_trouble, pods)))
    if troubles:
        (most, count), *_ = troubles.most_common()
        return f"{count} of {wanted} workers cannot run: {_said(most)}"
    if len(pods) < wanted and warnings:
        return f"The cluster made {len(pods)} of {wanted} workers: {_said(warnings[-1])}"
    return ""


def _trouble(pod: Any) -> str:
    status = pod.status
    for container in status.container_statuses or ():
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting and waiting.reason not in ON_THE_WAY:
            return f"{waiting.reason} ({waiting.message or 'no details'})"
        if ended and ended.exit_code:
            return f"{ended.reason or 'Error'} (exit code {ended.exit_code})"
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason} ({condition.message or 'no details'})"
    return f"{status.reason} ({status.message or 'no details'})" if status.reason else ""


def _said(text: str) -> str:
    return " ".join(mask_secrets(text).split())[:LONGEST].rstrip(".") + "."
