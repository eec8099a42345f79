"""Seccomp: the default profile resolved for one container, and its compiled filter kept for the next.

Compiling the filter is the largest single cost of a start (libseccomp needs 15 ms). crun leaves the filter that it made
in its state folder; it is copied into a cache and handed back to crun by an annotation the next time.
"""

import binascii
import json
import os
from typing import Any

from sampan.errors import InvalidArgument, NotFound, Unsupported
from sampan.oci.hashing import sha256
from sampan.runtime.probe import Program
from sampan.storage.paths import Paths

Json = dict[str, Any]
ANNOTATION = "run.oci.seccomp_bpf_data"
PROFILE_PATHS = ("/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json")
# What crun is given beside the annotation: a document must be there for the annotation to be looked at.
_STRICTNESS = "docker 1"  # changes when `strictness` does: kept filters are then made anew
PLACEHOLDER: Json = {"defaultAction": "SCMP_ACT_ERRNO"}
_ARCHES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def default_profile() -> bytes:
    """The profile as the distribution packages it. Raises Unsupported where there is none: sampan starts nothing
    unconfined by itself."""
    for path in PROFILE_PATHS:
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise Unsupported(
        "no default seccomp profile on this host",
        hint="apt-get install golang-github-containers-common, or run with --security-opt seccomp=unconfined",
    )


def read_profile(path: str) -> bytes:
    """A profile given by --security-opt seccomp=PATH. Raises NotFound in Docker's words."""
    try:
        with open(path, "rb") as file:
            return file.read(4 << 20)
    except OSError as error:
        raise NotFound(
            f"opening seccomp profile ({path}) failed: open {path}: {(error.strerror or '').lower()}"
        ) from error


def resolve(
    profile: bytes, capabilities: tuple[str, ...], machine: str, kernel: str, *, is_default: bool = False
) -> Json:
    """The OCI `linux.seccomp` document of a profile for a container with `capabilities`. Pure.

    A rule is kept when what it `includes` holds and what it `excludes` does not: capabilities, architectures, minimal
    kernel. `machine` and `kernel` are uname's. The default profile is tightened to what Docker's allows. Raises
    InvalidArgument when the profile is not one.
    """
    try:
        document = json.loads(profile)
        rules = [
            _rule(rule)
            for rule in document.get("syscalls") or []
            if _applies(rule, frozenset(capabilities), _ARCHES.get(machine, machine), kernel)
        ]
        if is_default:
            from sampan.runtime.strictness import tightened

            rules = tightened(rules, frozenset(capabilities))
        resolved: Json = {"defaultAction": document["defaultAction"], "syscalls": rules}
        if "defaultErrnoRet" in document:
            resolved["defaultErrnoRet"] = document["defaultErrnoRet"]
        resolved["architectures"] = _architectures(document, machine)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(f"decoding seccomp profile failed: {error}") from error
    return resolved


def _architectures(document: Json, machine: str) -> list[str]:
    if "architectures" in document:
        return list(document["architectures"])
    native = "SCMP_ARCH_" + machine.upper()
    for entry in document.get("archMap") or []:
        if entry["architecture"] == native:
            return [native, *(entry.get("subArchitectures") or [])]
    return [native]


def _rule(rule: Json) -> Json:
    kept: Json = {"names": rule.get("names") or [rule["name"]], "action": rule["action"]}
    if rule.get("args"):
        kept["args"] = rule["args"]
    if "errnoRet" in rule:
        kept["errnoRet"] = rule["errnoRet"]
    return kept


def _applies(rule: Json, capabilities: frozenset[str], architecture: str, kernel: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if "arches" in includes and architecture not in includes["arches"]:
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    if "minKernel" in includes and _version(kernel) < _version(includes["minKernel"]):
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    if capabilities.intersection(excludes.get("caps") or ()):
        return False
    return not ("minKernel" in excludes and _version(kernel) >= _version(excludes["minKernel"]))


def _version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    minor = ""
    for character in rest:
        if not character.isdigit():
            break
        minor += character
    return int(major), int(minor or 0)


class Filter:
    """What a container's seccomp becomes for one runtime: a document, an annotation, and where to keep the result.

    `key` covers profile, capabilities, kernel and the runtime's binary, so a changed one compiles anew.
    """

    __slots__ = ("annotations", "cached", "document", "path")

    def __init__(
        self, paths: Paths, runtime: Program, capabilities: tuple[str, ...], profile: bytes | None = None
    ) -> None:
        """`profile` None means the default one. Raises Unsupported, InvalidArgument."""
        is_default = profile is None
        if profile is None:
            profile = default_profile()
        uname = os.uname()
        identity = [
            sha256(profile).hexdigest(),
            _STRICTNESS if is_default else "",
            *capabilities,
            uname.machine,
            uname.release,
            uname.version,
            runtime.stamp,
            _library_stamp(),
        ]
        key = sha256("\0".join(identity).encode()).hexdigest()[:32]
        self.path = f"{paths.run}/seccomp/{key}" if runtime.is_crun else ""
        self.annotations: dict[str, str] = {}
        self.cached = False
        try:
            with open(self.path, "rb") as file:
                self.annotations[ANNOTATION] = binascii.b2a_base64(file.read(), newline=False).decode()
            self.document: Json = PLACEHOLDER
            self.cached = True
        except FileNotFoundError:
            self.document = resolve(profile, capabilities, uname.machine, uname.release, is_default=is_default)

    def keep(self, state_folder: str) -> None:
        """Copy the filter that crun compiled for the container whose state is in `state_folder` into the cache."""
        if self.cached or not self.path:
            return
        try:
            with open(state_folder + "/seccomp.bpf", "rb") as file:
                compiled = file.read()
        except FileNotFoundError:
            return
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        temporary = f"{self.path}.{os.urandom(4).hex()}"  # threads of one process may compile it at once
        with open(temporary, "wb") as file:
            file.write(compiled)
        os.rename(temporary, self.path)


def _library_stamp() -> str:
    """Identifies the installed libseccomp: its file's name carries the version, its time an update."""
    for folder in (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib"):
        try:
            link = os.stat(f"{folder}/libseccomp.so.2")
            return f"{link.st_mtime_ns}:{link.st_size}"
        except FileNotFoundError:
            continue
    return ""


class NoFilter:
    """An unconfined container's filter: there is nothing to keep."""

    __slots__ = ()

    def keep(self, state_folder: str) -> None:
        return
