"""Who is not signed in and says so otherwise; what is hidden in what (R1, R3, R5, R6, R8, R9, R24).

The service tells by itself what it must not hear: a forged value, a hidden request, two framings, two hosts.
"""

import json

import hpack

from abuse import abuse
from bed import FORGED, HIDDEN
from wire import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, Wire, block, frame, integer, literal

NAMES = [
    "x-wx-openid", "x-wx-appid", "x-wx-unionid", "x-wx-source", "x-wx-phone", "x-wx-phone-country", "x-wx-assertion",
    "x-wx-from-openid", "x-wx-anything", "x_wx_openid", "x-wx_openid", "x_wx-source", "x.wx.openid", "x-wx.phone",
    "x!wx!openid", "x~wx~openid", "x|wx|openid", "x`wx`openid", "x'wx'openid", "x*wx*openid", "x+wx+openid",
    "x$wx$openid", "x%wx%openid", "x&wx&openid", "x#wx#openid", "x^wx^openid", "x-real-ip", "x_real_ip", "forwarded",
    "x-forwarded-for", "x_forwarded_for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix",
    "x-forwarded-user", "x-original-url", "x-rewrite-url", "x_rewrite_url", "proxy",
]

FIELDS = [(name, FORGED) for name in NAMES]


def forgery(title, send):
    """`send(wire, fields)` brings `fields` in on stream 1, or on others and a last one that is returned."""
    @abuse("forgery", title)
    def play(bed, path):
        token = bed.token()
        for at, (path_, credential) in enumerate([(path, None), (f"/optional{path}", None), (f"/optional{path}", token)]):
            known = [("authorization", f"Bearer {credential}")] if credential else []
            for some in [FIELDS[n:n + 8] for n in range(0, len(FIELDS), 8)] + [FIELDS]:
                with Wire(bed.address) as wire:
                    wire.path = path_
                    last = send(wire, known, some) or 1
                    answer = wire.answer(last)
                    assert answer.status == 200, f"{some}: {wire}"
                    named = [line for line in json.loads(answer.body)["lines"] if line[0].startswith("x-wx-")]
                    if credential:
                        assert sorted(name for name, _ in named) == [
                            "x-wx-appid", "x-wx-openid", "x-wx-source", "x-wx-unionid"], named
                        assert ["x-wx-source", "wx_client"] in named
                        assert credential not in answer.body.decode()
                    else:
                        assert named == [], named


forgery("as literals", lambda w, known, fields: w.send(w.request(extra=[*known, *fields])))
forgery("before all other fields", lambda w, known, fields: w.send(w.request(extra=[*fields, *known])))
forgery("each twice", lambda w, known, fields: w.send(w.request(extra=[*known, *fields, *fields])))
forgery("as literals that are never kept", lambda w, known, fields: w.send(w.request(
    fields=block(w.fields(extra=known)) + b"".join(literal(*field, 0x10) for field in fields))))
forgery("in Huffman's code, and kept", lambda w, known, fields: w.send(w.request(
    fields=hpack.Encoder().encode(w.fields(extra=[*known, *fields]), huffman=True))))


@lambda send: forgery("kept by one request, and named by the next", send)
def _(wire, known, fields):
    some = fields[:16]
    kept = b"".join(literal(*field, 0x40) for field in some)
    wire.send(wire.request(1, fields=block(wire.fields(extra=known)) + kept))
    assert wire.answer(1).status == 200
    named = b"".join(integer(62 + n, 7, 0x80) for n in range(len(some)))
    wire.send(wire.request(3, fields=block(wire.fields(extra=known)) + named))
    return 3


@lambda send: forgery("names kept by one request, with a value in the next", send)
def _(wire, known, fields):
    some = fields[:16]
    kept = b"".join(literal(name, "", 0x40) for name, _ in some)
    wire.send(wire.request(1, fields=block(wire.fields(extra=known)) + kept))
    assert wire.answer(1).status == 200
    value = integer(len(FORGED), 7) + FORGED.encode()
    named = b"".join(integer(62 + n, 4) + value for n in range(len(some)))
    wire.send(wire.request(3, fields=block(wire.fields(extra=known)) + named))
    return 3


@lambda send: forgery("in CONTINUATION frames, cut within names", send)
def _(wire, known, fields):
    whole = block(wire.fields(extra=[*known, *fields]))
    cuts = [whole[at:at + len(whole) // 4 + 1] for at in range(0, len(whole), len(whole) // 4 + 1)]
    wire.send(frame(HEADERS, END_STREAM, 1, cuts[0]), *(
        frame(CONTINUATION, END_HEADERS if cut is cuts[-1] else 0, 1, cut) for cut in cuts[1:]))


@lambda send: forgery("in trailers, which are announced", send)
def _(wire, known, fields):
    named = ("trailer", ", ".join(name for name, _ in fields))
    wire.send(wire.request(end=False, method="POST", extra=[*known, named]), frame(DATA, 0, 1, b"body"),
              frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields)))


@lambda send: forgery("in trailers alone, without a body", send)
def _(wire, known, fields):
    named = ("trailer", ", ".join(name for name, _ in fields))
    wire.send(wire.request(end=False, method="POST", extra=[*known, named]),
              frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields)))


@lambda send: forgery("in trailers, kept from the head", send)
def _(wire, known, fields):
    some = fields[:16]
    kept = b"".join(literal(*field, 0x40) for field in some)
    named = block([("trailer", ", ".join(name for name, _ in some))])
    head = block(wire.fields(method="POST", extra=known)) + named + kept
    indexed = b"".join(integer(62 + n, 7, 0x80) for n in range(len(some)))
    wire.send(frame(HEADERS, END_HEADERS, 1, head), frame(DATA, 0, 1, b"body"),
              frame(HEADERS, END_HEADERS | END_STREAM, 1, indexed))


@abuse("forgery", "names with upper-case letters end the connection")
def _(bed, path):
    for name in ["X-WX-OPENID", "X-Wx-Openid", "x-wx-openiD", "X_WX_OPENID"]:
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(wire.request(extra=[(name, FORGED)]))
            assert wire.end() == "PROTOCOL_ERROR"
    assert not bed.service.count(path, whole=False)


@abuse("forgery", "a connection field that names identity")
def _(bed, path):
    for value in ["x-wx-openid", "x_wx_openid", "close, x-wx-source"]:
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(wire.request(extra=[("connection", value)]))
            wire.answer()
            assert wire.stream(1).reset == "PROTOCOL_ERROR"
    assert not bed.service.count(path, whole=False)


# Requests within requests

INNER = f"GET {HIDDEN} HTTP/1.1\r\nHost: a\r\n\r\n"


def smuggle(title, send, most=1):
    """Whatever comes of it, the service hears at most one request, and nothing that was hidden."""
    @abuse("smuggling", title)
    def play(bed, path):
        with Wire(bed.address) as wire:
            wire.path = path
            send(wire)
            wire.until(lambda: wire.stream(1).ended or wire.stream(1).reset or wire.goaway)
        # The next request on the same connection to the service is read as it was meant.
        with Wire(bed.address) as wire:
            assert wire.get(1, path=path + "/next").status == 200
        came = bed.service.count(path)
        assert came <= most, f"{came} requests came to the service"


def fields(title, *extra, most=1, **how):
    smuggle(title, lambda w: w.send(w.request(extra=extra, **how)), most)


def bodied(title, body, *extra, most=1, method="POST", parts=None):
    smuggle(title, lambda w: w.send(
        w.request(end=False, method=method, extra=extra), frame(DATA, END_STREAM, 1, body)), most)


bodied("H2.CL: a body longer than its content-length", b"x" + INNER.encode(), ("content-length", "1"), most=0)
# Whether the body comes before or after its request went on: it does not go on.
bodied("H2.0: a body beside a content-length of 0", INNER.encode(), ("content-length", "0"))
bodied("H2.CL: a body shorter than its content-length", b"x", ("content-length", "500"), most=0)
bodied("H2.TE: chunks beside transfer-encoding", b"0\r\n\r\n" + INNER.encode(), ("transfer-encoding", "chunked"), most=0)
bodied("H2.TE: the same in another spelling", b"0\r\n\r\n" + INNER.encode(), ("transfer_encoding", "chunked"))
bodied("chunks as a body are a body", b"0\r\n\r\n" + INNER.encode())
bodied("GET with a body", INNER.encode(), method="GET")
bodied("HEAD with a body", INNER.encode(), method="HEAD")
bodied("DELETE with a body", INNER.encode(), method="DELETE")
bodied("OPTIONS with a body", INNER.encode(), method="OPTIONS")
bodied("an endpoint of ours with a body of its own", INNER.encode(), ("content-type", "text/plain"))
for value in ["5, 5", "+5", "0x5", "5 5", "５", "-1", "1e1", " 5"]:
    bodied(f"content-length {value!r}", b"12345", ("content-length", value.encode()), most=0)
bodied("two content-lengths", INNER.encode(), ("content-length", "0"), ("content-length", str(len(INNER))), most=0)
bodied("content-length in another spelling", INNER.encode(), ("content_length", "0"))
bodied("Expect beside a body", INNER.encode(), ("expect", "100-continue"))
bodied("Expect of something else", INNER.encode(), ("expect", "200-ok"))
fields("an end of a line in a value", ("x", f"y\r\n\r\n{INNER}"), most=0)
fields("a bare LF in a value", ("x", f"y\nx-wx-openid: {FORGED}"), most=0)
fields("an end of a line in a name", (f"x: y\r\nx-wx-openid: {FORGED}\r\nx", "y"), most=0)
fields("a colon in a name", (f"x-wx-openid: {FORGED}", "y"), most=0)
fields("an end of a line in :method", method=f"{INNER}GET", most=0)
fields("an end of a line in :path", path=f"/ HTTP/1.1\r\nHost: a\r\n\r\n{INNER}", most=0)
fields("an end of a line in :scheme", scheme=f"http\r\n\r\n{INNER}", most=0)
fields("an end of a line in :authority", authority=f"a\r\n\r\n{INNER}", most=0)
fields("a path in :scheme", scheme=f"http://a{HIDDEN}?", most=0)
fields("a path in :authority", authority=f"a{HIDDEN}", most=0)
fields("user-info in :authority", authority="b@a", most=0)
fields("a host that differs", ("host", "b"), most=0)
fields("a host that differs, in another spelling", ("x-forwarded-host", FORGED), ("x_host", "b"))
fields("two hosts", ("host", "a"), ("host", "a"), most=0)
fields("a host with a list", ("host", "a, b"), without=[":authority"], most=0)
fields("two :authority", (":authority", "b"), most=0)
fields("an upgrade to h2c", ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__"), most=0)
fields("http2-settings alone", ("http2-settings", "AAMAAABkAAQAAP__"))
fields("CONNECT to somebody else", method="CONNECT", authority="127.0.0.1:22", without=[":scheme", ":path"], most=0)
fields("a path that climbs to another route", path="/abuse/%2e%2e/closed", most=0)
fields("a path of two slashes", path="//b/x")


@abuse("smuggling", "padding that looks like a request")
def _(bed, path):
    with Wire(bed.address) as wire:
        wire.path = path
        pad = INNER.encode()
        wire.send(wire.request(end=False, method="POST"),
                  frame(DATA, END_STREAM | PADDED, 1, bytes([len(pad)]) + b"body" + pad))
        assert wire.answer().status == 200 and b'"body": "body"' in wire.stream(1).body


@abuse("smuggling", "uploads that break off leave nothing behind for the next request")
def _(bed, path):
    for n in range(20):
        with Wire(bed.address) as wire:
            wire.path = path
            wire.send(wire.request(end=False, method="POST", extra=[("content-length", "1000")]),
                      frame(DATA, 0, 1, b"x" * 900))
            assert wire.sync()
        with Wire(bed.address) as wire:
            assert wire.get(1, path=f"{path}/next").status == 200
    assert not bed.service.count(path) and bed.service.count(f"{path}/next") == 20
