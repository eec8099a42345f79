"""An image with Debian's Python, pip and a wheel of 10,000 modules: for a RUN that installs as people's do."""

import os
import shutil
import subprocess
import tarfile
import zipfile

from bench.engines import CommandFailed
from bench.stopwatch import Stopwatch
from sampan.testing import busybox

_MODULES = 10_000
_LIBRARY = "/usr/lib/python3.11"
_WHEELS = "/usr/share/python-wheels"
_WHEEL = "many-1.0-py3-none-any.whl"
INSTALL = (
    f"PYTHONPATH=$(echo {_WHEELS}/pip-*.whl) /usr/bin/python3.11 -m pip install"
    f" --no-index --no-cache-dir --disable-pip-version-check --root-user-action=ignore --target /site /{_WHEEL}"
)


def archive(place: str) -> str:
    """The image's root file system as a tar, made once below `place`."""
    path = place + "/python.tar"
    if os.path.exists(path):
        return path
    root = place + "/python"
    os.makedirs(root)
    with open(root + ".base", "wb") as file:
        file.write(busybox.rootfs())
    subprocess.run(["tar", "-xf", root + ".base", "-C", root], check=True)
    shutil.copytree(_LIBRARY, root + _LIBRARY, symlinks=True, ignore=shutil.ignore_patterns("test", "__pycache__"))
    shutil.copytree(_WHEELS, root + _WHEELS)
    for source in ("/usr/bin/python3.11", *_libraries("/usr/bin/python3.11")):
        os.makedirs(root + os.path.dirname(source), exist_ok=True)
        shutil.copy2(source, root + source)
    _write_wheel(f"{root}/{_WHEEL}")
    os.makedirs(root + "/tmp", exist_ok=True)
    with tarfile.open(path + ".part", "w") as file:
        file.add(root, ".")
    os.rename(path + ".part", path)
    return path


def _libraries(program: str) -> list[str]:
    """What it is linked with, and what its modules most often are."""
    modules = [f"{_LIBRARY}/lib-dynload/{name}" for name in os.listdir(f"{_LIBRARY}/lib-dynload")]
    said = subprocess.run(["ldd", program, *modules], capture_output=True, text=True, check=True).stdout
    return sorted({word for word in said.split() if word.startswith("/lib") and not word.endswith(":")})


def _write_wheel(path: str) -> None:
    names = [f"many/part{number % 100}/module{number}.py" for number in range(_MODULES)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for number, name in enumerate(names):
            functions = (f"def f{one}(a, b={number}):\n    return [a, b, {one}]\n" for one in range(40))
            wheel.writestr(name, "".join(functions))
        info = "many-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: many\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        record = [*names, f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in record))


def installed_bare(place: str, number: int) -> float:
    """Seconds of INSTALL in a fresh copy of the root file system, with no engine around it. Raises CommandFailed."""
    root = f"{place}/bare/{number}"
    shutil.copytree(place + "/python", root, symlinks=True)
    os.sync()
    stopwatch = Stopwatch()
    try:
        timing = stopwatch.run(["chroot", root, "/bin/sh", "-c", INSTALL])
    finally:
        stopwatch.close()
    if any(timing.codes):
        raise CommandFailed(f"chroot: {timing.output}")
    return timing.seconds
