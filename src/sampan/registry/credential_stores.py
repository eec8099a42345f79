"""Programs that keep credentials: the protocol of `docker-credential-NAME get|store|erase`.

The verb is the argument, the server or a JSON object goes in, a JSON object comes out.
"""

import json

from sampan.errors import Unavailable
from sampan.linux.asking import ask

_NOT_THERE = ("credentials not found", "no credentials server URL", "The specified item could not be found")


def get(store: str, server: str) -> tuple[str, str] | None:
    """(user, secret) for a server, None when it has none. Raises Unavailable when the program fails."""
    code, out = _run(store, "get", server)
    if code != 0:
        if any(words.lower() in out.lower() for words in _NOT_THERE):
            return None
        raise _failed("getting", code, out)
    try:
        document = json.loads(out)
        user, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            f"error getting credentials - err: docker-credential-{store} did not answer with Username and Secret"
        ) from None
    return (str(user), str(secret)) if user or secret else None


def store(store: str, server: str, user: str, secret: str) -> None:
    """Keep credentials. Raises Unavailable."""
    code, out = _run(store, "store", json.dumps({"ServerURL": server, "Username": user, "Secret": secret}))
    if code != 0:
        raise _failed("storing", code, out)


def erase(store: str, server: str) -> bool:
    """Forget credentials; whether there were any. Raises Unavailable."""
    code, out = _run(store, "erase", server)
    if code != 0 and not any(words.lower() in out.lower() for words in _NOT_THERE):
        raise _failed("erasing", code, out)
    return code == 0


def _run(store: str, verb: str, text: str) -> tuple[int, str]:
    program = f"docker-credential-{store}"
    doing = {"get": "getting", "store": "storing", "erase": "erasing"}[verb]
    if "/" in store:
        raise Unavailable(f"error {doing} credentials - err: {store!r} is no name of a credential helper, out: ``")
    try:
        return ask([program, verb], text + "\n")
    except FileNotFoundError:
        raise Unavailable(
            f'error {doing} credentials - err: exec: "{program}": executable file not found in $PATH, out: ``',
            hint="install it, or take it out of config.json (credsStore, credHelpers)",
        ) from None
    except PermissionError as error:
        raise Unavailable(f"error {doing} credentials - err: {program}: {error.strerror}, out: ``") from error


def _failed(doing: str, code: int, out: str) -> Unavailable:
    return Unavailable(f"error {doing} credentials - err: exit status {code}, out: `{out.strip()[:500]}`")
