"""The runtime's error texts turned into Docker's, with the exit code that `docker run` gives. Pure."""

import re

from sampan.errors import StartFailed

_PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed: "


def start_failed(runtime: str, text: str) -> StartFailed:
    """127 when the command was not found, 126 when it could not be executed, 125 otherwise."""
    detail = _plain(text)
    missing = re.search(r"executable file [`'\"]?([^`'\"]+)[`'\"]? not found", detail)
    if missing is not None or "executable file not found" in detail:
        quoted = re.search(r'exec: "([^"]+)"', detail)
        name = missing.group(1) if missing is not None else quoted.group(1) if quoted is not None else ""
        reason = f'exec: "{name}": executable file not found in $PATH: unknown'
        if name.startswith("/"):
            reason = f'exec: "{name}": stat {name}: no such file or directory: unknown'
        return StartFailed(
            f"{_PREFIX}{runtime} create failed: unable to start container process: {reason}",
            exit_code=127,
            hint="is the command in the image? `sampan run --rm -it IMAGE sh` lets you look",
        )
    message = f"{_PREFIX}{runtime} create failed: unable to start container process: {detail}"
    lowered = detail.lower()
    if "permission denied" in lowered or "is a directory" in lowered or "exec format error" in lowered:
        return StartFailed(message, exit_code=126, hint="is it executable, and for this machine's architecture?")
    if "no such file or directory" in lowered:
        return StartFailed(message, exit_code=127)
    return StartFailed(message, exit_code=125)


def _plain(text: str) -> str:
    """The text without the runtime's time stamps and quoting of messages."""
    lines = [line for line in text.strip().splitlines() if line]
    quoted = re.findall(r'msg="((?:[^"\\]|\\.)*)"', text)
    joined = quoted[-1].replace('\\"', '"') if quoted else (lines[-1] if lines else "no reason given")
    return re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+Z: ", "", joined)
