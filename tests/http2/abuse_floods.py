"""Frames that cost us more than their sender: resets, CONTINUATION, and frames that carry nothing.

And what an honest client sends, however busy: none of it may be taken for a flood.
"""

import struct

import h2.config
import h2.connection
import h2.events

from abuse import abuse, flood, stops
from wire import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PRIORITY, PUSH_PROMISE, SETTINGS, Wire, block,
    frame, goaway, literal, ping, reset, settings, window_update,
)

CALM = "ENHANCE_YOUR_CALM"


def reset_abuse(title, make, code=CALM, most=150, count=400):
    """`make(wire, stream)` gives the frames of one stream."""
    @abuse("resets", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            flood(wire, b"".join(make(wire, 2 * n + 1) for n in range(count)), 1)
            stops(wire, code)
        came = bed.service.count(path, whole=False)
        assert came <= most, f"{came} requests reached the service"


def post(wire, stream, **how):
    return wire.request(stream, end=False, method="POST", **how)


reset_abuse("rapid reset (CVE-2023-44487)", lambda w, s: w.request(s) + reset(s), count=2000)
reset_abuse("rapid reset of uploads", lambda w, s: post(w, s) + frame(DATA, 0, s, b"x" * 20) + reset(s), count=2000)
reset_abuse("rapid reset that says NO_ERROR", lambda w, s: w.request(s) + reset(s, 0), count=2000)
reset_abuse("MadeYouReset (CVE-2025-8671): a window opened by 0", lambda w, s: w.request(s) + window_update(s, 0),
            code="PROTOCOL_ERROR")
reset_abuse("MadeYouReset: a window above 2^31-1", lambda w, s: w.request(s) + window_update(s, 2**31 - 1))
reset_abuse("MadeYouReset: PRIORITY on itself", lambda w, s: w.request(s) + frame(
    PRIORITY, 0, s, struct.pack(">IB", s, 1)))
reset_abuse("MadeYouReset: DATA after END_STREAM", lambda w, s: w.request(s) + frame(DATA, 0, s, b"x"),
            code="PROTOCOL_ERROR")
reset_abuse("MadeYouReset: HEADERS after END_STREAM", lambda w, s: w.request(s) + w.request(s), code="PROTOCOL_ERROR")
reset_abuse("MadeYouReset: DATA beyond content-length", lambda w, s: post(
    w, s, extra=[("content-length", "1")]) + frame(DATA, 0, s, b"xx"))
reset_abuse("MadeYouReset: trailers that do not end", lambda w, s: post(w, s) + frame(
    HEADERS, END_HEADERS, s, literal("x", "y")))
reset_abuse("MadeYouReset: padding beyond the frame", lambda w, s: post(w, s) + frame(DATA, PADDED, s, b"\xff"),
            code="PROTOCOL_ERROR")
reset_abuse("requests with connection fields", lambda w, s: w.request(s, extra=[("connection", "close")]), most=0)
reset_abuse("requests without a method", lambda w, s: w.request(s, without=[":method"]), most=0)
reset_abuse("requests of no fields at all", lambda w, s: frame(HEADERS, 5, s), most=0)
reset_abuse("streams beyond the limit", lambda w, s: w.request(s, path="/hold"), most=0)


@abuse("resets", "streams that are reset when the service has them")
def _(bed, path):
    before = bed.service.requests
    with Wire(bed.address) as wire:
        stream, streams = 1, 0
        while streams < 1500 and not wire.closed:
            some = range(stream, stream + 100, 2)
            wire.send(*(wire.request(one, path="/hold/reset") for one in some))
            if not bed.service.until(lambda: bed.service.holding >= 50, 10):
                break
            wire.send(*(reset(one) for one in some))
            stream, streams = stream + 100, streams + 50
            if not wire.sync():
                break
            bed.service.until(lambda: bed.service.holding == 0, 10)
        stops(wire)
        came = bed.service.requests - before
        assert 100 <= came <= 600, f"{came} requests reached the service"


# CONTINUATION


def continued(title, parts, code=CALM, first=b""):
    @abuse("continuation", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            flood(wire, frame(HEADERS, END_STREAM, 1, first or block(wire.fields())), 1)
            flood(wire, parts, 1)
            # What was begun is never ended: a PING here would be an error by itself.
            assert wire.end() in (code, None), wire.goaway
            assert wire.closed
        assert not bed.service.count(path, whole=False)


continued("empty CONTINUATION for ever (CVE-2024-27316)", frame(CONTINUATION, 0, 1) * 5000)
continued("CONTINUATION of one field each", frame(CONTINUATION, 0, 1, literal("x", "y")) * 5000)
continued("CONTINUATION of 16 KiB each", frame(CONTINUATION, 0, 1, literal("x", "y" * 16_370)) * 200)
continued("CONTINUATION of one byte each", b"".join(
    frame(CONTINUATION, 0, 1, bytes([byte])) for byte in literal("x", "y" * 5000)))
continued("a string that never ends", frame(CONTINUATION, 0, 1, b"y" * 16_384) * 200, first=b"\0\1x\xff\xff\xff\x7f")
continued("CONTINUATION of fields that are kept", frame(CONTINUATION, 0, 1, literal("x", "y" * 4000, 0x40) * 4) * 200)


# Frames that carry nothing

FLOODS = [
    ("PING", ping()),
    ("answers to no PING", ping(ack=True)),
    ("empty SETTINGS", settings()),
    ("SETTINGS with 2,000 settings each", settings([(0x2A2A, 1)] * 2000)),
    ("SETTINGS that move windows", settings({4: 0}) + settings({4: 65_535})),
    ("SETTINGS that move the table", settings({1: 0}) + settings({1: 4096})),
    ("PRIORITY of idle streams", frame(PRIORITY, 0, 9999, struct.pack(">IB", 0, 1))),
    ("WINDOW_UPDATE of the connection", window_update(0, 1)),
    ("unknown frames", frame(0x2A, 0, 0)),
    ("unknown frames of 16 KiB", frame(0x2A, 0, 0, b"x" * 16_384)),
    ("PRIORITY_UPDATE", frame(0x10, 0, 0, struct.pack(">I", 1) + b"u=1")),
    ("RST_STREAM of a stream that has ended", reset(1)),
    ("WINDOW_UPDATE of a stream that has ended", window_update(1, 1)),
    ("a bit of each", ping() + settings() + window_update(0, 1) + frame(0x2A, 0, 0) + reset(1)),
]
for title, chunk in FLOODS:
    def play(bed, path, chunk=chunk):
        with Wire(bed.address) as wire:
            assert wire.get(1).status == 200
            flood(wire, chunk, 3000)
            stops(wire)

    abuse("floods", title)(play)


def body_flood(title, chunk, code=None, times=3000):
    @abuse("floods", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(post(wire, 1))
            flood(wire, chunk, times)
            stops(wire, code)
        assert not bed.service.count(path), "the service got a whole request"


body_flood("empty DATA", frame(DATA, 0, 1), CALM)
body_flood("DATA of nothing but padding", frame(DATA, PADDED, 1, b"\xff" + b"\0" * 255), CALM)
body_flood("DATA of one byte each", frame(DATA, 0, 1, b"x"), CALM)
body_flood("DATA of one byte and padding each", frame(DATA, PADDED, 1, b"\x0ex" + b"\0" * 14), CALM)
body_flood("empty HEADERS as trailers", frame(HEADERS, END_HEADERS, 1), CALM)
body_flood("SETTINGS with streams open", settings({4: 1}) + settings({4: 65_535}))
body_flood("WINDOW_UPDATE of a stream", window_update(1, 1))


@abuse("floods", "PING whose answers are never read")
def _(bed, path):
    with Wire(bed.address) as wire:
        for _ in range(2000):
            if not wire.send(ping() * 100):
                break
        else:
            raise AssertionError("it goes on")


# GOAWAY


def goaway_abuse(title, chunk, code=None):
    @abuse("goaway", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(wire.request(1, path="/hold"))
            assert wire.sync()
            flood(wire, chunk, 1)
            stops(wire, code)


goaway_abuse("GOAWAY without end", goaway(0) * 3000)
goaway_abuse("GOAWAY of 16 KiB without end", goaway(0, 0, b"x" * 16_000) * 1500)
goaway_abuse("GOAWAY whose last stream grows", goaway(0) + goaway(100), "PROTOCOL_ERROR")
goaway_abuse("PUSH_PROMISE without end", frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block([(":method", "GET")])) * 500,
             "PROTOCOL_ERROR")
goaway_abuse("our SETTINGS acknowledged without end", settings(ack=True) * 3000, "PROTOCOL_ERROR")
goaway_abuse("no identifier left", b"".join(
    frame(HEADERS, 5, stream, block([(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")]))
    for stream in (2**31 - 1, 3)), "PROTOCOL_ERROR")


@abuse("goaway", "a GOAWAY, and requests without end after it")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.send(wire.request(1, path="/hold/goaway"), goaway(0))
        for stream in range(3, 203, 2):
            wire.send(wire.request(stream, path=path))
        # What is under way counts: the connection ends when the service has been waited for.
        wire.until(lambda: wire.closed or wire.stream(1).status == 504)
        assert wire.stream(1).status == 504 or wire.closed


@abuse("goaway", "a GOAWAY in the middle of an upload, which is finished")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        wire.send(post(wire, 1), frame(DATA, 0, 1, b"x"), goaway(0), frame(DATA, END_STREAM, 1, b"y"))
        assert wire.answer().status == 200 and b'"body": "xy"' in wire.stream(1).body
        assert wire.end() == "NO_ERROR"


# What honest clients do


@abuse("honest", "600 requests, each with a PING, a PRIORITY and two windows")
def _(bed, path):
    with Wire(bed.address) as wire:
        beside = ping() + window_update(0, 100)
        for n in range(600):
            stream = 2 * n + 1
            wire.send(frame(PRIORITY, 0, stream, b"\0\0\0\0\x10"), beside, wire.request(stream, path=path),
                      window_update(stream, 100))
            assert wire.answer(stream).status == 200, wire
    assert bed.service.count(path) == 600


@abuse("honest", "streams that are left when their answer has begun")
def _(bed, path):
    with Wire(bed.address, grows=False) as wire:
        for n in range(600):
            stream = 2 * n + 1
            wire.send(wire.request(stream, path="/big/200"))
            assert wire.answer(stream).status == 200, wire
            wire.send(reset(stream), window_update(0, 200))


@abuse("honest", "a download of 30 MB, acknowledged frame by frame, by h2's own client")
def _(bed, path):
    with Wire(bed.address, silent=True) as wire:
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        client.send_headers(1, wire.fields(path="/big/30000000"), end_stream=True)
        wire.socket.sendall(client.data_to_send())
        came, ended = 0, False
        while not ended:
            data = wire.socket.recv(1 << 18)
            assert data, f"it ended after {came} bytes"
            events = client.receive_data(data)
            ended = any(isinstance(event, h2.events.StreamEnded) for event in events)
            for event in events:
                if isinstance(event, h2.events.DataReceived):
                    came += len(event.data)
                    client.increment_flow_control_window(event.flow_controlled_length)
                    if not ended:
                        client.increment_flow_control_window(event.flow_controlled_length, 1)
            wire.socket.sendall(client.data_to_send())
        assert came == 30_000_000


def upload(title, size, count):
    @abuse("honest", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(post(wire, 1))
            assert wire.sync() and wire.sync()
            left = 262_144
            for n in range(count):
                # The window that we were given is kept to.
                while left + wire.windows.get(1, 0) < size:
                    assert wire.read()
                left -= size
                assert wire.send(frame(DATA, END_STREAM if n == count - 1 else 0, 1, b"x" * size))
            assert wire.answer().status == 200
        assert len(bed.service.whole[path][0]["body"]) == size * count


upload("an upload of 6 MB in frames of 16 KiB", 16_384, 366)
upload("an upload in 5,000 frames of 100 bytes", 100, 5000)


@abuse("honest", "100 streams at once, 5 times over")
def _(bed, path):
    with Wire(bed.address) as wire:
        for turn in range(5):
            streams = [200 * turn + 2 * n + 1 for n in range(100)]
            wire.send(*(wire.request(stream, path=path) for stream in streams))
            assert all(wire.answer(stream).status == 200 for stream in streams), wire
