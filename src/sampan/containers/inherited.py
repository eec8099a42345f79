"""What a container inherits from the engine's settings: what its options leave open. Pure.

It happens when a container is made, and holds for its life: a changed setting is for those that are made after it.
"""

from sampan.containers.options import RunOptions, Ulimit
from sampan.settings.model import Settings


def inherit(options: RunOptions, settings: Settings) -> RunOptions:
    """`options` with nothing left open that the settings decide.

    A memory or process limit of -1 means none, whatever the settings say; options of the log driver are inherited only
    with the driver that they were written for.
    """
    is_same_driver = options.log_driver in ("", settings.log_driver)
    mode = options.network.partition(":")[0]
    has_resolver = mode not in ("host", "container")  # else it is somebody else's
    asked = {limit.name for limit in options.ulimits}
    ulimits = (Ulimit(*limit) for limit in settings.ulimits if limit.name not in asked)
    return options._replace(
        runtime=options.runtime or settings.runtime,
        init=settings.init or None if options.init is None else options.init,
        log_driver=options.log_driver or settings.log_driver,
        log_options={**settings.log_options, **options.log_options} if is_same_driver else options.log_options,
        dns=options.dns or (settings.dns_servers if has_resolver else ()),
        dns_search=options.dns_search or (settings.dns_search if has_resolver else ()),
        dns_options=options.dns_options or (settings.dns_options if has_resolver else ()),
        memory_bytes=_limit(options.memory_bytes, settings.memory_bytes),
        pids_limit=options.pids_limit or settings.pids_limit,
        shm_size_bytes=options.shm_size_bytes or settings.shm_size_bytes,
        ulimits=(*options.ulimits, *ulimits),
        publish_address=options.publish_address or ("127.0.0.1" if settings.publish_local_only else ""),
    )


def _limit(asked: int, usual: int) -> int:
    return 0 if asked == -1 else asked or usual
