"""Restart policies (`--restart`), as Docker's engine decides them. Pure."""

from sampan.containers.model import SHUT_DOWN, Container
from sampan.containers.options import RestartPolicy

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 60.0
STEADY_SECONDS = 10.0
"""Who has run this long begins anew with the first delay."""


def decide(
    policy: RestartPolicy,
    *,
    exit_code: int,
    restart_count: int,
    stopped_by_user: bool,
    ran_seconds: float,
    last_delay_seconds: float = 0.0,
) -> float | None:
    """Seconds to wait before an ended container is started again, None to leave it.

    `restart_count` is how often its policy has started it since a user did. The delay doubles from one restart to the
    next, up to a minute. Docker keeps the last delay in memory: 0 for `last_delay_seconds` takes it from the count.
    """
    if stopped_by_user or not _wants(policy, exit_code, restart_count):
        return None
    if ran_seconds >= STEADY_SECONDS:
        return FIRST_DELAY_SECONDS
    if last_delay_seconds:
        return min(last_delay_seconds * 2, LONGEST_DELAY_SECONDS)
    doublings = min(restart_count, 16)
    return min(FIRST_DELAY_SECONDS * 2.0**doublings, LONGEST_DELAY_SECONDS)


def _wants(policy: RestartPolicy, exit_code: int, restart_count: int) -> bool:
    if policy.name in ("always", "unless-stopped"):
        return True
    if policy.name == "on-failure":
        return exit_code != 0 and (policy.maximum_retries == 0 or restart_count < policy.maximum_retries)
    return False


def is_unhealthy(container: Container) -> bool:
    """Whether `--restart-unhealthy` wants a container ended, or started again that has ended so."""
    health = container.health or {}
    return container.spec.options.restart_unhealthy and health.get("Status") == "unhealthy"


def policy_of(container: Container) -> RestartPolicy:
    """The policy that decides: who ended while it was unhealthy is always started again, where that is asked for."""
    return RestartPolicy("always") if is_unhealthy(container) else container.spec.options.restart


def is_resumed(container: Container) -> bool:
    """Whether it is to be started after a boot, as Docker's engine does it when that starts.

    `always` includes those that a user has stopped, the other policies do not. One that was never started is left.
    """
    if container.is_running or not container.started_at:
        return False
    policy = container.spec.options.restart
    is_by_hand = container.stopped_by_user not in (0, SHUT_DOWN)
    return policy.name == "always" or (not is_by_hand and _wants(policy, container.exit_code, container.restart_count))
