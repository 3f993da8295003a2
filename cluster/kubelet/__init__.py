"""Hollow kubelets: real API traffic of many nodes from one process, without any containers."""
