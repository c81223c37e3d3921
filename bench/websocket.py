"""A WebSocket's client side, as small as the benchmark needs it: short frames, masked with zeros."""

import socket

from bench.http1 import Connection


class Tunnel:
    """An open WebSocket through a proxy."""

    def __init__(self, port, token):
        self.connection = Connection(port)
        self.socket = self.connection.socket
        lines = [
            "GET /streams/echo HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Authorization: Bearer {token}", "", "",
        ]
        self.socket.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self.connection.rest:
            self.connection.more()
        head, self.connection.rest = self.connection.rest.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101 ") or self.connection.rest:
            raise RuntimeError(f"no WebSocket: {head[:200]!r}")

    def exchange(self, payload):
        """Sends a message and waits for its echo."""
        self.socket.sendall(frame(payload))
        echo = self.connection.take(2 + len(payload))
        if echo != echoed(payload):
            raise RuntimeError(f"no echo: {echo!r}")

    def close(self):
        # Thousands of ends that wait for their time would be in the way of what comes next.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


def frame(payload):
    """A text message from a client."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload


def echoed(payload):
    """The same from a server."""
    return bytes((0x81, len(payload))) + payload
