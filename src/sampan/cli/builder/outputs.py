"""`--output`, `--push` and `--load` of `sampan build`."""

import os
import sys

from sampan.builder.outputs.wanted import Output
from sampan.cli.errors import ClientError
from sampan.cli.flags import Parsed
from sampan.oci import reference

_KINDS = ("local", "tar", "oci", "docker", "image", "registry", "cacheonly")
_HONOURED = ("type", "dest", "name", "push", "tar", "compression", "rewrite-timestamp")
_WITHOUT_EFFECT = (
    "buildinfo", "compression-level", "force-compression", "name-canonical", "oci-mediatypes", "store", "unpack",
)  # fmt: skip
_REFUSED = (
    "context", "dangling-name-prefix", "platform-split", "push-by-digest", "registry.insecure",
)  # fmt: skip


def outputs_of(parsed: Parsed) -> tuple[Output, ...]:
    """Where the result goes; () is this store alone. Raises ClientError in buildx's words."""
    found = [_output(text) for text in parsed.strings("output")]
    if parsed.boolean("push"):
        found = [one._replace(pushes=True) if one.kind in ("image", "registry") else one for one in found]
        if not any(one.pushes for one in found):
            found.append(Output("image", pushes=True))
    if parsed.boolean("load") and found and not any(one.goes_to_store for one in found):
        found.append(Output("docker"))
    if sum(one.dest == "-" for one in found) > 1:
        raise _mistake("multiple outputs to stdout", "only one -o can be -")
    if any(one.dest == "-" for one in found) and sys.stdout.isatty():
        raise _mistake(
            f"dest file is required for {found[0].kind} exporter. refusing to write to console", "add dest=FILE"
        )
    if any(one.pushes and not one.names for one in found) and not parsed.strings("tag"):
        raise _mistake("tag is needed when pushing to registry", "name the image: -t REGISTRY/NAME:TAG")
    return tuple(found)


def _output(text: str) -> Output:
    """One -o: FOLDER, -, or fields apart by commas."""
    if "=" not in text:
        return Output("tar", "-") if text == "-" else Output("local", text)
    fields = _fields(text)
    kind = fields.get("type", "")
    if not kind:
        raise _mistake("type is required for output", "as in -o type=local,dest=out")
    if kind not in _KINDS:
        raise _mistake(f'failed to solve: exporter "{kind}" could not be found', "known are " + ", ".join(_KINDS))
    dest = fields.get("dest", "")
    if kind == "local" and not dest:
        raise _mistake("dest is required for local exporter", "as in -o type=local,dest=out")
    is_folder = fields.get("tar", "true").lower() == "false"
    if kind in ("tar", "oci") and not dest:
        dest = "-"
    if is_folder and (kind not in ("oci", "docker") or dest in ("", "-")):
        raise _mistake("tar=false needs a folder: dest=FOLDER", "it is for type=oci and type=docker")
    if kind in ("tar", "oci", "docker") and not is_folder and dest not in ("", "-") and os.path.isdir(dest):
        raise _mistake(f"destination file is a directory: {dest}", "dest=FILE names a file")
    if dest and fields.get("compression", "uncompressed") != "uncompressed":
        raise _mistake("archives hold layers uncompressed", "leave compression out, or push: pushes use gzip")
    names = tuple(reference.parse(name).normalised() for name in fields.get("name", "").split(",") if name)
    pushes = kind == "registry" or fields.get("push", "false").lower() == "true"
    clamps_times = fields.get("rewrite-timestamp", "false").lower() == "true"
    return Output(kind, dest, names, is_folder, pushes, clamps_times)


def _fields(text: str) -> dict[str, str]:
    """Fields of one CSV record; those in quotes may hold commas."""
    import csv

    fields = {}
    for field in next(csv.reader([text])):
        name, equals, value = field.partition("=")
        name = name.strip().lower()
        if not equals:
            raise _mistake(f"invalid value {field}", "as in -o type=local,dest=out")
        if name in _REFUSED and value not in ("", "false"):
            raise _mistake(f"{name} in --output is not supported by this version of sampan", "leave it out")
        if name not in (*_HONOURED, *_WITHOUT_EFFECT, *_REFUSED):
            raise _mistake(f"unknown field {name} in --output {text}", "known are " + ", ".join(_HONOURED))
        if name == "compression" and value not in ("gzip", "uncompressed"):
            raise _mistake(f"compression {value} is not supported", "archives hold layers as they are; pushes use gzip")
        fields[name] = value
    return fields


def _mistake(message: str, hint: str) -> ClientError:
    return ClientError(f"ERROR: failed to build: {message}", hint=hint)
