"""The remote sources of one build: each is found out once, before steps are looked up, and fetched once, when a step
that takes it has to be done."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sampan.builder.cache.key import Content
from sampan.builder.files import selection
from sampan.builder.files.copying import Part
from sampan.builder.files.trees import Tree
from sampan.builder.options import BuildOptions
from sampan.builder.plan.remote import redacted
from sampan.builder.plan.steps import CopyFiles, Plan, Remote
from sampan.builder.progress.events import Reporter
from sampan.builder.remote import repositories
from sampan.builder.remote.repositories import Access
from sampan.errors import InvalidArgument, NotFound, SampanError, Unavailable
from sampan.registry.transport import offline_of
from sampan.storage.database import Database

if TYPE_CHECKING:
    from sampan.builder.mounts.agents import Agents
    from sampan.builder.remote.downloads import Download
    from sampan.registry.transport import Transport


class Remotes:
    """`folder` makes an empty folder that lasts as long as the build; `is_context` is for what was named by the one who
    builds, not by the Dockerfile. Any thread may use it; close() it."""

    def __init__(
        self,
        database: Database,
        options: BuildOptions,
        reporter: Reporter,
        folder: Callable[[], str],
        *,
        is_context: bool = False,
    ) -> None:
        self._database, self._options, self._reporter, self._folder = database, options, reporter, folder
        self._is_context = is_context
        self._found: dict[Remote, str | SampanError] = {}
        self._downloads: dict[Remote, Download] = {}
        self._trees: dict[Remote, Tree] = {}
        self._asking: Transport | None = None
        self._agents: Agents | None = None
        self._lock = threading.RLock()

    def find_all(self, plan: Plan) -> None:
        """Find out what every source is that a plan mentions. What goes wrong is told by content()."""
        wanted = (step.action for stage in plan.stages for step in stage.steps if isinstance(step.action, CopyFiles))
        for remote in dict.fromkeys(remote for action in wanted for remote in action.remotes):
            self.find(remote)

    def find(self, remote: Remote) -> None:
        if remote in self._found:
            return
        work = self._reporter.start(redacted(remote.url) + (f"#{remote.ref}" if remote.ref else ""))
        try:
            self._found[remote] = self._identity(remote)
            work.done()
        except SampanError as error:
            error.message = f"failed to load cache key: {error.message}"
            self._found[remote] = error
            work.failed(error.message)

    def _identity(self, remote: Remote) -> str:
        """What tells its content from any other."""
        if remote.kind == "git":
            if not repositories.is_commit(remote.ref):
                _check_online(remote)
            return "commit " + repositories.commit_of(remote, self._access(remote.url))
        from sampan.builder.remote import downloads

        asking = self._transport()
        download = downloads.look(self._database, asking, remote, self._folder, is_offline=offline_of(os.environ))
        self._downloads[remote] = download
        return download.digest

    def _transport(self) -> "Transport":
        if self._asking is None:
            from sampan.builder.remote import downloads

            self._asking = downloads.transport(is_offline=offline_of(os.environ))
        return self._asking

    def identity(self, remote: Remote) -> str:
        """The digest or commit of a source. Raises what went wrong when it was looked for."""
        with self._lock:
            self.find(remote)
            found = self._found[remote]
        if isinstance(found, SampanError):
            raise found
        return found

    def content(self, action: CopyFiles) -> Content:
        """What counts of an ADD's remote sources. Raises SampanError."""
        digest, facts = hashlib.sha256(), []
        for remote in action.remotes:
            identity = self.identity(remote)
            line = (
                f"{remote.kind}\0{remote.name}\0{identity}\0{remote.subdir}\0{remote.keep_git_dir}\0{remote.submodules}"
            )
            digest.update(line.encode(errors="surrogateescape") + b"\0\0")
            facts.append((redacted(remote.url), f"f 600 {identity[-40:]}"))
        return Content(digest.hexdigest(), tuple(facts))

    def parts(self, action: CopyFiles) -> list[Part]:
        """The files of an ADD's remote sources, fetched. Raises SampanError, OSError."""
        return [self._part(action, remote) for remote in action.remotes]

    def _part(self, action: CopyFiles, remote: Remote) -> Part:
        with self._lock:
            tree = self.tree(remote)
        if remote.kind == "http":
            entry = tree.find("file")
            assert entry is not None
            return Part(tree, (selection.Selected(remote.name, entry, ()),), unpacks=action.unpack_remote)
        folder = tree.find(remote.subdir)
        if folder is None or folder.kind != "d":
            raise NotFound(f"invalid subdir /{remote.subdir}: no such directory in {redacted(remote.url)}")
        # Its own name may hold what would be a wildcard.
        plain = re.sub(r"([*?\[\\])", r"\\\1", folder.path)
        return Part(tree, selection.select(tree, action._replace(sources=("/" + plain,), parents=False)))

    def folder(self, remote: Remote) -> str:
        """Where the files are, fetched: of http one that is called "file"."""
        identity = self.identity(remote)
        return self._repository(remote, identity) if remote.kind == "git" else self._file(remote, identity)

    def tree(self, remote: Remote) -> Tree:
        """The files of folder(), fetched once."""
        if remote not in self._trees:
            folder = self.folder(remote)
            self._trees[remote] = Tree(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return self._trees[remote]

    def _repository(self, remote: Remote, identity: str) -> str:
        _check_online(remote)
        folder = self._folder()
        os.chmod(folder, 0o755)
        commit = identity.removeprefix("commit ")
        repositories.fetch(remote, commit, folder, self._access(remote.url))
        return folder

    def _file(self, remote: Remote, identity: str) -> str:
        path = self._downloads[remote].path
        if path:
            return os.path.dirname(path)
        from sampan.builder.remote import downloads

        folder = self._folder()
        # What is behind a URL may be another file by this time: the step's key says which one it was.
        exact = remote._replace(checksum=identity)
        downloads.fetch(self._database, self._transport(), exact, folder)
        return folder

    def _access(self, url: str) -> Access:
        """What a repository may be shown. Whoever wrote a Dockerfile uses keys only when who builds says so, as in
        BuildKit; the context is the choice of who builds. Raises InvalidArgument."""
        if not repositories.is_ssh(url):
            return Access(self._authorization(url))
        if any(agent.id == "default" for agent in self._options.agents):
            with self._lock:
                if self._agents is None:
                    from sampan.builder.mounts.agents import Agents

                    self._agents = Agents(self._options.agents)
                return Access(agent=self._agents.path("default", self._folder()))
        if not self._is_context:
            raise InvalidArgument("unset ssh forward key default", hint="build with --ssh default to lend your agent")
        return Access(agent=os.environ.get("SSH_AUTH_SOCK", ""), has_own_keys=True)

    def _authorization(self, url: str) -> str:
        """What a repository is told, from the secrets GIT_AUTH_TOKEN and GIT_AUTH_HEADER, of its host or of all."""
        host = url.split("/")[2].rpartition("@")[2] if "://" in url else ""
        secrets = {secret.id: secret for secret in self._options.secrets}
        for name, form in _LOGINS.items():
            secret = secrets.get(f"{name}.{host}") or secrets.get(name)
            if secret is not None:
                return form(_value(secret.path, secret.env, os.environ))
        return ""

    def close(self) -> None:
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()
        if self._asking is not None:
            self._asking.close()
        if self._agents is not None:
            self._agents.close()


def _check_online(remote: Remote) -> None:
    if offline_of(os.environ):
        raise Unavailable(
            f"{redacted(remote.url)} would have to be asked, and --offline forbids it",
            hint="leave --offline (or $SAMPAN_OFFLINE) away, or give all digits of a commit that was built before",
        )


def _value(path: str, env: str, environment: Mapping[str, str]) -> str:
    if env:
        return environment.get(env, "").strip()
    with open(path) as file:
        return file.read(1 << 16).strip()


def _basic(token: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"x-access-token:{token}".encode()).decode()


_LOGINS: Mapping[str, Callable[[str], str]] = {"GIT_AUTH_HEADER": str, "GIT_AUTH_TOKEN": _basic}
