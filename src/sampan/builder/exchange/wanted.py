"""What --cache-from and --cache-to ask for. Values only."""

from sampan.values import NamedTuple

REGISTRY, LOCAL, INLINE = "registry", "local", "inline"


class CachePlace(NamedTuple):
    """A cache elsewhere. `kind` is registry, local or inline; `place` a reference or a folder, "" of inline.

    `tag` is a name in a folder's index, `digest` the manifest that must be there. `is_max` writes the steps of all
    stages, not only those of the result; with `ignores_errors` a cache that cannot be written fails no build.
    """

    kind: str
    place: str = ""
    tag: str = "latest"
    digest: str = ""
    is_max: bool = False
    ignores_errors: bool = False
