"""What a verb may say first, so that the kernel prepares while the rest is imported."""

from sampan.linux.cgroup import hasten

__all__ = ["hasten"]
