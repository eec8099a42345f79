"""Where a container's output goes (`--log-driver`, `--log-opt`), and what of it is refused. Pure but for `check`.

json-file and local are files of the monitor's, journald is the monitor's too, none is nothing.
"""

import os
import re
from collections.abc import Mapping

from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, NotFound, Unavailable, Unsupported
from sampan.values import NamedTuple

_JOURNAL_SOCKET = "/run/systemd/journal/socket"
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_MODE = ("mode", "max-buffer-size")
_FILES = ("max-size", "max-file", "compress")
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "json-file": (*_FILES, *_ATTRIBUTES, *_MODE),
    "local": (*_FILES, *_MODE),
    "journald": (*_ATTRIBUTES, *_MODE),
    "none": (),
}
_ELSEWHERE = ("awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "splunk", "syslog")
_SIZE = r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP])?[iI]?[bB]?"
_UNITS = "kmgtp"
_NOT_INITIALIZED = "failed to create task for container: failed to initialize logging driver: "
_FIELDS = (
    "ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName", "Command", "Hostname",
)  # fmt: skip


class Files(NamedTuple):
    """A log in files: at most `limit` of about `size_bytes` each, 0 = of any size. `compress` all but the last."""

    size_bytes: int
    limit: int
    compress: bool = False

    @property
    def is_rotated(self) -> bool:
        """Whether somebody has to put full files aside. A single file is begun anew by the monitor itself."""
        return self.size_bytes > 0 and self.limit > 1


def check(options: RunOptions) -> None:
    """Raises NotFound, Unavailable, Unsupported or InvalidArgument in Docker's words."""
    driver, given = options.log_driver or "json-file", options.log_options
    if driver in _ELSEWHERE:
        raise Unsupported(
            f"the log driver {driver} is not supported by this version of sampan",
            hint="json-file, local, journald or none",
        )
    if driver not in _KNOWN:
        raise NotFound(
            f'error looking up logging plugin {driver}: plugin "{driver}" not found',
            hint="json-file, local, journald or none",
        )
    for name in given:
        if name not in _KNOWN[driver]:
            known = f"known: {', '.join(_KNOWN[driver])}" if _KNOWN[driver] else ""
            raise InvalidArgument(f"unknown log opt '{name}' for {_called(driver)}", hint=known)
    _check_mode(given)
    files(options)
    _check_attributes(given)
    if driver == "journald" and not os.path.exists(_JOURNAL_SOCKET):
        raise Unavailable(_NOT_INITIALIZED + "journald is not enabled on this host", hint="json-file, local or none")


def _check_mode(given: Mapping[str, str]) -> None:
    mode = given.get("mode", "blocking")
    if mode not in ("", "blocking", "non-blocking"):
        raise InvalidArgument(f"logger: logging mode not supported: {mode}", hint="mode=blocking")
    if mode == "non-blocking":
        raise Unsupported(
            "the log option mode=non-blocking is not supported: output is never dropped",
            hint="leave it out; with --log-driver none a container never waits for its log",
        )
    if "max-buffer-size" in given:
        raise InvalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'")


def _check_attributes(given: Mapping[str, str]) -> None:
    for name in ("labels-regex", "env-regex"):
        try:
            re.compile(given.get(name, ""))
        except re.error as error:
            raise InvalidArgument(f"{_NOT_INITIALIZED}error parsing regexp: {error}: `{given[name]}`") from error
    expand_tag(given.get("tag", ""), dict.fromkeys(_FIELDS, ""))


def files(options: RunOptions) -> Files:
    """How a log in files is divided. Raises InvalidArgument, Unsupported."""
    given = options.log_options
    is_local = options.log_driver == "local"
    count = _count(given.get("max-file", "5" if is_local else "1"))
    size = _size(given.get("max-size", "20m" if is_local else "-1"), is_local)
    wanted = Files(size, count)
    return wanted._replace(compress=_compress(given.get("compress", ""), wanted, is_local))


def _compress(text: str, wanted: Files, is_local: bool) -> bool:
    if not text:
        return is_local and wanted.is_rotated
    if text.lower() not in ("1", "t", "true", "0", "f", "false"):
        raise InvalidArgument(f'{_NOT_INITIALIZED}strconv.ParseBool: parsing "{text}": invalid syntax')
    if text.lower() in ("0", "f", "false"):
        return False
    if not wanted.is_rotated:
        raise InvalidArgument(
            f"{_NOT_INITIALIZED}compress cannot be true when max-file is less than 2 or max-size is not set",
            hint="for example max-size=10m and max-file=3",
        )
    return True


def _count(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise InvalidArgument(
            f'{_NOT_INITIALIZED}strconv.Atoi: parsing "{text}": invalid syntax', hint="for example max-file=3"
        )
    if int(text) < 1:
        raise InvalidArgument(f"{_NOT_INITIALIZED}max-file cannot be less than 1", hint="for example max-file=3")
    return int(text)


def _size(text: str, is_local: bool) -> int:
    if text == "-1":
        return 0
    match = re.fullmatch(_SIZE, text)
    if match is None:
        raise InvalidArgument(f"{_NOT_INITIALIZED}invalid size: '{text}'", hint="for example max-size=10m")
    power = _UNITS.index(match[2].lower()) + 1 if match[2] else 0
    size = int(float(match[1]) * 1000**power)
    if size == 0 and not is_local:
        raise InvalidArgument(f"{_NOT_INITIALIZED}max-size must be a positive number", hint="for example max-size=10m")
    return size


def monitor_log(options: RunOptions, folder: str) -> tuple[str, int]:
    """(what the monitor is to write, the bytes at which it begins its file anew or 0)."""
    if options.log_driver in ("none", "journald"):
        return options.log_driver, 0
    wanted = files(options)
    return f"k8s-file:{folder}/log", 0 if wanted.is_rotated else wanted.size_bytes


def expand_tag(tag: str, facts: Mapping[str, str]) -> str:
    """`--log-opt tag` with {{.Name}} and its like filled in. Raises InvalidArgument in the words of Go's template."""

    def field(match: re.Match[str]) -> str:
        name = match[1].strip()
        if not name.startswith(".") or name[1:] not in facts:
            raise InvalidArgument(
                f'{_NOT_INITIALIZED}template: log-tag:1:{match.start() + 2}: executing "log-tag" at <{name}>:'
                f" can't evaluate field {name.removeprefix('.')} in type *logger.Info",
                hint="{{.ID}}, {{.Name}}, " + ", ".join(_FIELDS),
            )
        return facts[name[1:]]

    expanded = re.sub(r"\{\{(.*?)\}\}", field, tag)
    if "{{" in re.sub(r"\{\{(.*?)\}\}", "", tag):
        raise InvalidArgument(f"{_NOT_INITIALIZED}template: log-tag:1: unclosed action")
    return expanded


def _called(driver: str) -> str:
    """Docker's drivers put these words in two orders."""
    return "log driver local" if driver == "local" else f"{driver} log driver"
