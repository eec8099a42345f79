"""What a registry of one's own is kept in, for the faces: tidy it, prove it, fill it. No server is needed."""

from sampan.registry.server.collection import Options as CollectOptions
from sampan.registry.server.collection import Report, collect
from sampan.registry.server.importing import Imported, import_layout
from sampan.registry.server.opening import open_medium
from sampan.registry.server.verification import Findings, verify

__all__ = [
    "CollectOptions",
    "Findings",
    "Imported",
    "Report",
    "collect",
    "import_layout",
    "open_medium",
    "verify",
]
