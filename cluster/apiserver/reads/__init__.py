"""The read path: get, list and watch, from the watch cache's bytes. Begin at ``reads.Reads``."""
