"""What the shell is given for a RUN with here-documents."""

from sampan.dockerfile.instructions import Run
from sampan.dockerfile.source import heredoc_word


def is_script(run: Run) -> bool:
    """Whether a RUN is one here-document with a #! line: a file to execute, not a text for the shell."""
    return _is_whole(run) and run.heredocs[0].text.startswith("#!")


def shell_text(run: Run) -> str:
    """The text of a shell-form RUN for the shell: RUN <<EOF is its document, other here-documents stay in their line.

    For a script (see `is_script`) it is the content of the file to execute.
    """
    if _is_whole(run):
        return run.heredocs[0].text
    documents = "".join(f"\n{heredoc.text}{heredoc.name}" for heredoc in run.heredocs)
    return run.command.shell + documents


def summary(run: Run) -> str:
    """The here-document behind a RUN in a step's title, as BuildKit shortens it: its first line and three dots."""
    if not _is_whole(run):
        return ""
    first, end_of_line, rest = run.heredocs[0].text.partition("\n")
    return first + ("..." if end_of_line and rest else "")


def _is_whole(run: Run) -> bool:
    return bool(run.heredocs) and run.command.exec is None and heredoc_word(run.command.shell) is not None
