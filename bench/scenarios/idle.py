"""Scenarios of memory: what a connection that does nothing keeps resident, in plain HTTP, TLS, HTTP/2, as a tunnel."""

from bench import websocket
from bench.check import trusting
from bench.http1 import Connection
from bench.process import settled_memory
from bench.scenarios.requests import NGINX, WXGATE
from bench.scenarios.scenario import Scenario

# The machine allows 20,000 descriptors a process; a tunnel takes two of the proxy's.
CONNECTIONS, TUNNELS, FIRST = 10_000, 4_000, 50

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
SETTINGS, SETTINGS_ACK = 4, bytes((0, 0, 0, 4, 1, 0, 0, 0, 0))
DATA, HEADERS, END_STREAM = 0, 1, 1


def literal(text):
    """A string of HPACK, as it is (RFC 7541 §5.2)."""
    data = text.encode()
    assert len(data) < 127 + 128
    return (bytes((len(data),)) if len(data) < 127 else bytes((127, len(data) - 127))) + data


def request(token):
    """HEADERS of `GET /` on stream 1: indexed names, nothing put into the table."""
    block = b"\x82\x84\x86" + b"\x01" + literal("localhost") + b"\x0f\x08" + literal(f"Bearer {token}")
    return len(block).to_bytes(3, "big") + bytes((HEADERS, 5, 0, 0, 0, 1)) + block


def open_http2(port, token):
    """A connection of HTTP/2 by prior knowledge, after one request."""
    connection = Connection(port)
    connection.socket.sendall(PREFACE + request(token))
    status = None
    while True:
        head = connection.take(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = connection.take(length)
        if kind == SETTINGS and not flags & 1:
            connection.socket.sendall(SETTINGS_ACK)
        if kind == HEADERS:
            # `:status: 200` is 8 in the static table; nothing else begins an answer that is good here.
            status = status or payload[:1]
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            break
    if status != b"\x88":
        raise RuntimeError(f"not answered with 200: {status!r}")
    return connection


def opened(kind):
    """How one connection is brought to rest."""
    context = trusting()

    def one(running, token):
        if kind == "http2":
            return open_http2(running.port, token)
        if kind == "tunnels":
            tunnel = websocket.Tunnel(running.port, token)
            tunnel.exchange(b"hello")
            return tunnel
        connection = Connection(running.port, context if kind == "tls" else None)
        status, _ = connection.call("GET", "/", [("Authorization", f"Bearer {token}")])
        if status != 200:
            raise RuntimeError(f"not answered with 200: {status}")
        return connection

    return one


def at_rest(kind, count):
    """Bytes for each of `count` connections after one exchange, when memory no longer falls."""
    connect = opened(kind)

    def measure(running, stage, *_):
        # What the first exchanges leave behind is no connection's.
        for _ in range(FIRST):
            connect(running, stage.users.token).close()
        before, held = settled_memory(running.pids), []
        try:
            for _ in range(count):
                held.append(connect(running, stage.users.token))
            after = settled_memory(running.pids)
        finally:
            for connection in held:
                connection.close()
        rss, pss = ((late - early) / count for late, early in zip(after, before))
        return {"bytes_rss": rss, "bytes_pss": pss}

    return measure


def idle(kind, count, titles, notes=("", ""), **changes):
    peers = tuple(peer.but(idle=True, **changes) for peer in (WXGATE, NGINX))
    return Scenario(f"idle-{kind}", titles, peers, at_rest(kind, count), notes, fresh=True, rounds=3,
                    values=("bytes_rss", "bytes_pss"))


def named(count, what):
    return (f"{count:,} {what[0]}, one exchange on each before.", f"{count:,} 个{what[1]}，事先各交换一次。")


IDLE = [
    idle("plain", CONNECTIONS, ("Idle connections, HTTP/1.1", "空闲连接，HTTP/1.1"),
         named(CONNECTIONS, ("connections", "连接"))),
    idle("tls", CONNECTIONS, ("Idle connections, TLS", "空闲连接，TLS"), named(CONNECTIONS, ("connections", "连接")),
         tls=True),
    idle("http2", CONNECTIONS, ("Idle connections, HTTP/2 without TLS", "空闲连接，不带 TLS 的 HTTP/2"),
         named(CONNECTIONS, ("connections", "连接")), h2=True),
    idle("tunnels", TUNNELS, ("Idle WebSockets, both sides", "空闲 WebSocket，含两侧"),
         named(TUNNELS, ("tunnels", "隧道"))),
]
