"""Servers that get HTTP/2 wrong: what passes with them all shows nothing.

One is kind, and answers whatever comes; one is harsh, and ends each connection that says anything. One is a
gateway that writes down in HTTP/1 what it reads in HTTP/2, as many did before they had their advisories.
"""

import json
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor

import hpack

from bed import Service
from wire import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, frame, ping, settings,
)

# So long without a word, and the kind one ends a connection: nobody waits for what never comes.
SILENCE = 0.25


def requests(connection):
    """Reads frames, and no rule: each request that ends, as fields, body and trailers."""
    connection.settimeout(SILENCE)
    connection.sendall(settings())
    pending, decoder, streams = b"", hpack.Decoder(max_header_list_size=1 << 24), {}
    while more := connection.recv(1 << 16):
        pending += more
        while len(pending) >= len(PREFACE) + 9:
            at = len(PREFACE)
            length = int.from_bytes(pending[at:at + 3], "big")
            if len(pending) < at + 9 + length:
                break
            kind_, flags, number = pending[at + 3], pending[at + 4], int.from_bytes(pending[at + 5:at + 9], "big")
            payload = pending[at + 9:at + 9 + length]
            pending = pending[:at] + pending[at + 9 + length:]
            if kind_ == SETTINGS and not flags & ACK:
                connection.sendall(settings(ack=True))
            elif kind_ == PING and not flags & ACK:
                connection.sendall(ping(payload[:8].ljust(8), ack=True))
            elif kind_ in (HEADERS, DATA, CONTINUATION):
                one = streams.setdefault(number, {"blocks": [], "body": b"", "ends": False})
                one["ends"] |= kind_ != CONTINUATION and bool(flags & END_STREAM)
                if kind_ == DATA:
                    one["body"] += payload
                elif kind_ == HEADERS:
                    one["blocks"].append(payload)
                else:
                    one["blocks"][-1:] = [b"".join(one["blocks"][-1:]) + payload]
                if one["ends"] and (kind_ == DATA or flags & END_HEADERS):
                    try:
                        fields = [decoder.decode(some, raw=True) for some in one["blocks"]]
                    except hpack.HPACKError:
                        fields = []
                    yield number & ~(1 << 31), fields, one["body"]
                    streams.pop(number)


def answer(connection, number, status, body):
    head = hpack.Encoder().encode([(":status", status)])
    connection.sendall(frame(HEADERS, END_HEADERS, number, head) + frame(DATA, END_STREAM, number, body))


def kind(connection):
    for number, _, _ in requests(connection):
        answer(connection, number, "200", b"ok")


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


class Naive:
    """A gateway without rules, in front of a service that tells what it heard."""

    def __init__(self):
        self.service = Service()
        self.address = Peer(self.translate).address

    def token(self):
        return "wxg_none"

    def translate(self, connection):
        upstream = socket.create_connection(self.service.address)
        upstream.settimeout(SILENCE)
        for number, blocks, body in requests(connection):
            if not blocks:
                return
            fields = dict(blocks[0])
            lines = [fields.get(b":method", b"") + b" " + fields.get(b":path", b"/") + b" HTTP/1.1"]
            if b":authority" in fields:
                lines.append(b"host: " + fields[b":authority"])
            lines += [name + b": " + value for name, value in blocks[0] if not name.startswith(b":")]
            if fields.get(b":scheme") not in (b"http", b"https"):
                lines.append(b"x-scheme: " + fields.get(b":scheme", b""))
            framed = {b"content-length", b"transfer-encoding"} & set(fields)
            if body and not framed and fields.get(b":method") == b"POST":
                lines.append(b"content-length: %d" % len(body))
            trailers = b"\r\n".join(name + b": " + value for name, value in blocks[-1]) if len(blocks) > 1 else b""
            if trailers:
                lines = [line for line in lines if not line.startswith(b"content-length")]
                lines.append(b"transfer-encoding: chunked")
                body = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(body), body, trailers) if body else (
                    b"0\r\n%s\r\n\r\n" % trailers)
            upstream.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            said = b""
            while b"\r\n\r\n" not in said or not json_ends(said):
                more = upstream.recv(1 << 16)
                if not more:
                    break
                said += more
            answer(connection, number, "200", said.partition(b"\r\n\r\n")[2])


def toothless_abuses(groups):
    """What passes with a gateway without rules, and is no control."""
    naive, passed = Naive(), []
    for group in ("forgery", "smuggling"):
        for number, one in enumerate(groups[group]):
            failed = one.run(naive, f"{group}/{number}") or naive.service.wrong
            if not failed and not one.control:
                passed.append(one.title)
            naive.service.wrong.clear()
    return passed


def json_ends(said):
    try:
        json.loads(said.partition(b"\r\n\r\n")[2])
        return True
    except ValueError:
        return False
