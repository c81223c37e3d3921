"""RFC 9113 §3 to §7: preface, frames, streams, and each type of frame."""

import struct

from case import Answer, Closed, Either, Goaway, Ignored, Reset, case, sends
from wire import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, PRIORITY_FLAG,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, goaway, literal, ping, reset, settings,
    window_update,
)

PROTOCOL, SIZE, FLOW = "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "FLOW_CONTROL_ERROR"

# A priority that depends on stream 0, with weight 16.
LEVEL = struct.pack(">IB", 0, 15)


def get(stream=1, **how):
    return lambda wire: wire.request(stream, **how)


def post(stream=1, **how):
    return lambda wire: wire.request(stream, end=False, method="POST", **how)


def opened(wire):
    """The block of a request, cut in three."""
    whole = block(wire.fields())
    return whole[:5], whole[5:20], whole[20:]


# §3.4 Preface

sends("9113 §3.4", "a preface, SETTINGS and a request at once", Answer(), PREFACE, settings(), get(), silent=True)
sends("9113 §3.4", "a preface that is none is read as HTTP/1", Closed(), PREFACE.replace(b"SM", b"XX"), silent=True)


@case("9113 §3.4", "our SETTINGS are the first frame, and say what R13 asks for", Answer())
def _(wire):
    wire.until(lambda: wire.settings is not None or wire.streams or wire.goaway)
    assert not wire.streams and not wire.goaway
    said = {int(key): value for key, value in wire.settings.items()}
    assert said[3] == 100 and said[4] == 262_144 and said[5] == 16_384 and said[6] == 32_768, said
    wire.send(wire.request())


# §4.1 Frame format

sends("9113 §4.1", "a frame of an unknown type", Ignored(), frame(0x2A, 0xFF, 0, b"x" * 20))
sends("9113 §4.1", "a frame of an unknown type on a stream that is idle", Ignored(), frame(0x2A, 0, 7, b"x"))
sends("9113 §4.1", "flags that PING does not have", Ignored(), frame(PING, 0xFE, 0, b"undefine"))
sends("9113 §4.1", "flags that HEADERS does not have", Answer(), get(flags=END_HEADERS | 0x92))
sends("9113 §4.1", "the reserved bit of a stream's identifier", Answer(), get(1 | 1 << 31))

# §4.2 Frame size

sends("9113 §4.2", "DATA of 2^14 bytes", Answer(), post(), frame(DATA, END_STREAM, 1, b"x" * 16_384))
sends("9113 §4.2", "DATA of more", Goaway(SIZE), post(), frame(DATA, END_STREAM, 1, b"x" * 16_385))
sends("9113 §4.2", "HEADERS of more", Goaway(SIZE),
      lambda w: frame(HEADERS, 5, 1, block(w.fields(extra=[("x", "y" * 16_400)]))))
sends("9113 §4.2", "SETTINGS of more", Goaway(SIZE), settings([(0x2A, 1)] * 2731))
sends("9113 §4.2", "an unknown frame of more", Goaway(SIZE), frame(0x2A, 0, 0, b"x" * 16_385))
sends("9113 §4.2", "a length of 2^24-1 and no more", Goaway(SIZE), frame(DATA, 0, 1, b"", length=(1 << 24) - 1))

# §4.3 Field blocks

sends("9113 §4.3", "a field block that is none", Goaway("COMPRESSION_ERROR", said=PROTOCOL),
      frame(HEADERS, 5, 1, b"\x40"))
sends("9113 §4.3", "PRIORITY within a field block", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), frame(PRIORITY, 0, 1, LEVEL))
sends("9113 §4.3", "HEADERS of another stream within a field block", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), get(3))

# §5.1 States of streams

sends("9113 §5.1", "idle: DATA", Goaway(PROTOCOL), frame(DATA, END_STREAM, 1, b"x"))
sends("9113 §5.1", "idle: RST_STREAM", Goaway(PROTOCOL), reset(1))
sends("9113 §5.1", "idle: WINDOW_UPDATE", Goaway(PROTOCOL), window_update(1, 100))
sends("9113 §5.1", "idle: CONTINUATION", Goaway(PROTOCOL), frame(CONTINUATION, END_HEADERS, 1, b"\x82"))
sends("9113 §5.1", "idle: PRIORITY", Answer(), frame(PRIORITY, 0, 1, LEVEL), get())
sends("9113 §5.1", "half-closed (remote): DATA", Goaway("STREAM_CLOSED", said=PROTOCOL),
      get(path="/hold"), frame(DATA, END_STREAM, 1, b"x"))
sends("9113 §5.1", "half-closed (remote): HEADERS", Goaway("STREAM_CLOSED", said=PROTOCOL), get(path="/hold"), get())
sends("9113 §5.1", "half-closed (remote): CONTINUATION", Goaway(PROTOCOL),
      get(path="/hold"), frame(CONTINUATION, END_HEADERS, 1, b"\x82"))
sends("9113 §5.1", "half-closed (remote): WINDOW_UPDATE and PRIORITY", Answer(),
      get(), window_update(1, 100), frame(PRIORITY, 0, 1, LEVEL))
sends("9113 §5.1", "half-closed (remote): RST_STREAM", Ignored(), get(path="/hold"), reset(1))


def after_reset(*parts):
    return [get(path="/hold"), reset(1), *parts]


sends("9113 §5.1", "closed by RST_STREAM: DATA", Either(Reset("STREAM_CLOSED"), Goaway("STREAM_CLOSED", said=PROTOCOL)),
      *after_reset(frame(DATA, END_STREAM, 1, b"x")))
sends("9113 §5.1", "closed by RST_STREAM: HEADERS", Goaway("STREAM_CLOSED", said=PROTOCOL), *after_reset(get()))
sends("9113 §5.1", "closed by RST_STREAM: CONTINUATION", Goaway(PROTOCOL),
      *after_reset(frame(CONTINUATION, END_HEADERS, 1, b"\x82")))


def done(wire):
    """A stream whose both sides have ended."""
    got = wire.get(1)
    assert got.status == 200
    return b""


sends("9113 §5.1", "closed: DATA", Reset("STREAM_CLOSED"), done, frame(DATA, END_STREAM, 1, b"x"), seen=1)
sends("9113 §5.1", "closed: HEADERS", Goaway("STREAM_CLOSED", said=PROTOCOL), done, get(), seen=1)
sends("9113 §5.1", "closed: CONTINUATION", Goaway(PROTOCOL), done, frame(CONTINUATION, 4, 1, b"\x82"), seen=1)
sends("9113 §5.1", "closed: WINDOW_UPDATE, RST_STREAM and PRIORITY", Ignored(),
      done, window_update(1, 5), reset(1), frame(PRIORITY, 0, 1, LEVEL), seen=1)

# §5.1.1 Identifiers

sends("9113 §5.1.1", "an even identifier", Goaway(PROTOCOL), get(2))
sends("9113 §5.1.1", "an identifier smaller than one before", Goaway(PROTOCOL), get(5, path="/hold"), get(3))
sends("9113 §5.1.1", "the largest identifier", Answer(), get(2**31 - 1), stream=2**31 - 1)


@case("9113 §5.1.1", "identifiers that were skipped are closed", Goaway(PROTOCOL), seen=1)
def _(wire):
    assert wire.get(9).status == 200
    wire.send(wire.request(7))


# §5.1.2 Concurrency


@case("9113 §5.1.2", "one stream more than we allow is refused, and the others are not", Reset("REFUSED_STREAM"),
      stream=201)
def _(wire):
    wire.send(*(wire.request(2 * n + 1, path="/hold") for n in range(100)), wire.request(201))


@case("9113 §5.1.2", "a stream that ends makes room for another", Answer(), stream=203)
def _(wire):
    wire.send(*(wire.request(2 * n + 1, path="/hold") for n in range(100)))
    assert wire.sync()
    wire.send(reset(1), wire.request(203))


# §5.3 Priority

sends("9113 §5.3.1", "HEADERS that depend on their own stream", Reset(PROTOCOL),
      lambda w: frame(HEADERS, 5 | PRIORITY_FLAG, 1, struct.pack(">IB", 1, 15) + block(w.fields())))
sends("9113 §5.3.1", "PRIORITY that depends on its own stream", Reset(PROTOCOL),
      get(path="/hold"), frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 15)))
sends("9113 §5.3.2", "weights, dependencies and exclusiveness are read over", Answer(),
      *(frame(PRIORITY, 0, 1, struct.pack(">IB", on, weight)) for on, weight in
        [(0, 0), (0, 255), (3, 7), (1 << 31 | 3, 7)]), get())

# §5.4 Errors

sends("9113 §5.4.1", "nothing after an error of the connection is read", Goaway(SIZE, said=PROTOCOL),
      frame(PING, 0, 0, b"short"), get())
sends("9113 §5.4.2", "an error of a stream leaves the others alone", Answer(),
      get(1, path="/else", extra=[("connection", "close")]), get(3), stream=3)

# §5.5 Extensions

sends("9113 §5.5", "an unknown frame within a field block", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), frame(0x2A, 0, 0, b"x"))
sends("9113 §5.5", "an unknown setting", Ignored(), settings({0x2A2A: 1, 9: 1}))

# §6.1 DATA

sends("9113 §6.1", "DATA in several frames, some empty", Answer(),
      post(), frame(DATA, 0, 1, b"a"), frame(DATA, 0, 1), frame(DATA, 0, 1, b"b"), frame(DATA, END_STREAM, 1))
sends("9113 §6.1", "DATA with padding", Answer(), post(), frame(DATA, END_STREAM | PADDED, 1, b"\5body" + b"\0" * 5))
sends("9113 §6.1", "DATA on stream 0", Goaway(PROTOCOL), post(), frame(DATA, END_STREAM, 0, b"x"))
sends("9113 §6.1", "DATA with as much padding as payload", Goaway(PROTOCOL), post(), frame(DATA, 9, 1, b"\5five!"[:5]))
sends("9113 §6.1", "padded DATA without a length of padding", Goaway(SIZE, said=PROTOCOL), post(), frame(DATA, 9, 1))

# §6.2 HEADERS

sends("9113 §6.2", "HEADERS with padding and priority", Answer(), lambda w: frame(
    HEADERS, 5 | PADDED | PRIORITY_FLAG, 1, b"\3" + LEVEL + block(w.fields()) + b"\0" * 3))
sends("9113 §6.2", "HEADERS on stream 0", Goaway(PROTOCOL), get(0))
sends("9113 §6.2", "HEADERS with more padding than payload", Goaway(PROTOCOL),
      frame(HEADERS, 5 | PADDED, 1, b"\xff\x82"))
sends("9113 §6.2", "HEADERS too short for their priority", Goaway(SIZE, said=PROTOCOL),
      frame(HEADERS, 5 | PRIORITY_FLAG, 1, b"\0\0"))

# §6.3 PRIORITY

sends("9113 §6.3", "PRIORITY on stream 0", Goaway(PROTOCOL), frame(PRIORITY, 0, 0, LEVEL))
sends("9113 §6.3", "PRIORITY of another length", Goaway(SIZE, said=PROTOCOL), frame(PRIORITY, 0, 1, LEVEL[:4]))

# §6.4 RST_STREAM

sends("9113 §6.4", "RST_STREAM on stream 0", Goaway(PROTOCOL), reset(0))
sends("9113 §6.4", "RST_STREAM of another length", Goaway(SIZE, said=PROTOCOL),
      get(path="/hold"), frame(RST_STREAM, 0, 1, b"\0\0\0"))

# §6.5 SETTINGS

sends("9113 §6.5", "an ACK with a payload", Goaway(SIZE, said=PROTOCOL), frame(SETTINGS, ACK, 0, b"\0" * 6))
sends("9113 §6.5", "SETTINGS on a stream", Goaway(PROTOCOL), frame(SETTINGS, 0, 1))
sends("9113 §6.5", "SETTINGS of a length that is no multiple of 6", Goaway(SIZE, said=PROTOCOL),
      frame(SETTINGS, 0, 0, b"\0" * 5))
sends("9113 §6.5.2", "ENABLE_PUSH of 2", Goaway(PROTOCOL), settings({2: 2}))
sends("9113 §6.5.2", "INITIAL_WINDOW_SIZE above 2^31-1", Goaway(FLOW, said=PROTOCOL), settings({4: 1 << 31}))
sends("9113 §6.5.2", "MAX_FRAME_SIZE below 2^14", Goaway(PROTOCOL), settings({5: 16_383}))
sends("9113 §6.5.2", "MAX_FRAME_SIZE above 2^24-1", Goaway(PROTOCOL), settings({5: 1 << 24}))
sends("9113 §6.5.2", "HEADER_TABLE_SIZE of 2^32-1, then answers", Answer(), settings({1: 2**32 - 1}), get())
sends("9113 §6.5.2", "HEADER_TABLE_SIZE of 0, then answers", Answer(), settings({1: 0}), get())
sends("9113 §6.5.3", "an ACK of what was not sent", Goaway(PROTOCOL), settings(ack=True), settings(ack=True))


@case("9113 §6.5.3", "of two values of one setting the last counts", Answer())
def _(wire):
    wire.grows = False
    wire.send(settings([(4, 10), (4, 1)]), wire.request())
    wire.until(lambda: wire.stream(1).body)
    assert wire.sync() and len(wire.stream(1).body) == 1, wire
    wire.send(settings({4: 65_535}))


# §6.6 PUSH_PROMISE, §6.7 PING, §6.8 GOAWAY

sends("9113 §6.6", "PUSH_PROMISE from a client", Goaway(PROTOCOL),
      post(path="/hold"), lambda w: frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(w.fields())))


@case("9113 §6.7", "PING is answered with its own bytes", Ignored())
def _(wire):
    wire.send(ping(b"\0\1\2\3\4\5\6\7"))
    assert wire.until(lambda: wire.pongs) and wire.pongs == {b"\0\1\2\3\4\5\6\7"}


@case("9113 §6.7", "an answer to no PING", Ignored())
def _(wire):
    wire.send(ping(b"unasked!", ack=True))
    assert wire.sync() and b"unasked!" not in wire.pongs


sends("9113 §6.7", "PING on a stream", Goaway(PROTOCOL), frame(PING, 0, 1, b"12345678"))
sends("9113 §6.7", "PING of another length", Goaway(SIZE, said=PROTOCOL), frame(PING, 0, 0, b"123456"))
sends("9113 §6.8", "GOAWAY on a stream", Goaway(PROTOCOL), frame(GOAWAY, 0, 1, b"\0" * 8))
sends("9113 §6.8", "GOAWAY of another length", Goaway(SIZE, said=PROTOCOL), frame(GOAWAY, 0, 0, b"\0" * 7))


@case("9113 §6.8", "after a GOAWAY what was asked is answered, and the connection ends", Goaway("NO_ERROR"), seen=1)
def _(wire):
    wire.send(wire.request(), goaway(0))
    assert wire.answer().status == 200


# §6.9 WINDOW_UPDATE

sends("9113 §6.9", "a window of the connection opened by 0", Goaway(PROTOCOL), window_update(0, 0))
sends("9113 §6.9", "a window of a stream opened by 0", Goaway(PROTOCOL), get(path="/hold"), window_update(1, 0))
sends("9113 §6.9", "WINDOW_UPDATE of another length", Goaway(SIZE, said=PROTOCOL), frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"))
sends("9113 §6.9", "the reserved bit of an increment", Ignored(), window_update(0, 1 << 31 | 1))
sends("9113 §6.9.1", "the connection's window above 2^31-1", Goaway(FLOW), window_update(0, 2**31 - 1))
sends("9113 §6.9.1", "a stream's window above 2^31-1", Reset(FLOW), get(path="/hold"), window_update(1, 2**31 - 1))


@case("9113 §6.9.1", "a window of one byte is kept to", Answer())
def _(wire):
    wire.grows = False
    wire.send(settings({4: 1}), wire.request())
    for length in range(1, 4):
        wire.until(lambda: len(wire.stream(1).body) >= length)
        assert wire.sync() and len(wire.stream(1).body) == length, wire
        wire.send(window_update(1, 1))
    wire.send(window_update(1, 60_000))


@case("9113 §6.9.1", "DATA beyond the window of its stream", Reset(FLOW))
def _(wire):
    # Our SETTINGS hold from their ACK on.
    assert wire.sync() and wire.sync()
    wire.send(wire.request(end=False, method="POST", path="/deaf"), *[frame(DATA, 0, 1, b"x" * 16_384)] * 17)


@case("9113 §6.9.2", "a changed initial window holds for streams that are open", Answer())
def _(wire):
    wire.grows = False
    wire.send(settings({4: 0}), wire.request())
    assert wire.until(lambda: wire.stream(1).status == 200) and wire.sync() and not wire.stream(1).body
    wire.send(settings({4: 1}))
    wire.until(lambda: wire.stream(1).body)
    assert wire.sync() and len(wire.stream(1).body) == 1, wire
    wire.send(settings({4: 60_000}))


@case("9113 §6.9.2", "a window below 0 is waited for", Answer())
def _(wire):
    wire.grows = False
    wire.send(settings({4: 3}), wire.request())
    wire.until(lambda: len(wire.stream(1).body) == 3)
    wire.send(settings({4: 2}), window_update(1, 1))
    assert wire.sync() and len(wire.stream(1).body) == 3, wire
    wire.send(window_update(1, 1))
    wire.until(lambda: len(wire.stream(1).body) >= 4)
    assert wire.sync() and len(wire.stream(1).body) == 4, wire
    wire.send(window_update(1, 60_000))


sends("9113 §6.9.2", "SETTINGS that bring a stream's window above 2^31-1", Goaway(FLOW),
      get(path="/hold"), window_update(1, 2**31 - 1 - 65_535), settings({4: 65_536}))

# §6.10 CONTINUATION

sends("9113 §6.10", "a field block in three frames", Answer(),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), lambda w: frame(CONTINUATION, 0, 1, opened(w)[1]),
      lambda w: frame(CONTINUATION, END_HEADERS, 1, opened(w)[2]))
sends("9113 §6.10", "CONTINUATION, then DATA", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, 0, 1, opened(w)[0]), lambda w: frame(CONTINUATION, 0, 1, opened(w)[1]),
      frame(DATA, END_STREAM, 1, b"x"))
sends("9113 §6.10", "CONTINUATION on stream 0", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), frame(CONTINUATION, END_HEADERS, 0, b"\x82"))
sends("9113 §6.10", "CONTINUATION of another stream", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, END_STREAM, 1, opened(w)[0]), frame(CONTINUATION, END_HEADERS, 3, b"\x82"))
sends("9113 §6.10", "CONTINUATION after END_HEADERS", Goaway(PROTOCOL),
      post(path="/hold"), frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")))
sends("9113 §6.10", "CONTINUATION after CONTINUATION with END_HEADERS", Goaway(PROTOCOL),
      lambda w: frame(HEADERS, 0, 1, block(w.fields(method="POST", path="/hold"))[:5]),
      lambda w: frame(CONTINUATION, END_HEADERS, 1, block(w.fields(method="POST", path="/hold"))[5:]),
      frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")))
sends("9113 §6.10", "CONTINUATION after DATA", Goaway(PROTOCOL),
      post(path="/hold"), frame(DATA, 0, 1, b"x"), frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")))

# §7 Error codes

sends("9113 §7", "RST_STREAM with an unknown code", Ignored(), get(path="/hold"), reset(1, 0xFFFF))


@case("9113 §7", "GOAWAY with an unknown code", Goaway("NO_ERROR"), seen=1)
def _(wire):
    wire.send(wire.request(), goaway(0, 0xFFFF))
    assert wire.answer().status == 200
