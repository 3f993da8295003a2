"""User classes, one file each."""
