"""RFC 7541: the decoder of field blocks."""

import hpack

from case import Answer, Goaway, Ignored, Reset, case, sends
from wire import END_STREAM, HEADERS, block, frame, integer, literal, settings

# h2 calls all of them PROTOCOL_ERROR.
BROKEN = Goaway("COMPRESSION_ERROR", said="PROTOCOL_ERROR")


def after(title, section, expect, *bytes_, **how):
    """A whole request, and then bytes of HPACK."""
    sends(f"7541 §{section}", title, expect, lambda w: w.request(fields=block(w.fields()) + b"".join(bytes_)), **how)


def before(title, section, expect, *bytes_, **how):
    """Bytes of HPACK, and then a whole request."""
    sends(f"7541 §{section}", title, expect, lambda w: w.request(fields=b"".join(bytes_) + block(w.fields())), **how)


# §2.3.3 Indexes

after("an index beyond the static table, where the other is empty", "2.3.3", BROKEN, integer(62, 7, 0x80))
after("an index far beyond", "2.3.3", BROKEN, integer(70_000, 7, 0x80))
after("a literal whose name has an index beyond", "2.3.3", BROKEN, integer(70, 6, 0x40) + b"\1y")


@case("7541 §2.3.3", "a field that fell out of the table", BROKEN, seen=1)
def _(wire):
    first = block(wire.fields()) + literal("x-old", "y", 0x40)
    wire.send(wire.request(fields=first))
    assert wire.answer().status == 200
    # A table of 4096 bytes has no room for both.
    wire.send(wire.request(3, fields=literal("x-new", "y" * 4050, 0x40) + integer(63, 7, 0x80)))


# §4.2, §4.3, §6.3 Size of the table

before("a table made smaller, and large again", "4.2", Answer(), integer(0, 5, 0x20), integer(4096, 5, 0x20))
after("a table's size at the end of a block", "4.2", BROKEN, integer(1, 5, 0x20))
before("a table larger than we allow", "6.3", BROKEN, integer(4097, 5, 0x20))
before("a table far larger", "6.3", BROKEN, integer(1 << 27, 5, 0x20))


@case("7541 §4.3", "a table made smaller forgets", BROKEN, seen=1)
def _(wire):
    wire.send(wire.request(fields=block(wire.fields()) + literal("x-old", "y", 0x40)))
    assert wire.answer().status == 200
    wire.send(wire.request(3, fields=integer(0, 5, 0x20) + block(wire.fields()) + integer(62, 7, 0x80)))


@case("7541 §4.4", "a field larger than the table empties it, and is no error", Answer())
def _(wire):
    wire.send(wire.request(fields=block(wire.fields()) + literal("x-large", "y" * 5000, 0x40)))


@case("7541 §4.2", "we keep to a table of 0, and say so", Answer())
def _(wire):
    wire.send(settings({1: 0}))
    assert wire.sync()
    wire.decoder.max_allowed_table_size = 0
    wire.send(wire.request())


# §5.1 Integers

after("an integer that never ends", "5.1", BROKEN, b"\xff" * 40)
after("an integer beyond 32 bits", "5.1", BROKEN, b"\xff" + b"\x80" * 8 + b"\x7f")
after("an integer cut short", "5.1", BROKEN, b"\xff\x80")
after("an integer in more bytes than it needs", "5.1", Answer(), b"\0\x7f\x80\0" + b"x" * 127 + b"\1y")

# §5.2 Strings

after("a string cut short", "5.2", BROKEN, b"\0\1x\5y")
after("a string longer than all that may come", "5.2", BROKEN, b"\0\1x" + integer(1 << 27, 7))
after("Huffman: padding of more than 7 bits", "5.2", BROKEN, b"\0\1x\x82\x1f\xff")
after("Huffman: padding of zeros", "5.2", BROKEN, b"\0\1x\x81\x18")
after("Huffman: EOS in a string", "5.2", BROKEN, b"\0\1x\x84\xff\xff\xff\xff")
after("Huffman: bytes that no field may have", "5.2", Goaway("PROTOCOL_ERROR"), b"\0\1x\x82\xff\xc7")


@case("7541 §5.2", "Huffman, tables and all that an encoder does", Answer(), stream=3)
def _(wire):
    encoder = hpack.Encoder()
    fields = wire.fields(extra=[("x-huffman", "ünïcode?".encode().decode("latin-1")), ("cookie", "a=1")])
    for stream in (1, 3):
        fields[3] = (":path", "/else" if stream == 1 else wire.path)
        wire.send(frame(HEADERS, 4 | END_STREAM, stream, encoder.encode(fields)))
        assert wire.answer(stream).status == 200


# §6 Representations

after("index 0", "6.1", BROKEN, b"\x80")
after("a field of the static table", "6.1", Answer(), integer(16, 7, 0x80))
after("a field of the static table without a value", "6.1", Answer(), integer(19, 7, 0x80))
after("a literal that is kept, its name of the table", "6.2.1", Answer(), integer(58, 6, 0x40) + b"\3abc")
after("a literal that is kept, its name new", "6.2.1", Answer(), literal("x", "y", 0x40))
after("a literal that is not kept, its name of the table", "6.2.2", Answer(), integer(58, 4, 0x00) + b"\3abc")
after("a literal that is never kept", "6.2.3", Answer(), literal("x", "y", 0x10))


@case("7541 §2.2", "a table lives as long as its connection, across streams", Answer(), stream=3)
def _(wire):
    wire.send(wire.request(path="/else", fields=block(wire.fields(path="/else")) + literal("x-kept", "yes", 0x40)))
    assert wire.answer(1).status == 200
    wire.send(wire.request(3, fields=block(wire.fields()) + integer(62, 7, 0x80)))
    assert b'["x-kept", "yes"]' in wire.answer(3).body


@case("7541 §2.2", "a request that is refused leaves the table as it should be", Answer(), stream=3)
def _(wire):
    broken = block(wire.fields()) + literal("connection", "close") + literal("x-kept", "yes", 0x40)
    wire.send(wire.request(fields=broken))
    wire.send(wire.request(3, fields=block(wire.fields()) + integer(62, 7, 0x80)))
    assert b'["x-kept", "yes"]' in wire.answer(3).body
    assert wire.stream(1).reset == "PROTOCOL_ERROR"
