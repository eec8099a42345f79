"""What `--output` asks for. Values only."""

from sampan.values import NamedTuple

STORE_KINDS = ("image", "docker", "registry")


class Output(NamedTuple):
    """One place for the result: `kind` is local, tar, oci, docker, image, registry or cacheonly.

    `dest` is a folder or file of the caller's, "-" for standard output, "" for this store; `names` are further tags.
    `is_folder` lays an oci archive out as a folder; `pushes` sends the image to its registry;
    with `clamps_times` no file in a layer that is made is later than SOURCE_DATE_EPOCH.
    """

    kind: str
    dest: str = ""
    names: tuple[str, ...] = ()
    is_folder: bool = False
    pushes: bool = False
    clamps_times: bool = False

    @property
    def goes_to_store(self) -> bool:
        return self.kind in STORE_KINDS and not self.dest
