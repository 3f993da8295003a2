"""Microbenchmarks, run by pyperf."""
