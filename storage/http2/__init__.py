"""The wire of HTTP/2 that the served engine and the remote store share. Pure."""
