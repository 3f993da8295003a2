"""Stores that live in other processes, reached over their own protocols."""
