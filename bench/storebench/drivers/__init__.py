"""The ways to a store: a file each, listed in ``registry``."""
