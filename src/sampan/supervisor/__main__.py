"""`python -I -m sampan.supervisor --root ROOT exited|restart|renew|compress ID`, or `watch`: what no command does.

`exited` is run by a monitor when its container has ended, the others by sampan itself. `watch` puts itself
into the background, so that its starter can wait for it at once and has no zombie; ID:UDP:TCP are two descriptors that
it inherits, the sockets of a container's name server.
"""

import os
import sys
from collections.abc import Collection

from sampan.supervisor import guard

_JOBS = ("exited", "restart", "renew", "compress")
_USAGE = "usage: python -I -m sampan.supervisor --root ROOT exited|restart|renew|compress ID, or watch [ID:UDP:TCP]"


def main(arguments: list[str]) -> int:
    if len(arguments) < 3 or arguments[0] != "--root":
        print(_USAGE, file=sys.stderr)
        return 2
    root, job, *words = arguments[1:]
    if job == "watch" and len(words) <= 1:
        # Before anything large is imported: the starter waits for this.
        if os.fork() > 0:
            os._exit(0)
        os.chdir("/")
        gift = words[0].split(":") if words else [""]
        kept = [int(word) for word in gift[1:]]
        _close_inherited(kept)
        guard.divide(root, kept)
        from sampan.engine.supervision import jobs

        jobs.watch(root, gift[0], kept)
    elif job in _JOBS and len(words) == 1:
        _close_inherited()
        from sampan.engine.supervision import jobs

        getattr(jobs, job)(root, words[0])
    else:
        print(_USAGE, file=sys.stderr)
        return 2
    return 0


def _close_inherited(kept: Collection[int] = ()) -> None:
    """Hold nothing of the starter's: every descriptor but the standard three, which it has set, and `kept`."""
    listing = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    names = os.listdir(listing)
    for name in names:
        if int(name) > 2 and int(name) != listing and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # the copy that the listing itself was read through
    os.close(listing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
