"""The build context as a tree: what is in it, what is kept out, what was read before."""

import os
from pathlib import Path

import pytest

from sampan.builder.cache import key as cachekey
from sampan.builder.files import selection
from sampan.builder.files.digests import Remembered, stamp_of
from sampan.builder.files.trees import Tree
from sampan.builder.plan.steps import CopyFiles
from sampan.dockerfile import ignore
from sampan.errors import InvalidArgument, NotFound


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("a.txt", "src/app.py", "src/deep/b.py", "node/x/y.js", "node/keep.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "link").symlink_to("src/app.py")
    (tmp_path / "folder").symlink_to("src")
    (tmp_path / "out").symlink_to("/etc/passwd")
    return tmp_path


def tree_of(context: Path, rules: str = "", remembered: Remembered | None = None) -> Tree:
    root = os.open(context, os.O_RDONLY | os.O_DIRECTORY)
    return Tree(root, ignore.parse(rules), remembered)


def paths(tree: Tree, *sources: str, **options: object) -> list[str]:
    action = CopyFiles(sources=sources, destination="/", **options)  # type: ignore[arg-type]
    return [
        entry.path
        for one in selection.select(tree, action)
        for entry in ((one.entry,) if one.entry.kind != "d" else one.below)
    ]


def missing(tree: Tree, source: str) -> NotFound:
    with pytest.raises(NotFound) as caught:
        paths(tree, source)
    return caught.value


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("/a.txt", ["a.txt"]),
        ("src", ["src/app.py", "src/deep", "src/deep/b.py"]),
        ("src/", ["src/app.py", "src/deep", "src/deep/b.py"]),
        ("src/*", ["src/app.py", "src/deep/b.py"]),
        ("*/app.py", ["src/app.py"]),
        ("link", ["src/app.py"]),
        ("folder/deep", ["src/deep/b.py"]),
        ("*.nope", []),
        ("./src/../a.txt", ["a.txt"]),
    ],
)
def test_sources_are_looked_up_as_buildkit_does(context: Path, source: str, found: list[str]) -> None:
    assert paths(tree_of(context), source) == found


def test_what_is_kept_out_is_not_there_and_the_hint_names_the_rule(context: Path) -> None:
    tree = tree_of(context, "# comment\n*.txt\nnode\n!node/keep.js\n")
    error = missing(tree, "a.txt")
    assert error.message == 'failed to compute cache key: "/a.txt": not found'
    assert error.hint == "it is excluded by line 2 of .dockerignore: *.txt"
    assert paths(tree, "node") == ["node/keep.js"]
    assert "node/x" not in paths(tree, ".")


def test_a_missing_source_comes_with_a_suggestion(context: Path) -> None:
    assert missing(tree_of(context), "src/ap.py").hint == "did you mean src/app.py?"
    assert missing(tree_of(context), "nope/x").hint == "there is no folder nope"


def test_no_path_and_no_link_leads_out_of_the_context(context: Path) -> None:
    tree = tree_of(context / "src")
    assert missing(tree, "../a.txt").hint.startswith("the path leads out of the context")
    assert missing(tree_of(context), "out").message.endswith('"/out": not found')


def test_exclude_leaves_files_out(context: Path) -> None:
    assert paths(tree_of(context), "src", exclude=("deep",)) == ["src/app.py"]
    assert paths(tree_of(context), "*.txt", exclude=("*.txt",)) == []


def content(tree: Tree, source: str = ".") -> str:
    action = CopyFiles(sources=(source,), destination="/")
    return cachekey.content_of(tree, selection.select(tree, action), keeps_owner=False).digest


def test_content_does_not_depend_on_times(context: Path) -> None:
    before = content(tree_of(context))
    os.utime(context / "a.txt", (1, 1))
    os.utime(context / "src", (1, 1))
    assert content(tree_of(context)) == before


def test_content_depends_on_bytes_names_modes_and_links(context: Path) -> None:
    seen = {content(tree_of(context))}
    (context / "a.txt").write_text("other")
    seen.add(content(tree_of(context)))
    (context / "a.txt").rename(context / "b.txt")
    seen.add(content(tree_of(context)))
    (context / "b.txt").chmod(0o755)
    seen.add(content(tree_of(context)))
    (context / "link").unlink()
    (context / "link").symlink_to("src")
    seen.add(content(tree_of(context)))
    (context / "empty").mkdir()
    seen.add(content(tree_of(context)))
    assert len(seen) == 6


def test_an_unchanged_file_is_not_read_again(context: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    memory = str(tmp_path_factory.mktemp("memory") / "digests.json")
    for path in context.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    info = os.stat(context / "a.txt")
    long_after = info.st_ctime_ns + 10**10
    remembered = Remembered(memory)
    remembered.put("a.txt", stamp_of(info), "d" * 64, long_after)
    remembered.save()
    tree = tree_of(context, "", Remembered(memory))
    entry = tree.find("a.txt")
    assert entry is not None
    assert tree.digest(entry) == "d" * 64


def test_a_file_that_was_touched_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one")
    info = os.stat(path)
    remembered = Remembered(str(tmp_path / "memory"))
    remembered.put("f", stamp_of(info), "d" * 64, info.st_ctime_ns + 1)
    assert remembered.get("f", stamp_of(info)) == ""


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("{broken")
    assert Remembered(str(tmp_path / "memory")).get("f", (1, 2, 3, 4, 5)) == ""


def test_a_file_that_became_another_thing_since_it_was_listed_is_told(context: Path) -> None:
    tree = tree_of(context)
    entry = tree.find("a.txt")
    assert entry is not None
    for change in (lambda path: None, os.mkfifo, lambda path: path.symlink_to("/etc/passwd"), os.mkdir):
        path = context / "a.txt"
        path.unlink(missing_ok=True)
        change(path)
        with pytest.raises(InvalidArgument, match=r"a\.txt changed while it was read"):
            tree.open(entry)


def test_the_rule_that_has_the_last_word_is_named() -> None:
    patterns = ignore.parse("# comment\na\n!a/b\na/b/c\n")
    said = {path: patterns.decisive(path) for path in ("a/x", "a/b/x", "a/b/c", "z")}
    assert {path: rule and (rule.line, rule.is_exception) for path, rule in said.items()} == {
        "a/x": (2, False),
        "a/b/x": (3, True),
        "a/b/c": (4, False),
        "z": None,
    }
