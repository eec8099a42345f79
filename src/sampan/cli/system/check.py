"""`sampan system check`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Verify every digest and reference of the store",
    examples=(Example("Without reading every blob", "system check --quick"),),
    flags=(
        Flag("quick", BOOL, "Compare sizes instead of digests"),
        Flag("repair", BOOL, "Remove what nothing refers to, and bring back bridges and rules that containers need"),
        quiet_flag("Print only problems"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    if parsed.boolean("repair"):
        for what in engine.system.repair():
            print(f"removed {what}")
        for what in engine.system.restore():
            print(f"restored {what}")
    problems = engine.system.check(deep=not parsed.boolean("quick"))
    for problem in problems:
        print(f"{problem.where}: {problem.what}")
        if problem.hint:
            print(f"  {problem.hint}")
    if not problems and not parsed.boolean("quiet"):
        print("No problems found.")
    return 1 if problems else 0
