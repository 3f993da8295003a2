"""Stores: bytes under keys at revisions, durable and watchable, behind one contract."""
