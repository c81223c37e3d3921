"""Heads that are small on the wire and large when they are read."""

import hpack

from abuse import abuse, flood, stops
from wire import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Wire, block, frame, integer, literal, settings

CALM = "ENHANCE_YOUR_CALM"


@abuse("bombs", "a field of 4 KB, 16,000 times by its index (CVE-2016-6581)")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        bomb = literal("x", "y" * 4000, 0x40)
        wire.send(wire.request(fields=block(wire.fields()) + bomb + integer(62, 7, 0x80) * 12_000))
        stops(wire, CALM)
    assert not bed.service.count(path)


@abuse("bombs", "the same over many streams")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        wire.send(wire.request(1, fields=block(wire.fields()) + literal("x", "y" * 4000, 0x40)))
        assert wire.answer(1).status == 200
        bomb = block(wire.fields()) + integer(62, 7, 0x80) * 30
        for stream in range(3, 1003, 2):
            wire.send(wire.request(stream, fields=bomb))
            assert wire.answer(stream).status == 431, wire
        assert wire.sync()
    assert bed.service.count(path) == 1


@abuse("bombs", "the same in CONTINUATION frames")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        wire.send(frame(HEADERS, END_STREAM, 1, block(wire.fields()) + literal("x", "y" * 4000, 0x40)))
        flood(wire, frame(CONTINUATION, 0, 1, integer(62, 7, 0x80) * 16_000), 20)
        assert wire.end() in (CALM, None), wire
    assert not bed.service.count(path)


def crumbs(title, count, status, crumb=("cookie", "a=1")):
    @abuse("bombs", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            payload = block(wire.fields()) + literal(*crumb, 0x40) + integer(62, 7, 0x80) * (count - 1)
            parts = [payload[at:at + 16_000] for at in range(0, len(payload), 16_000)]
            wire.send(frame(HEADERS, END_STREAM | (END_HEADERS if len(parts) == 1 else 0), 1, parts[0]),
                      *(frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, 1, part) for part in parts[1:]))
            if status:
                assert wire.answer().status == status and wire.sync(), wire
            else:
                stops(wire, CALM)
        assert bed.service.count(path) == (status == 200)
        if status == 200:
            cookies = [value for name, value in bed.service.whole[path][0]["lines"] if name == "cookie"]
            assert cookies == ["; ".join(["a=1"] * count)]


crumbs("500 cookie crumbs are one line", 500, 200)
crumbs("1,000 cookie crumbs", 1000, 431)
crumbs("5,000 cookie crumbs", 5000, 0)
crumbs("20,000 cookie crumbs", 20_000, 0)
crumbs("500 fields", 500, 431, ("x", "y"))
crumbs("5,000 empty fields", 5000, 0, ("x", ""))


@abuse("bombs", "25,000 names that differ")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        payload = block(wire.fields()) + b"".join(literal(f"x{n}", "") for n in range(25_000))
        parts = [payload[at:at + 16_000] for at in range(0, len(payload), 16_000)]
        flood(wire, frame(HEADERS, END_STREAM, 1, parts[0]), 1)
        flood(wire, b"".join(frame(CONTINUATION, 0, 1, part) for part in parts[1:]), 1)
        assert wire.end() in (CALM, None), wire
    assert not bed.service.count(path)


def large(title, status, **how):
    @abuse("bombs", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            payload = block(wire.fields(**how))
            wire.send(frame(HEADERS, END_STREAM, 1, payload[:16_000]),
                      *(frame(CONTINUATION, 0, 1, payload[at:at + 16_000]) for at in range(16_000, len(payload), 16_000)),
                      frame(CONTINUATION, END_HEADERS, 1))
            assert wire.answer().status == status and wire.sync(), wire
        assert not bed.service.count(path)


large("a value of 33 KiB", 431, extra=[("x", "y" * 33 * 1024)])
large("a name of 33 KiB", 431, extra=[("x" * 33 * 1024, "y")])
large("a path of 9 KiB", 414, path="/" + "x" * 9 * 1024)
large("a path of 33 KiB", 431, path="/" + "x" * 33 * 1024)
large("an authority of 33 KiB", 431, authority="a" * 33 * 1024)
large("101 fields", 431, extra=[(f"x-{n}", "y") for n in range(101)])


@abuse("bombs", "trailers as large as a bomb")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        wire.send(wire.request(end=False, method="POST"))
        bomb = literal("x", "y" * 4000, 0x40) + integer(62, 7, 0x80) * 12_000
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb))
        stops(wire, CALM)
    assert not bed.service.count(path)


@abuse("bombs", "the table made small and large in each of 500 requests")
def _(bed, path):
    with Wire(bed.address) as wire:
        size = integer(0, 5, 0x20) + integer(4096, 5, 0x20)
        for stream in range(1, 1001, 2):
            fields = block(wire.fields(path=path)) + literal("x", "y" * 4000, 0x40)
            wire.send(wire.request(stream, fields=size * 20 + fields))
            assert wire.answer(stream).status == 200, wire


@abuse("bombs", "we are offered a table of 4 GiB, in 1,000 answers")
def _(bed, path):
    with Wire(bed.address, {1: 2**32 - 1}) as wire:
        wire.decoder.max_allowed_table_size = 2**32 - 1
        for stream in range(1, 2001, 2):
            assert wire.get(stream, path=path).status == 200, wire
        assert wire.decoder.header_table_size <= 4096


@abuse("bombs", "100 answers of a bomb at once, by an encoder that keeps all")
def _(bed, path):
    with Wire(bed.address) as wire:
        encoder = hpack.Encoder()
        for n in range(100):
            fields = wire.fields(path=path, extra=[(f"x-{n}-{k}", "y" * 300) for k in range(50)])
            wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, encoder.encode(fields)[:16_384]))
            assert wire.answer(2 * n + 1).status == 200 or wire.closed
        wire.send(settings())
        assert wire.sync()
