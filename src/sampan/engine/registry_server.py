"""A registry of one's own, for the faces: serve it, tidy it, prove it, fill it, say who may use it."""

from sampan.registry.server.collection import Options as CollectOptions
from sampan.registry.server.collection import Report, collect
from sampan.registry.server.importing import Imported, import_layout
from sampan.registry.server.registry import Limits
from sampan.registry.server.serving import ServeOptions, auth_file, open_medium, serve
from sampan.registry.server.verification import Findings, verify

__all__ = [
    "CollectOptions",
    "Findings",
    "Imported",
    "Limits",
    "Report",
    "ServeOptions",
    "auth_file",
    "collect",
    "import_layout",
    "open_medium",
    "serve",
    "verify",
]
