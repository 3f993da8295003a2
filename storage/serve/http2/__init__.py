"""HTTP/2 and gRPC for a server on an event loop, in Python alone."""
