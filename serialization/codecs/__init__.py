"""Codecs: one contract (``interface``), one registry (``registry``), a file per codec."""
