"""One TLS context from an environment's files. Standard library only: Locust's processes use it too."""

from __future__ import annotations

import ssl


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None, *, verify: bool) -> ssl.SSLContext:
    """For a client. `ca_file` takes the place of the system's authorities. Raises OSError for files that cannot be used; a key
    with a passphrase is one, for nobody is there to be asked."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert_file:
        context.load_cert_chain(cert_file, key_file, password=lambda: b"")
    return context
