"""A case built by sampan and by the reference Docker: how each ended, and what it made."""

import contextlib
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from sampan.testing.corpus import facts, stand_ins
from sampan.testing.corpus.cases import Case, lay_out

_PLACES = r"failed to calculate checksum of ref \S+: |/var/lib/docker/overlay2/\w+/merged"  # of one build alone
_FLAGS = ("build", "--progress", "plain", "--network", "none")


class Builders:
    """What both sides know of the stand-ins."""

    def __init__(self) -> None:
        self._bases, self._programs = stand_ins.bases(), stand_ins.programs()

    def sampan(self, case: Case, root: str, run: Callable[[Sequence[str]], int]) -> dict[str, Any]:
        """Build in this process, on the root, which holds the stand-ins; `run` does what the words of a command line
        say. The working directory changes meanwhile."""
        from sampan.engine import Engine

        tag = _tag(case)
        with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
            context = lay_out(case, folder)
            before, environment = os.getcwd(), dict(os.environ)
            printed = io.StringIO()
            os.chdir(context)
            try:
                with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
                    code = run(["--root", root, "--offline", *_FLAGS, *case.flags, "-t", tag, "."])
            finally:
                os.chdir(before)
                os.environ.clear()  # options of the command line stand in it
                os.environ.update(environment)
            if code:
                return _failure(code, printed.getvalue())
            archive = os.path.join(folder, "image.tar")
            with Engine(root) as engine, open(archive, "wb") as file:
                engine.images.save([tag], file.write)
            return {"exit": 0, **facts.facts(archive, self._bases, self._programs)}

    def docker(self, case: Case, run: Sequence[str]) -> dict[str, Any]:
        """Build with buildx; `run` are the words that the reference engine's docker is called by."""
        tag = _tag(case)
        with tempfile.TemporaryDirectory(prefix="corpus-", dir="/tmp") as folder:
            context = lay_out(case, folder)
            words = ["buildx", *_FLAGS, "--provenance=false", *case.flags, "-t", tag, "."]
            done = subprocess.run([*run, *words], cwd=context, capture_output=True, text=True, errors="replace")
            if done.returncode:
                return _failure(done.returncode, done.stderr)
            archive = os.path.join(folder, "image.tar")
            subprocess.run([*run, "save", "-o", archive, tag], check=True)
            return {"exit": 0, **facts.facts(archive, self._bases, self._programs)}


def _tag(case: Case) -> str:
    return "corpus/" + case.name.replace("/", "-") + ":latest"


def _failure(code: int, printed: str) -> dict[str, Any]:
    printed = re.sub(_PLACES, "", printed).replace("failed to run Build function:", "failed to solve:")
    printed = re.sub(r"(failed to resolve source metadata for \S+): .*", r"\1", printed)
    errors = [line for line in printed.split("\n") if line.startswith("ERROR:")]
    return {"exit": code, "error": errors[-1] if errors else printed.strip().split("\n")[-1]}
