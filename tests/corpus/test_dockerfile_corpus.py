"""What Docker 28.5 answers to Dockerfiles and .dockerignore files, recorded from `docker buildx build --check`.

Each corpus is a file of JSON lines beside this one. `lines` is empty where Docker marks none, or the line before.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.builder.plan.state import absolute
from sampan.dockerfile import ignore, mounts, ports, words
from sampan.dockerfile.errors import ParseError, excerpt
from sampan.dockerfile.instructions import Arg, Env, Expose, Label, Run, Volume
from sampan.dockerfile.parser import parse
from sampan.dockerfile.stages import resolve
from sampan.errors import InvalidArgument

HERE = Path(__file__).parent


def cases(name: str) -> list[Any]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def fault(text: str) -> tuple[str, list[int]]:
    """The first error of a Dockerfile and its lines, as far as it can be known without images and a context."""
    try:
        dockerfile = parse(text)
        for stage in dockerfile.stages:  # --check looks at every stage, not only at those that the last one needs
            resolve(dockerfile, str(stage.index), expand=lambda word: words.expand(word, {}.get, dockerfile.escape))
    except ParseError as error:
        return error.message, list(range(error.line, error.last + 1)) if error.line else []
    for stage in dockerfile.stages:
        values: dict[str, str] = {}
        for instruction in stage.instructions:
            try:
                evaluate(instruction, values, dockerfile.escape)
            except InvalidArgument as error:
                return error.message, list(range(instruction.line.first, instruction.line.last + 1))
    return "", []


def evaluate(instruction: object, values: dict[str, str], escape: str) -> None:
    """The part of evaluation that only needs words."""
    before = dict(values)
    if isinstance(instruction, Arg | Env | Label):
        for name, value in instruction.pairs:
            if value is not None and not isinstance(instruction, Label):
                values[name] = words.expand(value, before.get, escape)
    elif isinstance(instruction, Expose):
        for word in instruction.ports:
            for part in words.split_words(word, before.get, escape):
                ports.exposed(part)
    elif isinstance(instruction, Run):
        for text in instruction.mounts:  # none of these files has a WORKDIR
            mount = mounts.parse_mount(text, lambda word: words.expand(word, values.get, escape))
            if mount.type not in ("secret", "ssh") and absolute(mount.target, "/") == "/":
                raise InvalidArgument('invalid mount target "/"')
    elif isinstance(instruction, Volume):
        for path in instruction.paths:
            if not words.expand(path, before.get, escape):
                raise InvalidArgument("VOLUME specified can not be an empty string")


@pytest.mark.parametrize("case", cases("dockerfile-errors.jsonl"), ids=lambda case: repr(case["dockerfile"])[:60])
def test_a_dockerfile_is_refused_in_the_words_of_docker_or_accepted_like_there(case: Any) -> None:
    message, lines = fault(case["dockerfile"])

    assert message == case["error"]
    if case["lines"]:
        assert lines == case["lines"]


@pytest.mark.parametrize("case", cases("buildkit-parse-errors.jsonl"), ids=lambda case: case["name"])
def test_the_excerpt_of_a_parse_error_is_that_of_docker(case: Any) -> None:
    message, lines = fault(case["dockerfile"])

    assert message == case["error"]
    if case["excerpt"]:
        assert excerpt(case["dockerfile"], "Dockerfile", lines[0], lines[-1]) == case["excerpt"]


@pytest.mark.parametrize("case", cases("dockerignore.jsonl"), ids=lambda case: repr(case["ignore"]))
def test_dockerignore_drops_what_docker_drops(case: Any) -> None:
    if "error" in case:
        with pytest.raises(InvalidArgument, match=r"syntax error in pattern|illegal exclusion pattern") as caught:
            ignore.parse(case["ignore"])
        assert caught.value.message.startswith(case["error"])
        return
    patterns = ignore.parse(case["ignore"])
    paths = [path for other in cases("dockerignore.jsonl") for path in other.get("dropped", ())]
    everything = sorted(set(paths))

    assert {path for path in everything if patterns.match(path)} == set(case["dropped"])
    kept_directories = {parent for path in everything for parent in parents(path) if not patterns.match(parent)}
    needed = {parent for path in everything if not patterns.match(path) for parent in parents(path)}
    assert kept_directories | needed == set(case["directories"])


@pytest.mark.parametrize("case", cases("dockerignore.jsonl"), ids=lambda case: repr(case["ignore"]))
def test_a_walker_that_prunes_directories_finds_the_same_files(case: Any) -> None:
    if "error" in case:
        return
    patterns = ignore.parse(case["ignore"])
    paths = {path for other in cases("dockerignore.jsonl") for path in other.get("dropped", ())}

    for path in paths:
        for parent in parents(path):
            if patterns.match(parent) and not patterns.could_contain_reincluded(parent):
                assert patterns.match(path)


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
