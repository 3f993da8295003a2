"""A client of HTTP/1.1 on the event loop, on httptools: ``pool.Pool``."""
