"""Two servers that get HTTP/2 wrong: each case must fail with one of them, or it shows nothing.

One is kind, and answers whatever comes; the other is harsh, and ends each connection that says anything.
"""

import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor

import hpack

from wire import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, frame, ping, settings,
)

# So long without a word, and the kind one ends a connection: nobody waits for what never comes.
SILENCE = 0.25


def kind(connection):
    """Reads frames, and no rule."""
    connection.settimeout(SILENCE)
    connection.sendall(settings())
    pending = b""
    while more := connection.recv(1 << 16):
        pending += more
        while len(pending) >= len(PREFACE) + 9:
            at = len(PREFACE)
            length = int.from_bytes(pending[at:at + 3], "big")
            if len(pending) < at + 9 + length:
                break
            kind_, flags, stream = pending[at + 3], pending[at + 4], pending[at + 5:at + 9]
            payload = pending[at + 9:at + 9 + length]
            pending = pending[:at] + pending[at + 9 + length:]
            if kind_ == SETTINGS and not flags & ACK:
                connection.sendall(settings(ack=True))
            elif kind_ == PING and not flags & ACK:
                connection.sendall(ping(payload[:8].ljust(8), ack=True))
            elif kind_ in (HEADERS, DATA, CONTINUATION) and (flags & END_STREAM or kind_ == CONTINUATION):
                number = int.from_bytes(stream, "big") & ~(1 << 31)
                head = hpack.Encoder().encode([(":status", "200")])
                connection.sendall(frame(HEADERS, END_HEADERS, number, head) + frame(DATA, END_STREAM, number, b"ok"))


def harsh(connection):
    connection.recv(1)


class Peer:
    """A server that treats each connection by `manner`."""

    def __init__(self, manner):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    manner(self.request)
                except OSError:
                    # The case is over.
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 512

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def toothless(cases):
    """The cases that neither peer fails."""
    peers = [Peer(kind), Peer(harsh)]

    def passes(one):
        return all(one.run(peer, 0) is None for peer in peers)

    with ThreadPoolExecutor(16) as pool:
        return [one for one, passed in zip(cases, pool.map(passes, cases)) if passed]


