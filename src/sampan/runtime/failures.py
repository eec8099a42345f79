"""The runtime's error texts turned into Docker's, with the exit code that `docker run` gives. Pure."""

import re

from sampan.errors import StartFailed

_CREATE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: {runtime} create"
    " failed: unable to start container process: "
)
_INIT = "error during container init: "  # between the prefix and a reason that concerns the program itself
_EXEC = "OCI runtime exec failed: exec failed: unable to start container process: "


def start_failed(runtime: str, text: str, command: str, *, is_exec: bool = False) -> StartFailed:
    """127 when `command` was not found, 126 when it could not be executed, 125 (exec: 126) otherwise."""
    reason, code, hint = _reason(plain(text), command)
    prefix = _EXEC if is_exec else _CREATE.format(runtime=runtime) + (_INIT if reason.startswith("exec: ") else "")
    return StartFailed(prefix + reason, exit_code=code or (126 if is_exec else 125), hint=hint)


def _reason(detail: str, command: str) -> tuple[str, int, str]:
    lowered = detail.lower()
    if not command and ("permission" in lowered or "exec" in lowered):
        return 'exec: "": executable file not found in $PATH', 127, ""
    if "executable file" in lowered and "not found" in lowered:
        hint = "is the command in the image? `sampan run --rm -it IMAGE sh` lets you look"
        if "/" in command:
            return f'exec: "{command}": stat {command}: no such file or directory', 127, hint
        return f'exec: "{command}": executable file not found in $PATH', 127, hint
    if "open executable" in lowered or "exec: " in lowered:
        if "permission denied" in lowered:
            return f'exec: "{command}": permission denied', 126, "is it executable for this user? chmod +x"
        if "operation not permitted" in lowered or "is a directory" in lowered:
            return f'exec: "{command}": is a directory: permission denied', 126, ""
    if "the path " in lowered:  # newer versions of crun look before they start
        if "is not executable" in lowered:
            return f'exec: "{command}": permission denied', 126, "is it executable for this user? chmod +x"
        if "is not a regular file" in lowered:
            return f'exec: "{command}": is a directory: permission denied', 126, ""
    if "exec format error" in lowered:
        return (
            f'exec: "{command}": exec format error',
            126,
            "is it for this machine's architecture? a script needs #!",
        )
    if "chdir" in lowered and "no such file" in lowered:
        return detail, 127, "the working directory is not there"
    if "setrlimit" in lowered:
        return detail, 0, "a container has at most the limits that sampan itself has: see `ulimit -H`"
    if "no such file or directory" in lowered:
        return detail, 127, ""
    if "permission denied" in lowered:
        return detail, 126, ""
    return detail, 0, ""


def plain(text: str) -> str:
    """The text without the runtime's time stamps, levels and quoting of messages."""
    quoted = re.findall(r'msg="((?:[^"\\]|\\.)*)"', text)
    if quoted:
        return str(quoted[-1]).replace('\\"', '"')
    lines = [line for line in text.strip().splitlines() if line]
    detail = lines[-1] if lines else "no reason given"
    return re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+Z: ", "", detail)
