"""HTTP/2 and gRPC for a client on an event loop, in Python alone."""
