"""One connection of HTTP/2 as bytes: frames are written as they are wanted, right or wrong.

What comes back is read by hyperframe and hpack, which know nothing of the gateway.
"""

import socket
import struct
import time
from dataclasses import dataclass, field

import hpack
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE = range(6)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(6, 10)

END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 32

ERRORS = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
]

# Nothing takes longer to come about, on the slowest machine.
PATIENCE = 15


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """A frame's bytes; `length` may lie."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(values=(), ack=False):
    pairs = values.items() if isinstance(values, dict) else values
    return frame(SETTINGS, ACK if ack else 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(data=b"12345678", ack=False):
    return frame(PING, ACK if ack else 0, 0, data)


def window_update(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=0, data=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + data)


def literal(name, value, prefix=0x00):
    """A field as HPACK writes it without table and Huffman: any bytes at all."""
    def text(part):
        part = part.encode("latin-1") if isinstance(part, str) else part
        return integer(len(part), 7) + part
    return bytes([prefix]) + text(name) + text(value)


def integer(value, bits, first=0):
    """RFC 7541 §5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def block(fields):
    """A header block of literals."""
    return b"".join(literal(name, value) for name, value in fields)


@dataclass
class Stream:
    """What came back on a stream."""

    status: int = 0
    headers: list = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: str = ""

    def header(self, name):
        return next((value for other, value in self.headers if other == name), None)


class Wire:
    """A connection, on which nothing was said but the preface unless `silent`."""

    def __init__(self, address, values=(), silent=False, grows=True, patience=PATIENCE):
        self.socket = socket.create_connection(address, timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.patience = patience
        self.buffer = b""
        self.decoder = hpack.Decoder(max_header_list_size=1 << 20)
        self.streams = {}
        self.settings = None
        self.goaway = None
        self.closed = False
        self.pongs = set()
        self.windows = {}
        self.grows = grows
        self.path = "/"
        self.partial = None
        self.pings = 0
        if not silent:
            self.send(PREFACE, settings(values))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        """Writes frames. A gateway that has closed is no error here: what it said is still to be read."""
        try:
            self.socket.sendall(b"".join(parts))
            return True
        except OSError:
            return False

    def fields(self, method="GET", path=None, authority="a", scheme="http", extra=(), without=()):
        """The fields of a request; `extra` come after the pseudo-headers."""
        pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path or self.path)]
        return [pair for pair in pseudo if pair[0] not in without] + list(extra)

    def request(self, stream=1, end=True, fields=None, flags=END_HEADERS, **how):
        """The HEADERS frame of a request."""
        payload = block(self.fields(**how)) if fields is None else fields
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, payload)

    def stream(self, number):
        return self.streams.setdefault(number, Stream())

    def read(self):
        """Takes one frame; `False` at the end of the connection."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    head, _ = frames.Frame.parse_frame_header(memoryview(self.buffer[:9]))
                    head.parse_body(memoryview(self.buffer[9:9 + length]))
                    self.buffer = self.buffer[9 + length:]
                    self.take(head)
                    return True
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                raise AssertionError(f"nothing came for {self.patience} s: {self}") from None
            except OSError:
                more = b""
            if not more:
                self.closed = True
                return False
            self.buffer += more

    def take(self, got):
        if isinstance(got, frames.SettingsFrame) and "ACK" not in got.flags:
            self.settings = got.settings
            self.send(settings(ack=True))
        elif isinstance(got, frames.PingFrame):
            if "ACK" in got.flags:
                self.pongs.add(got.opaque_data)
            else:
                self.send(ping(got.opaque_data, ack=True))
        elif isinstance(got, frames.GoAwayFrame):
            # Of two the last counts: a connection that drains may still be ended for an error.
            self.goaway = ERRORS[got.error_code]
        elif isinstance(got, frames.RstStreamFrame):
            self.stream(got.stream_id).reset = ERRORS[got.error_code]
        elif isinstance(got, frames.WindowUpdateFrame):
            self.windows[got.stream_id] = self.windows.get(got.stream_id, 0) + got.window_increment
        elif isinstance(got, frames.HeadersFrame):
            stream = self.stream(got.stream_id)
            assert "END_HEADERS" in got.flags, "answers of the suite are short"
            fields = [(str(n), str(v)) for n, v in self.decoder.decode(got.data)]
            stream.headers += fields
            stream.status = stream.status or int(dict(fields)[":status"])
            stream.ended |= "END_STREAM" in got.flags
        elif isinstance(got, frames.DataFrame):
            stream = self.stream(got.stream_id)
            stream.body += got.data
            stream.ended |= "END_STREAM" in got.flags
            if self.grows and got.flow_controlled_length:
                self.send(window_update(0, got.flow_controlled_length))
                if not stream.ended:
                    self.send(window_update(got.stream_id, got.flow_controlled_length))

    def until(self, holds):
        """Reads until `holds()`; `False`: the connection ended before."""
        end = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < end, f"it did not come about: {self}"
            if not self.read():
                return holds()
        return True

    def sync(self):
        """Whether all that was sent was read, and the connection lives."""
        self.pings += 1
        mark = b"sync%04d" % self.pings
        return self.send(ping(mark)) and self.until(lambda: mark in self.pongs)

    def answer(self, number=1):
        """The whole answer on a stream, however it ends."""
        stream = self.stream(number)
        self.until(lambda: stream.ended or stream.reset)
        return stream

    def end(self):
        """Reads to the end of the connection; the code of its GOAWAY, or `None`."""
        while self.read():
            pass
        return self.goaway

    def get(self, number, **how):
        self.send(self.request(number, **how))
        return self.answer(number)

    def __repr__(self):
        streams = {number: (s.status, s.ended, s.reset, len(s.body)) for number, s in self.streams.items()}
        return f"goaway {self.goaway}, closed {self.closed}, streams {streams}"
