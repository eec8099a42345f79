"""Whether a command can start in a root: the file, its script interpreter, its machine, its loader, its libraries.

Everything is looked at by descriptor in the container's root; nothing of it is executed.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from sampan.containers import elf
from sampan.linux import files
from sampan.runtime.defaults import DEFAULT_PATH
from sampan.values import NamedTuple

_HEAD_BYTES = 256  # the kernel reads that much of a script's first line
_SCRIPTS = 4  # interpreters of interpreters that the kernel follows
_LIBRARIES = 200
_CONFIGURATION_BYTES = 1 << 16
_CONFIGURATIONS = 64
_LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib32", "/usr/lib32")
_TRIPLES = {
    "amd64": "x86_64-linux-gnu",
    "386": "i386-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "arm": "arm-linux-gnueabihf",
    "riscv64": "riscv64-linux-gnu",
    "ppc64le": "powerpc64le-linux-gnu",
    "s390x": "s390x-linux-gnu",
    "loong64": "loongarch64-linux-gnu",
}
# A kernel of the first runs programs of the others too.
_ALSO_RUNS = {"amd64": ("386", "x32"), "arm64": ("arm",), "s390x": (), "ppc64le": ()}


class Trouble(NamedTuple):
    """Why a command cannot start. `kind`: not-found, is-directory, not-executable, no-interpreter, carriage-return,
    wrong-architecture, no-loader, missing-library, not-a-program, unreadable. `path` is the file concerned, `detail`
    what it lacks or is."""

    kind: str
    path: str
    detail: str = ""


def examine(root: int, command: str, env: Sequence[str], cwd: str, machine: str) -> Trouble | None:
    """Why `command` cannot start in `root` (a descriptor) on a host of architecture `machine`; None when it can."""
    variables = dict(entry.partition("=")[::2] for entry in env)
    return _Examination(root, variables, cwd or "/", machine).command(command)


class _Examination:
    __slots__ = ("_cwd", "_env", "_machine", "_root")

    def __init__(self, root: int, env: dict[str, str], cwd: str, machine: str) -> None:
        self._root = root
        self._env = env
        self._cwd = cwd
        self._machine = machine

    def command(self, word: str) -> Trouble | None:
        if not word:
            return Trouble("not-found", word)
        path = self._found(word)
        return Trouble("not-found", word) if path is None else self._file(path, word, 0)

    def _found(self, word: str) -> str | None:
        """The path that a word leads to: with a slash itself, else the first executable in $PATH, else any there."""
        if "/" in word:
            path = word if word.startswith("/") else f"{self._cwd}/{word}"
            return path if self._mode(path) else None
        paths = [f"{folder or self._cwd}/{word}" for folder in self._env.get("PATH", DEFAULT_PATH).split(":")]
        there = [path for path in paths if stat.S_ISREG(self._mode(path))]
        return next((path for path in there if self._mode(path) & 0o111), there[0] if there else None)

    def _mode(self, path: str) -> int:
        """0 for what is not there."""
        try:
            found = files.open_in_root(self._root, path, os.O_PATH)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG):
                return 0
            raise
        try:
            return os.fstat(found).st_mode
        finally:
            os.close(found)

    def _file(self, path: str, word: str, depth: int) -> Trouble | None:
        mode = self._mode(path)
        if stat.S_ISDIR(mode):
            return Trouble("is-directory", path)
        if not mode & 0o111:
            return Trouble("not-executable", path, f"{stat.S_IMODE(mode):04o}")
        try:
            descriptor = files.open_regular(self._root, path)
        except OSError as error:
            return Trouble("unreadable", path, (error.strerror or "").lower())
        try:
            head = os.pread(descriptor, _HEAD_BYTES, 0)
            if head.startswith(b"#!"):
                return self._script(path, head, depth)
            if head.startswith(elf.MAGIC):
                return self._program(path, descriptor)
        finally:
            os.close(descriptor)
        return Trouble("not-a-program", path, "empty" if not head else "")

    def _script(self, path: str, head: bytes, depth: int) -> Trouble | None:
        line = head[2:].partition(b"\n")[0]
        words = line.decode(errors="replace").rstrip("\r").split()
        interpreter = words[0] if words else ""
        if line.endswith(b"\r"):
            return Trouble("carriage-return", path, interpreter)
        if not interpreter or not self._mode(interpreter):
            return Trouble("no-interpreter", path, interpreter)
        if depth >= _SCRIPTS:
            return Trouble("no-interpreter", path, interpreter)
        if os.path.basename(interpreter) == "env":
            name = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
            if name and self._found(name) is None:
                return Trouble("no-interpreter", path, name)
        return self._file(interpreter, interpreter, depth + 1)

    def _program(self, path: str, descriptor: int) -> Trouble | None:
        try:
            headers = _headers(descriptor)
        except elf.BadElf as error:
            return Trouble("not-a-program", path, str(error))
        if not _runs(self._machine, headers.architecture):
            return Trouble("wrong-architecture", path, headers.architecture or f"machine {headers.machine}")
        if headers.interpreter and not self._mode(headers.interpreter):
            return Trouble("no-loader", path, headers.interpreter)
        if not headers.interpreter:
            return None
        missing = self._missing_library(path, headers)
        return Trouble("missing-library", path, missing) if missing else None

    def _missing_library(self, path: str, program: elf.Elf) -> str:
        """The first library that the loader would not find, "" when it finds all."""
        common = [*self._common_folders(program)]
        pending = [(name, program, path) for name in program.needed]
        seen: set[str] = set()
        while pending and len(seen) < _LIBRARIES:
            name, wanting, place = pending.pop(0)
            if name in seen:
                continue
            seen.add(name)
            own = [_expanded(folder, place) for folder in (*wanting.search, *program.search)]
            found = self._library(name, [*own, *common], program)
            if found is None:
                return name
            if found[1] is not None:
                pending += [(needed, found[1], found[0]) for needed in found[1].needed]
        return ""

    def _library(self, name: str, folders: list[str], program: elf.Elf) -> tuple[str, elf.Elf | None] | None:
        places = [name if name.startswith("/") else f"{self._cwd}/{name}"] if "/" in name else []
        for path in places or [f"{folder}/{name}" for folder in folders]:
            if path == program.interpreter:
                return path, None
            try:
                descriptor = files.open_regular(self._root, path)
            except OSError:
                continue  # not here: the loader too goes on to the next folder
            try:
                headers = _headers(descriptor)
            except elf.BadElf:
                return path, None
            finally:
                os.close(descriptor)
            if (headers.machine, headers.bits) == (program.machine, program.bits):
                return path, headers
        # musl is its own loader: libc.musl-x86_64.so.1 and libc.so are links to it, or names that it answers itself.
        if "musl" in program.interpreter and name.startswith(("libc.", "ld-musl")):
            return program.interpreter, None
        return None

    def _common_folders(self, program: elf.Elf) -> Iterator[str]:
        yield from filter(None, self._env.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":"))
        triple = _TRIPLES.get(program.architecture, "")
        if triple:
            yield from (f"/lib/{triple}", f"/usr/lib/{triple}", f"/usr/local/lib/{triple}")
        yield os.path.dirname(program.interpreter)
        yield from self._configured()
        yield from _LIBRARY_FOLDERS

    def _configured(self) -> Iterator[str]:
        """Folders that /etc/ld.so.conf and its parts name."""
        texts = [self._small_text("/etc/ld.so.conf")]
        try:
            folder = files.open_in_root(self._root, "/etc/ld.so.conf.d", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            folder = -1  # a distribution without it
        if folder >= 0:
            try:
                names = sorted(os.listdir(folder))[:_CONFIGURATIONS]
            finally:
                os.close(folder)
            texts += [self._small_text(f"/etc/ld.so.conf.d/{name}") for name in names]
        for line in "\n".join(texts).splitlines():
            if line.startswith("/"):
                yield line.strip()

    def _small_text(self, path: str) -> str:
        try:
            descriptor = files.open_regular(self._root, path)
        except OSError:
            return ""
        try:
            return os.read(descriptor, _CONFIGURATION_BYTES).decode(errors="replace")
        finally:
            os.close(descriptor)


def _headers(descriptor: int) -> elf.Elf:
    size = os.fstat(descriptor).st_size

    def read_at(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset) if offset < size else b""

    return elf.read(read_at)


def _expanded(folder: str, path: str) -> str:
    here = os.path.dirname(path)
    return folder.replace("${ORIGIN}", here).replace("$ORIGIN", here)


def _runs(machine: str, architecture: str) -> bool:
    return machine not in elf.ARCHITECTURES or architecture == machine or architecture in _ALSO_RUNS.get(machine, ())
