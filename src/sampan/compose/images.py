"""Which images the services of Compose files need: those they name, and those that they are built from."""

import os
from collections.abc import Mapping, Sequence

from sampan.builder.options import BuildOptions
from sampan.compose import services
from sampan.compose.document import Node
from sampan.compose.services import Project
from sampan.engine import locking
from sampan.oci import reference

_IMAGE_CONTEXT = "docker-image://"
_DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")


def is_compose(path: str) -> bool:
    """Whether a file is called as Compose files are."""
    return path.endswith((".yaml", ".yml", ".json"))


def of_folder(folder: str) -> list[str]:
    """The Compose file of a folder and the one that overrides it, as far as they are there."""
    for name in _DEFAULTS:
        stem, extension = os.path.splitext(name)
        if os.path.isfile(os.path.join(folder, name)):
            both = (os.path.join(folder, item) for item in (name, f"{stem}.override{extension}"))
            return [path for path in both if os.path.isfile(path)]
    return []


def names_in(files: Sequence[str], environment: Mapping[str, str], build_args: Mapping[str, str]) -> tuple[str, ...]:
    """The images of all services, of every profile, normalised and sorted; `build_args` go before those of the files.

    An image that one of the services builds is none. Raises Mistake with file, line and keys, NotFound, ParseError of
    a Dockerfile.
    """
    project = services.load(files, environment)
    found: set[str] = set()
    built: set[str] = set()
    for name, service in project.services.items():
        path = f"services.{name}"
        image = _name(project, service["image"], f"{path}.image") if "image" in service else ""
        if "build" in service:
            built.add(image)
            found |= _of_build(project, service["build"], f"{path}.build", build_args)
        elif image:
            found.add(image)
        elif "provider" not in service:
            raise _nothing(files, project, name)
        found |= _mounted(project, service, path)
    return tuple(sorted(found - built))


def _nothing(files: Sequence[str], project: Project, name: str) -> Exception:
    first = next(iter(project.services[name].values()), Node(None, files[0], 1, 1))
    return first.mistake("has neither an image nor a build context specified", path=f"services.{name}")


def _name(project: Project, node: Node, path: str) -> str:
    from sampan.errors import InvalidArgument

    try:
        return reference.parse(project.text(node, path)).normalised()
    except InvalidArgument as error:
        if error.message.startswith(f"{node.name}:"):
            raise
        raise node.mistake(error.message, path=path, hint=error.hint) from error


def _mounted(project: Project, service: Mapping[str, Node], path: str) -> set[str]:
    """Images that are mounted as volumes."""
    found = set()
    volumes = service["volumes"].sequence(f"{path}.volumes") if "volumes" in service else ()
    for position, node in enumerate(volumes):
        fields = node.value if isinstance(node.value, Mapping) else {}
        if "source" in fields and fields.get("type", node).value == "image":
            found.add(_name(project, fields["source"], f"{path}.volumes[{position}].source"))
    return found


def _of_build(project: Project, node: Node, path: str, build_args: Mapping[str, str]) -> set[str]:
    build = services.entries(node, "build")

    def text(key: str, default: str) -> str:
        return project.text(build[key], f"{path}.{key}") if key in build else default

    context = text("context", ".")
    if "://" in context or context.startswith("git@"):
        raise build["context"].mistake(
            "a context elsewhere cannot be locked", path=f"{path}.context", hint="fetch it into a folder"
        )
    folder = os.path.join(project.folder, context)
    options = BuildOptions(context=folder, dockerfile=os.path.join(folder, text("dockerfile", "Dockerfile")))
    if "dockerfile_inline" in build:
        if "dockerfile" in build:
            raise build["dockerfile_inline"].mistake("stands beside dockerfile", path=f"{path}.dockerfile_inline")
        options = BuildOptions(context=folder, dockerfile_text=text("dockerfile_inline", ""))
    arguments = {**_arguments(project, build, f"{path}.args"), **build_args}
    named = {locking.normalised(found): found for found in locking.images_of(options, arguments)}
    for name, value in _contexts(project, build, f"{path}.additional_contexts").items():
        named = {full: written for full, written in named.items() if written != name}
        if value.value is not None and isinstance(value.value, str) and value.value.startswith(_IMAGE_CONTEXT):
            image = value._replace(value=value.value.removeprefix(_IMAGE_CONTEXT))
            named[_name(project, image, f"{path}.additional_contexts.{name}")] = ""
    return set(named)


def _contexts(project: Project, build: Mapping[str, Node], path: str) -> Mapping[str, Node]:
    if "additional_contexts" not in build:
        return {}
    found = services.entries(build["additional_contexts"], "additional_contexts")
    return {name: node._replace(value=project.text(node, f"{path}.{name}")) for name, node in found.items()}


def _arguments(project: Project, build: Mapping[str, Node], path: str) -> dict[str, str]:
    """Build arguments; one without a value takes the variable's, and is none where that is not set."""
    if "args" not in build:
        return {}
    found = {}
    for name, node in services.entries(build["args"], "args").items():
        value = project.environment.get(name) if node.value is None else project.text(node, f"{path}.{name}")
        if value is not None:
            found[name] = value
    return found
