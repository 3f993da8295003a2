"""The watch cache: what GET, LIST and WATCH are served from.

It keeps the newest state of every resource, as bytes beside a small header, and a bounded history
of its changes, and is fed synchronously by the store. Begin at ``cache.WatchCache``.
"""
