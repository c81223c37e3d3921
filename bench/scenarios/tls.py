"""Scenarios of TLS and HTTP/2: kept connections, full and resumed handshakes, many streams."""

import time

from bench import load
from bench.check import trusting
from bench.http1 import Connection
from bench.scenarios.requests import NGINX, WXGATE, wrk
from bench.scenarios.scenario import Scenario, per_request

PAIR = (WXGATE.but(tls=True), NGINX.but(tls=True))


def handshakes(resumed):
    """Connections one after another, each with a handshake of the kind and one request."""

    def connect(running, stage, seconds):
        context, session, count = trusting(), None, 0
        headers = [("Authorization", f"Bearer {stage.users.token}"), ("Connection", "close")]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with Connection(running.port, context, session) as connection:
                status, _ = connection.call("GET", "/", headers)
                taken = connection.socket.session_reused
                if status != 200 or (count > 0 and taken != resumed):
                    raise RuntimeError(f"{running.peer.name}: status {status}, resumed: {taken}")
                # The ticket comes behind the handshake, so it is known once an answer was read.
                session = connection.socket.session if resumed else None
            count += 1
        return count

    return per_request(connect)


def cipher(running, stage, settings):
    """What each agrees on with the same client."""
    found = {}
    for one in running:
        with Connection(one.port, trusting()) as connection:
            found[one.peer.name] = "{1} {0}".format(*connection.socket.cipher())
    return {"cipher": found}


def h2(running, stage, seconds):
    return load.h2load(running.url(), seconds, 16, 8, stage.users.token)


EACH = ("One connection after another, each with one request; a P-256 certificate and X25519 on both sides.",
        "连接依次建立，每个连接一个请求；双方均为 P-256 证书与 X25519。")
STREAMS = ("16 connections with 8 streams each; nginx authenticates nobody.", "16 个连接、每个 8 个流；nginx 不做认证。")

TLS = [
    Scenario("tls-keep", ("TLS, small requests, keep-alive", "TLS，小请求，保持连接"), PAIR, wrk(),
             ("64 connections.", "64 个连接。"), before=cipher),
    Scenario("tls-full", ("TLS, full handshakes", "TLS，完整握手"), PAIR, handshakes(False), EACH, before=cipher),
    Scenario("tls-resumed", ("TLS, resumed handshakes", "TLS，会话恢复"), PAIR, handshakes(True), EACH, before=cipher),
]

HTTP2 = [
    Scenario("http2-tls", ("HTTP/2 over TLS, small requests", "TLS 上的 HTTP/2，小请求"),
             tuple(peer.but(h2=True) for peer in PAIR), per_request(h2), STREAMS),
    Scenario("http2-plain", ("HTTP/2 without TLS, small requests", "不带 TLS 的 HTTP/2，小请求"),
             (WXGATE.but(h2=True), NGINX.but(h2=True)), per_request(h2), STREAMS),
]
