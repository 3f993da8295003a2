"""Patches, as pure functions on plain JSON trees: JSON patch, merge patch, strategic merge."""
