"""Docker's commands that have no counterpart in an engine of one host, and what is said instead of "unknown"."""

from sampan.cli.errors import PROGRAM, ClientError

_NO_SWARM = (
    'Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to'
    " connect this node to swarm and try again."
)
_ONE_HOST = f"{PROGRAM} runs one host and knows no swarm; what outgrows a host goes to a cluster, such as Kubernetes"
_NO_PLUGINS = "drivers of networks, volumes and logs are built in: there are no plugins to manage"

# first word -> (message, hint)
_ANSWERS = {
    "checkpoint": (
        "{program} {words} is only supported on a Docker daemon with experimental features enabled",
        "'sampan snapshot' keeps a container's files, though not its processes",
    ),
    "config": (_NO_SWARM, _ONE_HOST),
    "node": (_NO_SWARM, _ONE_HOST),
    "plugin": ('Error response from daemon: plugin "{last}" not found', _NO_PLUGINS),
    "secret": (_NO_SWARM, "a build takes secrets with --secret; a container reads them from a file that is mounted"),
    "service": (_NO_SWARM, _ONE_HOST),
    "stack": (_NO_SWARM, _ONE_HOST),
    "swarm": (f"{PROGRAM} runs one host: swarm mode is not supported", _ONE_HOST),
    "trust": ("no signatures or cannot access {last}", f"{PROGRAM} has no notary client"),
}


def answer(words: list[str]) -> ClientError | None:
    """The refusal of a command of docker that sampan does not have; None when docker has no such command either."""
    known = _ANSWERS.get(words[0])
    if known is None:
        return None
    message, hint = known
    filled = message.format(program=PROGRAM, words=" ".join(words[:2]), last=words[-1])
    return ClientError(filled, hint=hint)
