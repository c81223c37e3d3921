"""Clients that open no window, read nothing, or leave what they began."""

import socket
import struct
import time

from abuse import abuse, flood, stops, waits_for_end
from wire import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, Wire, block, frame, settings, window_update

# `timeouts.stream`, and the longest that a tick, a look and a slow machine make of it.
STREAM, LATE = 1.9, 12

BIG = "/big/4000000"


def stall(title, values=(), path=BIG, more=b"", streams=1):
    """Answers that nobody takes: the connection ends within `timeouts.stream`."""
    @abuse("windows", title)
    def play(bed, _):
        with Wire(bed.address, values, grows=False) as wire:
            assert wire.sync()
            start = time.monotonic()
            wire.send(*(wire.request(2 * n + 1, path=path) for n in range(streams)), more)
            while wire.read():
                pass
            took = time.monotonic() - start
            assert STREAM <= took <= LATE, f"it ended after {took:.1f} s"
            assert not any(stream.ended for stream in wire.streams.values()), wire


stall("an initial window of 0", {4: 0})
stall("an initial window of 0, for an answer of 200 bytes", {4: 0}, "/big/200")
stall("an initial window of 0, for an answer of our own", {4: 0}, "/closed")
stall("an initial window of 0 on 100 streams", {4: 0}, streams=100)
stall("a connection's window that is never opened", {4: 2**31 - 1}, streams=1)
stall("a connection's window that is never opened, on 100 streams", {4: 2**31 - 1}, streams=100)
stall("a stream's window that is never opened", more=window_update(0, 1 << 30))
stall("a window that falls below 0 in the middle", more=window_update(0, 1 << 30) + settings({4: 0}))
stall("one stream that stalls among others that are taken", {4: 0}, more=window_update(1, 1000))


@abuse("windows", "windows opened by one byte at a time")
def _(bed, _):
    with Wire(bed.address, {4: 0}, grows=False) as wire:
        wire.send(wire.request(path=BIG))
        assert wire.until(lambda: wire.stream(1).status == 200)
        flood(wire, window_update(1, 1), 4000)
        stops(wire)


@abuse("windows", "a client that reads nothing at all")
def _(bed, _):
    with Wire(bed.address, {4: 2**31 - 1}, grows=False) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(window_update(0, 1 << 30), *(wire.request(2 * n + 1, path="/big/20000000") for n in range(20)))
        start = time.monotonic()
        # Nothing can be said to who does not read: the kernel alone still holds what was said.
        assert bed.service.until(lambda: not bed.is_open(wire), LATE), "it goes on"
        assert time.monotonic() - start >= STREAM


# Streams that are left half-open


@abuse("half-open", "100 uploads that never begin")
def _(bed, _):
    with Wire(bed.address) as wire:
        streams = range(1, 201, 2)
        wire.send(*(wire.request(one, end=False, method="POST", path="/closed") for one in streams))
        # Each is refused before its body comes, and none of them is kept.
        for one in streams:
            assert wire.answer(one).status == 403
        wire.send(wire.request(201))
        assert wire.answer(201).status == 200


@abuse("half-open", "100 uploads to the service that never go on")
def _(bed, path):
    with Wire(bed.address) as wire:
        streams = range(1, 201, 2)
        wire.send(*(wire.request(one, end=False, method="POST", path=path) for one in streams),
                  *(frame(DATA, 0, one, b"x") for one in streams))
        for one in streams:
            wire.until(lambda one=one: wire.stream(one).status or wire.stream(one).reset)
            assert wire.stream(one).status in (408, 0), wire
    assert not bed.service.count(path), "the service got a whole request"


@abuse("half-open", "an upload to a service that takes nothing")
def _(bed, _):
    with Wire(bed.address) as wire:
        wire.send(wire.request(end=False, method="POST", path="/deaf"))
        assert wire.sync() and wire.sync()
        wire.send(*[frame(DATA, 0, 1, b"x" * 16_384)] * 16)
        wire.answer()
        assert wire.stream(1).status in (408, 504), wire


@abuse("half-open", "100 streams that a slow service holds")
def _(bed, _):
    with Wire(bed.address) as wire:
        wire.send(*(wire.request(2 * n + 1, path="/hold/slow") for n in range(100)))
        assert all(wire.answer(2 * n + 1).status == 504 for n in range(100)), wire


@abuse("half-open", "a header block that never ends")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.send(frame(HEADERS, END_STREAM, 1, block(wire.fields(path=path))))
        waits_for_end(wire, 1, LATE)


@abuse("half-open", "a preface and nothing more")
def _(bed, _):
    with Wire(bed.address, silent=True) as wire:
        wire.send(PREFACE)
        waits_for_end(wire, 0, LATE)


@abuse("half-open", "half a preface")
def _(bed, _):
    with Wire(bed.address, silent=True) as wire:
        wire.send(PREFACE[:20])
        waits_for_end(wire, 0, LATE)


@abuse("half-open", "half a frame")
def _(bed, _):
    with Wire(bed.address) as wire:
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x82", length=16_384))
        waits_for_end(wire, 1, LATE)


@abuse("half-open", "a connection that says nothing, and answers no PING")
def _(bed, _):
    with Wire(bed.address) as wire:
        waits_for_end(wire, 1, LATE)


@abuse("half-open", "200 connections that say nothing after their SETTINGS")
def _(bed, _):
    wires = [Wire(bed.address) for _ in range(200)]
    try:
        for wire in wires:
            waits_for_end(wire, 0, LATE)
    finally:
        for wire in wires:
            wire.socket.close()


@abuse("half-open", "uploads of one byte a second keep no stream for ever")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.send(wire.request(end=False, method="POST", path=path, extra=[("content-length", "3")]))
        # Silence, not slowness, is what `timeouts.body` ends: this one is honest.
        for byte in (b"a", b"b", b"c"):
            time.sleep(0.5)
            wire.send(frame(DATA, END_STREAM if byte == b"c" else 0, 1, byte))
        assert wire.answer().status == 200 and struct.pack(">B", 97) in wire.stream(1).body
