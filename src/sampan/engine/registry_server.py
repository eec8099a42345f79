"""A registry of one's own, served, for the faces."""

from sampan.registry.server.registry import Limits
from sampan.registry.server.serving import ServeOptions, serve

__all__ = ["Limits", "ServeOptions", "serve"]
