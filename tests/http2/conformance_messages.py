"""RFC 9113 §8: requests, their fields, and what an intermediary never hands on (R6)."""

from case import FORGERY, Answer, Goaway, Reset, asks, case, sends
from wire import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, block, frame

PROTOCOL = "PROTOCOL_ERROR"


def post(stream=1, **how):
    return lambda wire: wire.request(stream, end=False, method="POST", **how)


def trailers(*fields, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, 1, block(fields))


# §8.1 Messages

for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"]:
    asks("9113 §8.1", f"{method} without a body", Answer(), method=method)
sends("9113 §8.1", "POST with a body", Answer(), post(), frame(DATA, END_STREAM, 1, b"body"))
sends("9113 §8.1", "POST with trailers", Answer(), post(), frame(DATA, 0, 1, b"body"), trailers(("x-sum", "1")))
sends("9113 §8.1", "HEADERS in the middle, without END_STREAM", Reset(PROTOCOL),
      post(), frame(DATA, 0, 1, b"body"), trailers(("x-sum", "1"), flags=END_HEADERS))
sends("9113 §8.1", "DATA after trailers", Goaway("STREAM_CLOSED", said=PROTOCOL),
      post(path="/hold"), trailers(("x-sum", "1")), frame(DATA, END_STREAM, 1, b"x"))
sends("9113 §8.1", "a pseudo-header in trailers", Answer(), post(), trailers((":path", "/hidden")))


@case("9113 §8.1", "an answer that does not wait for the body", Answer(404, then="NO_ERROR"))
def _(wire):
    wire.send(wire.request(end=False, method="POST", path="/wxgate/none"))


# §8.2 Fields

for name in ["X-Upper", "x-Wx-openid", "x y", "x\0y", "x\ny", "x\ry", "x:y", "", "x\x7fy", "x\xffy"]:
    asks("9113 §8.2.1", f"the name {name!r}", Goaway(PROTOCOL), [(name, "1")])
for value in ["a\0b", "a\rb", "a\nb", "a\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"]:
    asks("9113 §8.2.1", f"the value {value!r}", Goaway(PROTOCOL), [("x", value)])
for value in [" a", "a ", "\ta", "a\t"]:
    asks("9113 §8.2.1", f"the value {value!r}", Answer(400), [("x", value)])
asks("9113 §8.2.1", "a value of no bytes", Answer(), [("x", "")])
for name, value in [("connection", "close"), ("connection", "x-wx-openid"), ("keep-alive", "timeout=5"),
                    ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"), ("upgrade", "websocket"),
                    ("upgrade", "h2c"), ("te", "gzip"), ("te", "trailers, deflate;q=0.5")]:
    asks("9113 §8.2.2", f"{name}: {value}", Reset(PROTOCOL), [(name, value)])
asks("9113 §8.2.2", "te: trailers", Answer(), [("te", "trailers")])
asks("9113 §8.2.2", "a connection field in a CONTINUATION is no better", Reset(PROTOCOL),
     [("x", "y" * 100), ("connection", "close")])


@case("9113 §8.2.3", "cookie crumbs are one line", Answer())
def _(wire):
    wire.send(wire.request(extra=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]))
    assert b'["cookie", "a=1; b=2"]' in wire.answer().body, wire.stream(1).body


# §8.3 Pseudo-headers

asks("9113 §8.3", "a pseudo-header that is none", Goaway(PROTOCOL), [(":unknown", "1")])
asks("9113 §8.3", "a pseudo-header of answers", Reset(PROTOCOL), [(":status", "200")])
for name, value in [(":path", "/"), (":method", "GET"), (":scheme", "http"), (":authority", "a")]:
    asks("9113 §8.3", f"{name} after a field", Reset(PROTOCOL), [("x", "y"), (name, value)], without=[name])
    asks("9113 §8.3", f"{name} twice", Reset(PROTOCOL), [(name, value)])
for name in [":method", ":scheme", ":path"]:
    asks("9113 §8.3.1", f"no {name}", Reset(PROTOCOL), without=[name])
asks("9113 §8.3.1", "no :path and no :authority", Answer(400), [("host", "a")], without=[":path", ":authority"])
asks("9113 §8.3.1", "an empty :path", Reset(PROTOCOL), without=[":path"], fields=[(":path", "")])


def path(title, value, expect, **how):
    sends("9113 §8.3.1", f"the :path {title}", expect, lambda w: w.request(path=value, **how))


path("with a space", "/a b", Reset(PROTOCOL))
path("with an end of a line", "/a\r\nx: y", Reset(PROTOCOL))
path("with a NUL", "/a\0b", Reset(PROTOCOL))
path("without a slash", "a", Reset(PROTOCOL))
path("of an absolute form", "http://b/hidden", Reset(PROTOCOL))
path("* of GET", "*", Answer(400))
path("with a dot segment in escapes", "/a/%2e%2e/hidden", Answer(400))
path("with an escaped slash", "/a%2fb", Answer(400))
path("with a backslash", "/a\\b", Answer(400))
# The parser cuts it off before anybody can see it: what is matched is what is forwarded.
sends("9113 §8.3.1", "the :path with a fragment", Answer(), lambda w: w.request(path=w.path + "#/hidden"))

for value in ["a b", "a\r\nx: y", "a\0", "a/b", "[::1", "a:b:c"]:
    asks("9113 §8.3.1", f"the :authority {value!r}", Reset(PROTOCOL), authority=value)
for value in ["user@a", "user:password@a", "a@b:c@d", "a:99999"]:
    asks("9113 §8.3.1", f"the :authority {value!r}", Answer(400), authority=value)
asks("9113 §8.3.1", "an :authority with an empty port", Answer(), authority="a:")
asks("9113 §8.3.1", "no :authority, but a host", Answer(), [("host", "a")], without=[":authority"])
asks("9113 §8.3.1", "no :authority and no host", Answer(400), without=[":authority"])
asks("9113 §8.3.1", ":authority and the same host", Answer(), [("host", "a")])
asks("9113 §8.3.1", ":authority and another host", Answer(400), [("host", "b")])
asks("9113 §8.3.1", ":authority and two hosts", Answer(400), [("host", "a"), ("host", "a")])
asks("9113 §8.3.1", "a :scheme of another protocol", Answer(400), scheme="ftp")
asks("9113 §8.3.1", "a :scheme that is none", Reset(PROTOCOL), scheme="http://b/hidden?")
for method in ["GET /hidden HTTP/1.1\r\nHost: a\r\n\r\nGET", "G ET", "GET\0", ""]:
    asks("9113 §8.3.1", f"the :method {method[:12]!r}", Goaway(PROTOCOL), method=method)
asks("9113 §8.3.1", "TRACE is never forwarded", Answer(405), method="TRACE")

# §8.1.1 Malformed: content-length and DATA

for title, length, parts, expect in [
    ("more DATA than content-length", "3", [b"four"], Reset(PROTOCOL)),
    ("less DATA than content-length", "5", [b"four"], Reset(PROTOCOL)),
    ("several DATA, more than content-length", "3", [b"ab", b"cd"], Reset(PROTOCOL)),
    ("DATA beside a content-length of 0", "0", [b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"], Reset(PROTOCOL)),
    ("DATA that fits", "4", [b"ab", b"cd"], Answer()),
    ("a content-length that is a list", "4, 4", [b"four"], Reset(PROTOCOL)),
    ("a content-length with a sign", "+4", [b"four"], Reset(PROTOCOL)),
    ("a content-length with a space", "4 ", [b"four"], Reset(PROTOCOL)),
    ("a content-length of no digits", "", [b"four"], Reset(PROTOCOL)),
    ("a content-length beyond all numbers", "9" * 30, [b"four"], Reset(PROTOCOL)),
]:
    sends("9113 §8.1.1", title, expect, post(extra=[("content-length", length)]),
          *(frame(DATA, 0, 1, part) for part in parts[:-1]), frame(DATA, END_STREAM, 1, parts[-1]))
asks("9113 §8.1.1", "a content-length and no DATA", Reset(PROTOCOL), [("content-length", "4")], method="POST")
asks("9113 §8.1.1", "two content-lengths", Reset(PROTOCOL), [("content-length", "0"), ("content-length", "4")])
sends("9113 §8.1.1", "trailers before content-length is reached", Reset(PROTOCOL),
      post(extra=[("content-length", "5")]), frame(DATA, 0, 1, b"four"), trailers(("x-sum", "1")))

# §8.5 CONNECT; RFC 8441

asks("9113 §8.5", "CONNECT", Answer(405), method="CONNECT", without=[":scheme", ":path"])
asks("9113 §8.5", "CONNECT with :path and :scheme", Reset(PROTOCOL), method="CONNECT")
sends("8441 §4", "an extended CONNECT, which we did not offer", Reset(PROTOCOL),
      lambda w: w.request(fields=block([(":method", "CONNECT"), (":protocol", "websocket"), *w.fields()[1:]])))

# §8.6, §8.7, RFC 9110


@case("9110 §10.1.1", "a body that waits for 100 Continue is asked for", Answer())
def _(wire):
    wire.send(wire.request(end=False, method="POST", extra=[("expect", "100-continue"), ("content-length", "4")]))
    wire.send(frame(DATA, END_STREAM, 1, b"body"))


@case("9110 §6.5.1", "trailers bring no identity, no host, no framing", Answer())
def _(wire):
    fields = [FORGERY, ("host", "b"), ("content-length", "1"), ("authorization", "Bearer x"), ("x-sum", "1")]
    named = [("trailer", ", ".join(name for name, _ in fields))]
    wire.send(wire.request(end=False, method="POST", extra=named), frame(DATA, 0, 1, b"body"), trailers(*fields))
    assert b'"trailers": [["x-sum", "1"]]' in wire.answer().body, wire.stream(1).body


@case("9113 §8.2", "a request of all kinds of fields arrives whole", Answer())
def _(wire):
    fields = [(f"x-{n}", "v" * n) for n in range(1, 60)]
    whole = block(wire.fields(extra=fields))
    wire.send(frame(HEADERS, END_STREAM, 1, whole[:100]), frame(CONTINUATION, END_HEADERS, 1, whole[100:]))
    assert all(f'["x-{n}", "{"v" * n}"]'.encode() in wire.answer().body for n in range(1, 60))
