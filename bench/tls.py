"""TLS towards the server that a kubeconfig, or a command line, describes."""

from __future__ import annotations

import ssl

from bench.load.settings import Server


def context_of(server: Server) -> ssl.SSLContext | None:
    """Return the context for a server, None for plain HTTP.

    Raises OSError (ssl.SSLError is one) for files that cannot be read.
    """
    if not server.url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=server.ca_file or None)
    if server.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server.certificate_file:
        context.load_cert_chain(server.certificate_file, server.key_file or None)
    return context
