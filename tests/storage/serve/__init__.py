"""Tests of the served engines."""
