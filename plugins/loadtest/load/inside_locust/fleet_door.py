"""Only who knows the fleet's token may join the master, send samples, or read what passes between both.

Locust's connection is a plain ZeroMQ socket: whoever reaches the port may join. ZeroMQ's own CURVE mechanism
(https://rfc.zeromq.org/spec/26/) encrypts it, and a client must know the server's public key, which never goes over the wire.
Here that pair of keys is made from the token: without the token no client has the key, and no handshake is completed.
"""

from __future__ import annotations

import hashlib
import os

TOKEN_VARIABLE = "LOADTEST_FLEET_TOKEN"  # as in planning.fleet, which Locust's processes do not import


def master_keys(token: str) -> tuple[bytes, bytes]:
    """Public and secret key of the master, in ZeroMQ's Z85 text; the same for the same token."""
    import zmq
    from zmq.utils import z85

    secret = z85.encode(hashlib.sha256(b"loadtest fleet master\0" + token.encode()).digest())
    return zmq.curve_public(secret), secret


def lock_the_door() -> None:
    """Before Locust opens its connection. Without a token everything stays as it is; the scenario does not see the token."""
    token = os.environ.pop(TOKEN_VARIABLE, "")
    if not token:
        return
    import zmq
    from locust.rpc import zmqrpc

    master_public, master_secret = master_keys(token)
    open_socket = zmqrpc.BaseSocket.__init__

    def open_locked_socket(self, sock_type, ipv4_only) -> None:
        open_socket(self, sock_type, ipv4_only)
        if sock_type == zmq.ROUTER:
            self.socket.curve_server = True
            self.socket.curve_publickey, self.socket.curve_secretkey = master_public, master_secret
        else:
            self.socket.curve_serverkey = master_public
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()

    zmqrpc.BaseSocket.__init__ = open_locked_socket  # type: ignore[method-assign]
