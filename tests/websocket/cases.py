"""The cases that both ends of a WebSocket are asked, after Autobahn's groups 1 to 7 and 10.

Each is a list of steps of the end that drives: bytes to send, and how they are chopped. What must come
back, and what the other end must have seen, follows from `Case`. README.md beside this file says what of
Autobahn's list is left out, and why.
"""

from dataclasses import dataclass, field

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

# What a gateway that knows frames says by itself, and what it leaves to the ends.
GATEWAY, ENDS = "gateway", "ends"


@dataclass
class Frame:
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    # Bytes a write; 0: all of it at once.
    chop: int = 0
    # Wait until something has come back.
    pause: bool = False


@dataclass
class Case:
    name: str
    frames: list
    # What comes back before the end: (opcode, payload).
    echoes: list = field(default_factory=list)
    # The code of the close frame that comes last, and who decides so. `None`: one without a code.
    code: int | None = 1000
    by: str = ENDS
    # All frames in one write of so many bytes each; 0: frame by frame.
    chop: int = 0

    @property
    def closes(self):
        """Whether the case says good-bye by itself."""
        return any(frame.opcode == CLOSE for frame in self.frames)


def cases():
    return [
        *messages(),
        *pings(),
        *reserved_bits(),
        *opcodes(),
        *fragments(),
        *utf8(),
        *closes(),
        *pieces(),
    ]


def messages():
    sizes = [0, 125, 126, 127, 128, 65535, 65536]
    for group, opcode, byte in [(1, TEXT, b"*"), (2, BINARY, b"\xfe")]:
        for number, size in enumerate(sizes, 1):
            payload = byte * size
            yield Case(f"1.{group}.{number}", [Frame(opcode, payload)], [(opcode, payload)])
        payload = byte * 65536
        yield Case(f"1.{group}.8", [Frame(opcode, payload, chop=997)], [(opcode, payload)])


def pings():
    def answered(name, *payloads, **more):
        frames = [Frame(PING, payload, **more) for payload in payloads]
        return Case(name, frames, [(PONG, payload) for payload in payloads])

    yield answered("2.1", b"")
    yield answered("2.2", b"Hello, world!")
    yield answered("2.3", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")
    yield answered("2.4", b"\xfe" * 125)
    yield Case("2.5", [Frame(PING, b"\xfe" * 126)], code=1002, by=GATEWAY)
    yield answered("2.6", b"\xfe" * 125, chop=1)
    yield Case("2.7", [Frame(PONG)])
    yield Case("2.8", [Frame(PONG, b"unsolicited pong payload")])
    yield Case("2.9", [Frame(PONG, b"unsolicited"), Frame(PING, b"ping")], [(PONG, b"ping")])
    ten = [f"payload-{number}".encode() for number in range(10)]
    yield answered("2.10", *ten)
    yield answered("2.11", *ten, chop=1)


def reserved_bits():
    hello = Frame(TEXT, b"Hello, world!")
    echo = [(TEXT, hello.payload)]

    def wrong(name, bad, before=(), chop=0):
        frames = [*before, bad, Frame(PING)]
        return Case(name, frames, echo if before else [], code=1002, by=GATEWAY, chop=chop)

    yield wrong("3.1", Frame(TEXT, b"Hello", rsv=1))
    yield wrong("3.2", Frame(TEXT, b"Hello", rsv=2), [hello])
    yield wrong("3.3", Frame(TEXT, b"Hello", rsv=3), [hello], chop=7)
    yield wrong("3.4", Frame(TEXT, b"Hello", rsv=4), [hello], chop=1)
    yield wrong("3.5", Frame(BINARY, b"\x00\xff", rsv=5))
    yield wrong("3.6", Frame(PING, b"Hello", rsv=6))
    yield Case("3.7", [Frame(CLOSE, b"\x03\xe8", rsv=7)], code=1002, by=GATEWAY)


def opcodes():
    hello = Frame(TEXT, b"Hello, world!")
    for group, first in [(1, 3), (2, 11)]:
        for number in range(1, 6):
            before = [hello] if number > 2 else []
            payload = b"reserved opcode payload" if number in (2, 4) else b""
            bad = Frame(first + number - 1, payload)
            echoes = [(TEXT, hello.payload)] if before else []
            chop = {4: 5, 5: 1}.get(number, 0)
            frames = [*before, bad, Frame(PING)]
            yield Case(f"4.{group}.{number}", frames, echoes, code=1002, by=GATEWAY, chop=chop)


def fragments():
    def text(*parts):
        last = len(parts) - 1
        return [Frame(CONT if at else TEXT, part, fin=at == last) for at, part in enumerate(parts)]

    whole = [(TEXT, b"fragment1fragment2")]
    one, two = text(b"fragment1", b"fragment2")
    ping, pong = Frame(PING, b"ping payload"), [(PONG, b"ping payload")]

    def wrong(name, *frames, echoes=(), chop=0):
        return Case(name, list(frames), list(echoes), code=1002, by=GATEWAY, chop=chop)

    yield wrong("5.1", Frame(PING, b"fragment1", fin=False), Frame(CONT, b"fragment2"))
    yield wrong("5.2", Frame(PONG, b"fragment1", fin=False), Frame(CONT, b"fragment2"))
    yield Case("5.3", [one, two], whole, chop=4096)
    yield Case("5.4", [one, two], whole)
    yield Case("5.5", [one, two], whole, chop=1)
    yield Case("5.6", [one, ping, two], pong + whole)
    yield Case("5.7", [one, Frame(PING, b"ping payload", pause=True), two], pong + whole)
    yield Case("5.8", [one, ping, two], pong + whole, chop=1)
    hello = Frame(TEXT, b"Hello, world!")
    for number, fin, chop in [(9, True, 0), (10, True, 9), (11, True, 1), (12, False, 0), (13, False, 9), (14, False, 1)]:
        lost = Frame(CONT, b"non-continuation payload", fin=fin)
        yield wrong(f"5.{number}", lost, hello, chop=chop)
    lost = Frame(CONT, b"fragment3", fin=False)
    yield wrong("5.15", one, two, lost, Frame(TEXT, b"fragment4"), echoes=whole)
    again = [Frame(CONT, b"fragment1", fin=False), Frame(TEXT, b"fragment2", fin=False), Frame(CONT, b"fragment3")]
    yield wrong("5.16", *again, *again)
    again[0] = Frame(CONT, b"fragment1")
    yield wrong("5.17", *again, *again)
    yield wrong("5.18", one, Frame(TEXT, b"fragment2"))
    five = text(*(f"fragment{number}".encode() for number in range(1, 6)))
    echoed = [(PONG, b"pongme 1!"), (PONG, b"pongme 2!"), (TEXT, b"".join(part.payload for part in five))]
    pings = [Frame(PING, b"pongme 1!"), Frame(PING, b"pongme 2!")]
    mixed = [*five[:2], pings[0], *five[2:4], pings[1], five[4]]
    yield Case("5.19", mixed, echoed)
    yield Case("5.20", mixed, echoed, chop=3)


def run(first, end, after=""):
    return " ".join(f"{byte:02x}{after}" for byte in range(first, end))


# Of each group of 6: whether the ends must take them, and the texts.
UTF8 = {
    "6.5": (True, ["ce ba", "ce ba e1 bd b9", "ce ba e1 bd b9 cf 83", "ce ba e1 bd b9 cf 83 ce bc", "ce ba e1 bd b9 cf 83 ce bc ce b5"]),
    "6.6": (False, ["ce", "ce ba e1", "ce ba e1 bd", "ce ba e1 bd b9 cf", "ce ba e1 bd b9 cf 83 ce", "ce ba e1 bd b9 cf 83 ce bc ce"]),
    "6.7": (True, ["00", "c2 80", "e0 a0 80", "f0 90 80 80"]),
    "6.8": (False, ["f8 88 80 80 80", "fc 84 80 80 80 80"]),
    "6.9": (True, ["7f", "df bf", "ef bf bf", "f4 8f bf bf"]),
    "6.10": (False, ["f7 bf bf bf", "fb bf bf bf bf", "fd bf bf bf bf bf"]),
    "6.11": (True, ["ed 9f bf", "ee 80 80", "ef bf bd", "f4 8f bf bf"]),
    "6.12": (False, ["80", "bf", "80 bf", "80 bf 80", "80 bf 80 bf", "80 bf 80 bf 80", "80 bf 80 bf 80 bf", "80 bf 80 bf 80 bf 80", run(0x80, 0xC0)]),
    "6.13": (False, [run(0xC0, 0xE0, " 20"), run(0xE0, 0xF0, " 20"), run(0xF0, 0xF8, " 20"), run(0xF8, 0xFC, " 20"), run(0xFC, 0xFE, " 20")]),
    "6.14": (False, ["c0", "e0 80", "f0 80 80", "f8 80 80 80", "fc 80 80 80 80", "df", "ef bf", "f7 bf bf", "fb bf bf bf", "fd bf bf bf bf"]),
    "6.15": (False, ["c0 e0 80 f0 80 80 f8 80 80 80 fc 80 80 80 80 df ef bf f7 bf bf fb bf bf bf fd bf bf bf bf"]),
    "6.16": (False, ["fe", "ff", "fe fe ff ff"]),
    "6.17": (False, ["c0 af", "e0 80 af", "f0 80 80 af", "f8 80 80 80 af", "fc 80 80 80 80 af"]),
    "6.18": (False, ["c1 bf", "e0 9f bf", "f0 8f bf bf", "f8 87 bf bf bf", "fc 83 bf bf bf bf"]),
    "6.19": (False, ["c0 80", "e0 80 80", "f0 80 80 80", "f8 80 80 80 80", "fc 80 80 80 80 80"]),
    "6.20": (False, ["ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed be 80", "ed bf bf"]),
    "6.21": (False, ["ed a0 80 ed b0 80", "ed a0 80 ed bf bf", "ed ad bf ed b0 80", "ed ad bf ed bf bf", "ed ae 80 ed b0 80", "ed ae 80 ed bf bf", "ed af bf ed b0 80", "ed af bf ed bf bf"]),
    "6.22": (True, ["ef bf be", "ef bf bf", "f0 9f bf be", "f0 9f bf bf", "f0 af bf be", "f0 af bf bf", "f0 bf bf be", "f0 bf bf bf", "f1 8f bf be", "f1 8f bf bf", "f1 9f bf be", "f1 9f bf bf", "f1 af bf be", "f1 af bf bf", "f1 bf bf be", "f1 bf bf bf", "f2 8f bf be", "f2 8f bf bf", "f2 9f bf be", "f2 9f bf bf", "f2 af bf be", "f2 af bf bf", "f2 bf bf be", "f2 bf bf bf", "f3 8f bf be", "f3 8f bf bf", "f3 9f bf be", "f3 9f bf bf", "f3 af bf be", "f3 af bf bf", "f3 bf bf be", "f3 bf bf bf", "f4 8f bf be", "f4 8f bf bf"]),
    "6.23": (True, ["ef bf b9", "ef bf ba", "ef bf bb", "ef bf bc", "ef bf bd", "ef bf be", "ef bf bf"]),
}

SPELT = "Hello-µ@ßöäüàá-UTF-8!!".encode()
BROKEN = bytes.fromhex("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64")


def utf8():
    def split(payload, size):
        parts = [payload[at : at + size] for at in range(0, len(payload), size)]
        last = len(parts) - 1
        return [Frame(CONT if at else TEXT, part, fin=at == last) for at, part in enumerate(parts)]

    yield Case("6.1.1", [Frame(TEXT)], [(TEXT, b"")])
    empty = [Frame(TEXT, fin=False), Frame(CONT, fin=False), Frame(CONT)]
    yield Case("6.1.2", empty, [(TEXT, b"")])
    middle = [Frame(TEXT, fin=False), Frame(CONT, b"middle frame payload", fin=False), Frame(CONT)]
    yield Case("6.1.3", middle, [(TEXT, b"middle frame payload")])
    yield Case("6.2.1", [Frame(TEXT, SPELT)], [(TEXT, SPELT)])
    yield Case("6.2.2", split(SPELT, 12), [(TEXT, SPELT)])
    yield Case("6.2.3", split(SPELT, 1), [(TEXT, SPELT)])
    yield Case("6.2.4", split("κόσμε".encode(), 1), [(TEXT, "κόσμε".encode())])
    yield Case("6.3.1", [Frame(TEXT, BROKEN)], code=1007)
    yield Case("6.3.2", split(BROKEN, 1), code=1007)
    # The bad byte has come, the message has not ended: nothing is held back until it has.
    good, bad, rest = bytes.fromhex("ce ba e1 bd b9 cf 83 ce bc ce b5"), b"\xf4\x90\x80\x80", b"edited"
    begun = [Frame(TEXT, good, fin=False), Frame(CONT, bad, fin=False)]
    yield Case("6.4.1", begun, code=1007)
    yield Case("6.4.2", [begun[0], Frame(CONT, bad[:2], fin=False)], code=1007)
    yield Case("6.4.3", [Half(good + bad, rest)], code=1007)
    yield Case("6.4.4", [Half(good + bad[:2], bad[2:] + rest)], code=1007)
    yield Case("6.11.5", [Frame(TEXT, b"\xf4\x90\x80\x80")], code=1007)
    for group, (good, texts) in UTF8.items():
        for number, text in enumerate(texts, 1):
            payload = bytes.fromhex(text)
            echoes, code = ([(TEXT, payload)], 1000) if good else ([], 1007)
            yield Case(f"{group}.{number}", [Frame(TEXT, payload)], echoes, code=code)


class Half(Frame):
    """A frame of which only the first part is ever sent."""

    def __init__(self, sent, kept):
        super().__init__(TEXT, sent + kept)
        self.sent = len(sent)


def closes():
    hello, echo = Frame(TEXT, b"Hello World!"), [(TEXT, b"Hello World!")]
    normal = Frame(CLOSE, b"\x03\xe8")
    yield Case("7.1.1", [hello, normal], echo)
    yield Case("7.1.2", [normal, normal])
    yield Case("7.1.3", [normal, Frame(PING)])
    yield Case("7.1.4", [normal, hello])
    yield Case("7.1.5", [Frame(TEXT, b"fragment1", fin=False), normal, Frame(CONT, b"fragment2")])
    long = b"BAsd7&jh23" * 26214
    yield Case("7.1.6", [Frame(TEXT, long), normal, Frame(PING)], [(TEXT, long)])
    yield Case("7.3.1", [Frame(CLOSE)], code=None)
    yield Case("7.3.2", [Frame(CLOSE, b"a")], code=1002, by=GATEWAY)
    yield Case("7.3.3", [normal])
    yield Case("7.3.4", [Frame(CLOSE, b"\x03\xe8Hello World!")])
    yield Case("7.3.5", [Frame(CLOSE, b"\x03\xe8" + b"*" * 123)])
    yield Case("7.3.6", [Frame(CLOSE, b"\x03\xe8" + b"*" * 124)], code=1002, by=GATEWAY)
    yield Case("7.5.1", [Frame(CLOSE, b"\x03\xe8" + BROKEN)], code=1007)
    known = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for number, code in enumerate(known, 1):
        yield Case(f"7.7.{number}", [Frame(CLOSE, code.to_bytes(2, "big"))], code=code)
    unknown = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
    for number, code in enumerate(unknown, 1):
        yield Case(f"7.9.{number}", [Frame(CLOSE, code.to_bytes(2, "big"))], code=1002)
    for number, code in enumerate([5000, 65535], 1):
        yield Case(f"7.13.{number}", [Frame(CLOSE, code.to_bytes(2, "big"))], code=1002)


def pieces():
    payload = b"*" * 65536
    parts = [payload[at : at + 1300] for at in range(0, len(payload), 1300)]
    last = len(parts) - 1
    frames = [Frame(CONT if at else TEXT, part, fin=at == last) for at, part in enumerate(parts)]
    yield Case("10.1.1", frames, [(TEXT, payload)])
