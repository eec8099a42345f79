"""A command in a real terminal, driven as a person would: press keys, wait for text, look at the exit code."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from types import TracebackType


class NotShown(AssertionError):
    """The terminal did not show the text that was waited for."""


class Terminal:
    """A command whose three streams are a terminal of 24 rows and 80 columns, which is also its controlling one."""

    def __init__(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        self.shown = ""
        self._descriptor, inner = pty.openpty()
        self.resize(24, 80)
        self.process = subprocess.Popen(
            command,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm", **(env or {})},
        )
        os.close(inner)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size; the command's foreground process group gets SIGWINCH."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, text: str) -> None:
        """Send keys: `\\r` is Enter, `\\x03` Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def expect(self, text: str, timeout_seconds: float = 30) -> str:
        """Wait until `text` is shown and return what came up to its end. Raises NotShown.

        What was returned is not looked at again: the next call looks after it.
        """
        until = time.monotonic() + timeout_seconds
        while text not in self.shown:
            if not self._read(until - time.monotonic()):
                raise NotShown(f"{text!r} was not shown, but {self.shown!r}")
        head, _, self.shown = self.shown.partition(text)
        return head + text

    def wait(self, timeout_seconds: float = 30) -> int:
        """Wait for the command's end; its exit code."""
        until = time.monotonic() + timeout_seconds
        while self._read(until - time.monotonic()):
            continue
        return self.process.wait(max(0.1, until - time.monotonic()))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._descriptor)

    def _read(self, seconds: float) -> bool:
        """Take in what comes within `seconds`; False when nothing came or the terminal was closed inside."""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # EIO: nobody has the inner side open
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
