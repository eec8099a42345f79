"""What prunes take, what they say that they will take, and that both are what becomes free on the disk."""

import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import import_busybox


def files_bytes(folder: str) -> int:
    """What `du -b` counts of regular files: each once."""
    seen: set[int] = set()
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            info = os.lstat(f"{top}/{name}")
            if info.st_ino not in seen and stat.S_ISREG(info.st_mode):
                seen.add(info.st_ino)
                total += info.st_size
    return total


def held(root: str) -> int:
    """Bytes of layers, volumes and of what containers have written."""
    written = sum(files_bytes(f"{root}/containers/{name}/upper") for name in os.listdir(f"{root}/containers"))
    return written + sum(files_bytes(f"{root}/{folder}") for folder in ("layers", "volumes", "tmp"))


def exact(out: str) -> int:
    """The bytes that a dry run tells."""
    found = re.search(r"\((\d+) bytes\)\n$", out)
    assert found, out
    return int(found[1])


@pytest.fixture
def full(sampan: Sampan, tmp_path: Path) -> Sampan:
    """Two images with a common layer, one of them without a name; a container with an anonymous and a named volume; a
    network."""
    for size in ("10000", "20000"):
        line = f"head -c {size} /dev/zero > /big; ln /big /again"
        (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN echo same > /same\nRUN {line}\n")
        sampan("build", "-q", "-t", "app", str(tmp_path))
    line = "head -c 2000 /dev/zero > /w; head -c 3000 /dev/zero > /anon/x; head -c 4000 /dev/zero > /d/x; ln /d/x /d/y"
    sampan("run", "--name", "box", "-v", "/anon", "-v", "data:/d", "busybox", "sh", "-c", line)
    sampan("network", "create", "lonely")
    return sampan


@pytest.mark.parametrize(
    "words",
    [
        ("container", "prune"),
        ("image", "prune"),
        ("image", "prune", "-a"),
        ("volume", "prune", "-a"),
        ("system", "prune"),
        ("system", "prune", "--volumes"),
        ("system", "prune", "-a", "--volumes"),
    ],
    ids=" ".join,
)
def test_a_dry_run_tells_what_goes_and_exactly_how_many_bytes_that_frees(full: Sampan, words: tuple[str, ...]) -> None:
    before = held(full.root)
    dry = full(*words, "--dry-run").out
    assert held(full.root) == before
    done = full(*words, "-f").out
    assert before - held(full.root) == exact(dry)
    told = [line.partition("  ")[0] for line in dry.splitlines()[:-1] if not line.endswith("that would be deleted:")]
    assert told == [line for line in done.splitlines()[:-1] if not line.startswith("Deleted ")]
    assert exact(full(*words, "--dry-run").out) == 0


def test_a_build_cache_that_images_have_too_frees_nothing_until_they_go(full: Sampan) -> None:
    assert full("builder", "prune", "-f").out == "Total:\t0B\n"
    assert full("builder", "prune", "-af", "--dry-run").out.endswith("Would free:\t0B (0 bytes)\n")
    full("rm", "box")
    full("rmi", "app")
    full("image", "prune", "-f")
    dry = full("builder", "prune", "--dry-run").out
    before = held(full.root)
    lines = full("builder", "prune", "-f").out.splitlines()
    assert lines[0] == "ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED"
    assert len(lines) == 5 and lines[-1] == "Total:\t30kB"
    assert before - held(full.root) == exact(dry) == 30005
    assert full("builder", "prune", "-f").out == "Total:\t0B\n"


def test_the_build_cache_is_listed_with_its_sum(full: Sampan) -> None:
    lines = full("buildx", "du").out.splitlines()
    assert lines[0].split() == ["ID", "RECLAIMABLE", "SIZE", "LAST", "ACCESSED"]
    assert [line.split()[2] for line in lines[1:4]] == ["5B*", "10kB*", "20kB*"]
    assert lines[4:] == ["Shared:\t\t30kB", "Private:\t0B", "Reclaimable:\t30kB", "Total:\t\t30kB"]
    assert full("buildx", "du", "--filter", "shared=false").out.splitlines()[1:] == ["Reclaimable:\t0B", "Total:\t\t0B"]
    assert full("buildx", "du", "--format", "{{.Size}}").out == "5B*\n10kB*\n20kB*\n"
    assert full("buildx", "du", "--verbose").out.count("Shared:\t\ttrue\n") == 3


def test_a_build_cache_is_kept_to_a_size(full: Sampan) -> None:
    full("rm", "box")
    full("system", "prune", "-af", "--filter", "label=keep-the-cache")
    full("rmi", "app")
    full("image", "prune", "-f")
    full("buildx", "prune", "-af", "--reserved-space", "25kb")
    rows = json.loads(full("system", "df", "-v", "--format", "json").out)["BuildCache"]
    assert sorted(row["Size"] for row in rows) == ["20kB", "5B"]


def test_filters_choose_what_a_prune_takes(sampan: Sampan) -> None:
    for label in ("keep=1", "drop=1"):
        name = label.partition("=")[0]
        sampan("create", "--name", name, "--label", label, "busybox")
        sampan("volume", "create", "--label", label, name)
    assert sampan("container", "prune", "-f", "--filter", "until=1h").out == "Total reclaimed space: 0B\n"
    sampan("container", "prune", "-f", "--filter", "label!=keep=1", "--filter", "until=1s")
    sampan("container", "prune", "-f", "--filter", "label!=keep=1")
    assert sampan("ps", "-a", "--format", "{{.Names}}").out == "keep\n"
    assert sampan("volume", "prune", "-f", "--filter", "all=true", "--filter", "label!=keep").out == (
        "Deleted Volumes:\ndrop\n\nTotal reclaimed space: 0B\n"
    )
    assert sampan("volume", "prune", "-f").out == "Total reclaimed space: 0B\n"
    sampan("run", "-v", "/anon", "--name", "gone", "busybox", "true")
    sampan("rm", "gone")
    anonymous = ("--filter", "label=com.docker.volume.anonymous")
    assert len(sampan("volume", "prune", "-af", *anonymous).out.splitlines()) == 4
    assert sampan("system", "prune", "-f", "--filter", "label=other").out == "Total reclaimed space: 0B\n"


def test_system_prune_asks_as_docker_does(sampan: Sampan) -> None:
    assert sampan("system", "prune").out == (
        "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"
        "  - all dangling images\n  - unused build cache\n\nAre you sure you want to continue? [y/N] "
    )
    filters = ("--filter", "label=zzz", "--filter", "label=aaa")
    assert sampan("system", "prune", "-a", "--volumes", *filters).out == (
        "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"
        "  - all anonymous volumes not used by at least one container\n"
        "  - all images without at least one container associated to them\n  - all build cache\n\n"
        "  Items to be pruned will be filtered with:\n  - label=aaa\n  - label=zzz\n\n"
        "Are you sure you want to continue? [y/N] "
    )
    refused = sampan("system", "prune", "--volumes", "--filter", "until=24h", code=1)
    assert refused.err == 'ERROR: The "until" filter is not supported with "--volumes"\n'
    assert sampan("builder", "prune").out == (
        "WARNING! This will remove all dangling build cache. Are you sure you want to continue? [y/N] "
    )
    assert sampan("images", "-q").out


def test_sizes_of_system_df_are_those_on_the_disk(full: Sampan) -> None:
    kinds = {row["Type"]: row for row in map(json.loads, full("system", "df", "--format", "json").out.splitlines())}
    assert [kinds[name]["TotalCount"] for name in kinds] == ["3", "1", "2", "3", "1"]
    assert kinds["Containers"]["Reclaimable"] == f"{kinds['Containers']['Size']} (100%)"
    assert kinds["Local Volumes"]["Reclaimable"] == "0B (0%)"
    assert kinds["Build Cache"]["Size"] == "0B"
    shown = json.loads(full("system", "df", "-v", "--format", "{{json .}}").out)
    assert {row["Name"]: (row["Links"], row["Size"]) for row in shown["Volumes"]}["data"] == ("1", "4kB")
    assert [row["Size"].partition(" ")[0] for row in shown["Containers"]] == ["2kB"]
    unique = {f"{row['Repository']}:{row['Tag']}": row["UniqueSize"] for row in shown["Images"]}
    assert unique == {"app:latest": "20kB", "<none>:<none>": "10kB", "busybox:latest": "0B"}
    assert full("system", "df", "-v").out.count("\n\n") == 7
    layers = files_bytes(f"{full.root}/layers")
    assert json.loads(full("system", "df", "-v", "--format", "json").out)["Images"][0]["VirtualSize"]
    dry = exact(full("system", "prune", "-a", "--volumes", "--dry-run").out)
    assert dry == layers + 2000 + 3000


def test_a_prune_beside_runs_takes_nothing_that_a_start_is_about_to_use(sampan: Sampan) -> None:
    failures: list[str] = []
    over = threading.Event()

    def prune() -> None:
        while not over.is_set():
            sampan("system", "prune", "-f", "--volumes")

    def run(number: int) -> None:
        for turn in range(6):
            name = f"v{number}-{turn}"
            words = ("-v", f"{name}:/v", "-v", "/anon", "busybox", "sh", "-c", "touch /v/x /anon/x && echo fine")
            result = sampan("run", "--rm", *words, code=None)
            if result.out != "fine\n":
                failures.append(result.err)

    pruner = threading.Thread(target=prune)
    pruner.start()
    runners = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    over.set()
    pruner.join()
    assert not failures
    assert len(sampan("volume", "ls", "-q").out.split()) == 12


def test_a_volume_that_is_made_again_beside_prunes_never_has_old_content(sampan: Sampan) -> None:
    over = threading.Event()

    def prune() -> None:
        while not over.is_set():
            sampan("volume", "prune", "-af")

    pruner = threading.Thread(target=prune)
    pruner.start()
    seen = [
        sampan("run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", "ls /v; touch /v/$$-x", code=None).code
        for _ in range(10)
    ]
    over.set()
    pruner.join()
    assert seen == [0] * 10
    assert sampan("system", "check").code == 0


def test_a_run_beside_a_prune_has_its_image_whole_or_says_that_it_is_gone(sampan: Sampan) -> None:
    outcomes = set()
    for _ in range(5):
        import_busybox(sampan)
        runs = [sampan.start("run", "--rm", "busybox", "sh", "-c", "ls /bin | wc -l") for _ in range(2)]
        prune = sampan.start("image", "prune", "-af")
        for process in (*runs, prune):
            out, err = process.communicate()
            if process is not prune:
                outcomes.add("whole" if out.strip().isdigit() and int(out) > 100 else err.splitlines()[0])
    gone = "Unable to find image 'busybox:latest' locally"
    gone_since = "sampan: Error response from daemon: No such image: busybox:latest"
    assert outcomes <= {"whole", gone, gone_since}
    assert sampan("system", "check").code == 0


def test_a_volume_with_options_is_neither_pruned_nor_measured(sampan: Sampan) -> None:
    sampan("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "fast")
    sampan("volume", "create", "plain")
    assert sampan("volume", "prune", "-af").out == "Deleted Volumes:\nplain\n\nTotal reclaimed space: 0B\n"
    assert json.loads(sampan("system", "df", "-v", "--format", "json").out)["Volumes"] == []
    assert sampan("volume", "ls", "-q", "--filter", "dangling=true").out == "fast\n"
