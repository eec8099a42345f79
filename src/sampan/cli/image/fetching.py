"""An image that `run` or `create` wants and that is not here, or that --pull=always wants anew."""

import sys

from sampan.cli.image.progress import listener
from sampan.containers.options import RunOptions
from sampan.engine.engine import Engine
from sampan.errors import SampanError
from sampan.oci.reference import DEFAULT_REGISTRY, OFFICIAL, Reference, parse

_BOOTSTRAPPED = ("debian", "ubuntu", "busybox")


def fetch(engine: Engine, options: RunOptions, *, config: str, quiet: bool) -> None:
    """Pull it; progress goes to stderr. Raises what a pull raises, with a hint how else the image could be had."""
    name = parse(options.image)
    if options.pull != "always":
        print(f"Unable to find image '{name.familiar()}' locally", file=sys.stderr, flush=True)
    show = listener(sys.stderr, sys.stderr, quiet=quiet)
    try:
        engine.images.pull(options.image, platform=options.platform, config=config, on_event=show)
    except SampanError as error:
        how = _how_to_make(name, options.platform)
        error.hint = "; ".join(hint for hint in (error.hint, how) if hint)
        raise


def _how_to_make(name: Reference, platform: str) -> str:
    """How an image comes about without a registry, where one that is not named cannot be had."""
    if name.registry != DEFAULT_REGISTRY or platform:
        return ""
    if name.repository.removeprefix(OFFICIAL) in _BOOTSTRAPPED:
        return f"without a registry: sampan image bootstrap {name.familiar()}"
    return "without a registry: sampan image bootstrap, import and build make images"
