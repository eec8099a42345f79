"""A question to another program: text in, text out, within a time."""

from collections.abc import Sequence

from sampan.errors import Unavailable


def ask(command: Sequence[str], text: str, *, timeout_seconds: float = 60) -> tuple[int, str]:
    """Run a program to its end with `text` on its standard input: (exit code, standard output).

    Its standard error is ours, so that it may ask the person. Raises FileNotFoundError when there is no such program,
    Unavailable when it does not end in time; it is then killed.
    """
    import subprocess

    try:
        done = subprocess.run(
            list(command),
            input=text,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not answer within {timeout_seconds:.0f} s") from None
    return done.returncode, done.stdout
