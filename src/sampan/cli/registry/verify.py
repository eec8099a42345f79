"""`sampan registry verify`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import BOOL
from sampan.cli.output import human_size
from sampan.cli.registry.store import STORE_WORDS, counted, store_of
from sampan.engine.registry_store import open_medium, verify

COMMAND = Command(
    arguments=f"[OPTIONS] {STORE_WORDS}",
    summary="Prove that a registry is whole: every reference, every digest",
    examples=(Example("Without reading every blob", "registry verify --quick /srv/registry"),),
    flags=(Flag("quick", BOOL, "Look at references only"), quiet_flag("Print only problems")),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    found = verify(open_medium(store_of(invocation.arguments)), reads_contents=not parsed.boolean("quick"))
    for problem in found.problems:
        print(problem)
    if not parsed.boolean("quiet"):
        parts = [
            counted(found.repositories, "repository", "repositories"),
            counted(found.tags, "tag"),
            counted(found.manifests, "manifest"),
            counted(found.blobs, "blob"),
        ]
        read = f" ({human_size(found.checked_bytes)} read)" if not parsed.boolean("quick") else ""
        problems = counted(len(found.problems), "problem") if found.problems else "no problems"
        print(f"{', '.join(parts)}{read}: {problems}")
    return 1 if found.problems else 0
