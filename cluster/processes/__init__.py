"""Composition roots: the processes of a cluster, each run as ``python -m cluster.processes.X``."""
