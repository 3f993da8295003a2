"""What an image's name says about pulling it."""

from __future__ import annotations


def pull_policy(image: str) -> str:
    """Return the default pull policy: Always for the tag ``latest`` or none at all."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in {"", "latest"} else "IfNotPresent"
