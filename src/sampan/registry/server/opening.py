"""Open what a registry is kept in, by the name that a command line gives it."""

import os

from sampan.registry.server import layout
from sampan.registry.server.directory import Directory
from sampan.registry.server.medium import Medium
from sampan.registry.server.objects import Objects, open_store


def open_medium(store: str) -> Medium:
    """The medium of a folder, or of an object store's URL; an empty one is made a layout."""
    medium: Medium = Objects(open_store(store)) if "://" in store else Directory(os.path.abspath(store))
    if medium.look(layout.LAYOUT) is None:
        medium.write(layout.INDEX, b'{"schemaVersion":2,"manifests":[]}\n')
        medium.write(layout.LAYOUT, b'{"imageLayoutVersion":"1.0.0"}')
    return medium
