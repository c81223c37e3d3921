"""An honest client beside the abuse, in a process of its own: how long does each of its requests take?

It brings its own service, so that nothing but the gateway and the machine make it wait. What the machine
alone does is measured at the same time, without the gateway.

It says its service's URL, reads the gateway's address, and answers each further line with what it
measured since the one before.
"""

import json
import select
import socket
import socketserver
import sys
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# Pauses between two requests, so that the probe is no abuse itself.
PACE = 0.005

# Connections in turn, so that every worker is asked.
CONNECTIONS = 8


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pending = b""
        while more := self.request.recv(65_536):
            pending += more
            while b"\r\n\r\n" in pending:
                _, pending = pending.split(b"\r\n\r\n", 1)
                self.request.sendall(ANSWER)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


class Client:
    """A connection that is kept, and made anew where it was idle for too long."""

    def __init__(self, address):
        self.address, self.socket = address, None

    def ask(self):
        """Seconds to the answer."""
        for _ in range(2):
            start = time.monotonic()
            try:
                if self.socket is None:
                    self.socket = socket.create_connection(self.address, timeout=20)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.socket.sendall(b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n")
                said = b""
                while not said.endswith(b"\r\n\r\nok"):
                    more = self.socket.recv(65_536)
                    if not more:
                        raise ConnectionError(said)
                    said += more
                assert said.startswith(b"HTTP/1.1 200"), said
                return time.monotonic() - start
            except OSError:
                self.socket = None
        raise AssertionError("nobody is answered")


def figures(times):
    times = sorted(times)
    at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 1)  # noqa: E731
    return {"count": len(times), "p50": at(0.5), "p99": at(0.99), "most": at(1)}


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("http://127.0.0.1:%d" % server.server_address[1], flush=True)
    host, port = sys.stdin.readline().split(":")
    through = [Client((host, int(port))) for _ in range(CONNECTIONS)]
    beside = Client(server.server_address)
    waits, machine = [], []
    while True:
        if select.select([sys.stdin], [], [], PACE)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"waits": figures(waits or [0]), "machine": figures(machine or [0])}), flush=True)
            waits, machine = [], []
        client = through[0]
        through.append(through.pop(0))
        waits.append(client.ask())
        machine.append(beside.ask())


if __name__ == "__main__":
    main()
