"""Scenarios of streams: WebSocket messages that are echoed, and events sent to many who listen."""

import selectors
import time
from contextlib import ExitStack

from bench import websocket
from bench.http1 import Connection
from bench.scenarios.requests import NGINX, WXGATE
from bench.scenarios.scenario import Scenario, per_request, weigh
from bench.streams import EVENT

TUNNELS, LISTENERS = 64, 1000
MESSAGE = b"m" * 64


def echo(running, stage, seconds):
    """One message under way on each tunnel, always; the number of echoes."""
    question, answer = websocket.frame(MESSAGE), websocket.echoed(MESSAGE)
    tunnels = [websocket.Tunnel(running.port, stage.users.token) for _ in range(TUNNELS)]
    count, end = 0, time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for tunnel in tunnels:
            selector.register(tunnel.socket, selectors.EVENT_READ)
            tunnel.socket.sendall(question)
        while time.monotonic() < end:
            for key, _ in selector.select(1):
                if key.fileobj.recv(4096) != answer:
                    raise RuntimeError(f"{running.peer.name}: an echo is broken")
                key.fileobj.sendall(question)
                count += 1
    for tunnel in tunnels:
        tunnel.close()
    return count


def fan_out(running, stage, seconds, _):
    """The events that all listeners together are sent, once all of them have had one."""
    with ExitStack() as into:
        selector, listeners = into.enter_context(selectors.DefaultSelector()), []
        for _ in range(LISTENERS):
            listener = into.enter_context(Connection(running.port))
            listener.socket.sendall(b"GET /streams/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                                    + stage.users.token.encode() + b"\r\n\r\n")
            listeners.append(listener)
        for listener in listeners:
            while EVENT not in listener.rest:
                listener.more()
            selector.register(listener.socket, selectors.EVENT_READ)
        return weigh(running, lambda: listen(selector, running, seconds))


def listen(selector, running, seconds):
    """How many events come; each is written at once, so the end of one counts it."""
    received, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(1):
            data = key.fileobj.recv(1 << 16)
            if not data:
                raise RuntimeError(f"{running.peer.name}: a stream has ended")
            received += data.count(EVENT[-3:])
    if received < LISTENERS:
        raise RuntimeError(f"{running.peer.name}: {received} events for {LISTENERS} listeners")
    return received


STREAMS = [
    Scenario("websocket", ("WebSocket echo, per message", "WebSocket 回显，每条消息"), (WXGATE, NGINX), per_request(echo),
             ("64 tunnels, one message of 64 bytes under way on each. Client and service are Python and set the rate: "
              "only CPU counts.",
              "64 条隧道，各有一条 64 字节的消息往返。客户端与服务均为 Python，速率由它们决定：只看 CPU。")),
    Scenario("sse", ("Server-sent events, per event", "服务器推送事件，每个事件"), (WXGATE, NGINX), fan_out,
             ("1,000 listeners, ten events a second each. nginx does not buffer here.",
              "1,000 个监听者，每秒各十个事件。此处 nginx 不做缓冲。")),
]
