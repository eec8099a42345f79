"""A container's own name server is there before its first program: sockets made here, and given to the supervisor.

Only networks of a user's own have names; a container on the default bridge needs no supervisor for them.
"""

import os

from sampan.containers import wake
from sampan.linux import fault
from sampan.networks import embedded
from sampan.storage.paths import Paths


class Provision:
    """The sockets of a container that is being started. `finish` is to be called when it runs, or could not."""

    __slots__ = ("_paths", "_starter")

    def __init__(self, paths: Paths, container_id: str, namespace: int) -> None:
        """Make the sockets in the network namespace and let the supervisor have them, starting one if need be.

        Starting one takes as long as an interpreter does, and is not waited for here. Raises OSError, SampanError.
        """
        self._paths = paths
        self._starter = 0
        gift = wake.Gift(container_id, embedded.open_sockets(namespace))
        try:
            fault.point("names.opened")
            if not wake.hand_over(paths, gift):
                self._starter = wake.spawn_supervisor(paths, gift)
        finally:
            gift.close()
        fault.point("names.given")

    def finish(self) -> None:
        """Let the supervisor see what has become of the container."""
        if self._starter:
            os.waitpid(self._starter, 0)
            self._starter = 0
        wake.wake(self._paths)
