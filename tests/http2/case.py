"""A case: what is sent, by whose section, and the one thing that must come of it."""

from dataclasses import dataclass

from bed import FORGED
from wire import Wire

CASES = []

# A stream that no case uses.
LATER = 2001


@dataclass(frozen=True)
class Goaway:
    """The connection ends with this error. `said`: h2's word for it, where the RFC has a narrower one."""

    code: str
    said: str = ""

    def hold(self, wire, stream):
        said = wire.end()
        assert said == (self.said or self.code), f"the connection ended with {said}"


@dataclass(frozen=True)
class Reset:
    """The stream ends with this error, and the connection lives."""

    code: str
    said: str = ""

    def hold(self, wire, stream):
        got = wire.stream(stream)
        assert wire.until(lambda: got.reset), "the connection ended"
        assert got.reset == (self.said or self.code), f"the stream ended with {got.reset}"
        assert wire.sync(), "the connection ended"


@dataclass(frozen=True)
class Answer:
    """The request is answered, and the connection lives."""

    status: int = 200
    then: str = ""

    def hold(self, wire, stream):
        got = wire.answer(stream)
        assert got.status == self.status and got.ended, "another answer, or none"
        if self.then:
            assert wire.until(lambda: got.reset) and got.reset == self.then
        assert wire.sync(), "the connection ended"


@dataclass(frozen=True)
class Either:
    """One of two, both of them right: which one depends on what was read at once."""

    stream: Reset
    connection: Goaway

    def hold(self, wire, stream):
        got = wire.stream(stream)
        if wire.until(lambda: got.reset or wire.goaway) and not wire.goaway:
            self.stream.hold(wire, stream)
        else:
            self.connection.hold(wire, stream)


@dataclass(frozen=True)
class Ignored:
    """Nothing comes of it: the next request is answered."""

    def hold(self, wire, stream):
        assert wire.sync(), "the connection ended"
        assert not any(s.reset for s in wire.streams.values()), "a stream was reset"
        got = wire.get(LATER, path="/ignored")
        assert got.status == 200 and got.ended, "the next request"


@dataclass(frozen=True)
class Closed:
    """The connection ends without a word of HTTP/2."""

    def hold(self, wire, stream):
        assert wire.end() is None, "a GOAWAY"


@dataclass
class Case:
    section: str
    title: str
    expect: object
    play: object
    seen: int
    stream: int
    silent: bool

    def run(self, bed, number):
        path = f"/case/{number}"
        with Wire(bed.address, silent=self.silent) as wire:
            wire.path = path
            try:
                self.play(wire)
                self.expect.hold(wire, self.stream)
            except AssertionError as error:
                return f"{error} ({wire!r})"
        return None

    def reached(self, bed, number):
        """What is wrong with what the service saw, when all is over."""
        came = bed.service.count(f"/case/{number}")
        return None if came == self.seen else f"{came} whole requests came to the service, not {self.seen}"


def case(section, title, expect, seen=None, stream=1, silent=False):
    """Names a function as a case. `seen`: how many whole requests the service gets."""
    if seen is None:
        seen = 1 if expect == Answer() else 0

    def keep(play):
        CASES.append(Case(section, title, expect, play, seen, stream, silent))
        return play

    return keep


def sends(section, title, expect, *parts, **how):
    """A case that is nothing but bytes; functions among them get the wire."""
    @case(section, title, expect, **how)
    def play(wire):
        wire.send(*(part(wire) if callable(part) else part for part in parts))


def asks(section, title, expect, fields=(), seen=None, **how):
    """A case that is one request without a body; `fields` come after the pseudo-headers."""
    sends(section, title, expect, lambda wire: wire.request(extra=fields, **how), seen=seen)


FORGERY = ("x-wx-openid", FORGED)
