"""All scenarios, those that matter most first."""

from dataclasses import replace

from bench.scenarios.idle import IDLE
from bench.scenarios.requests import LARGE, LATENCY, REFUSED, REST, SMALL
from bench.scenarios.single import SINGLE
from bench.scenarios.streams import STREAMS
from bench.scenarios.tls import HTTP2, TLS

ALL = [*SMALL, *LARGE, *REFUSED, *TLS, *HTTP2, *LATENCY, *REST, *IDLE, *STREAMS, *SINGLE]


def chosen(words, kinds=()):
    """Those of these names or families, all if there are none; with peers of these kinds only, if any are named."""
    unknown = [word for word in words if not any(word in (one.name, one.family) for one in ALL)]
    if unknown:
        families = " ".join(dict.fromkeys(one.family for one in ALL))
        raise SystemExit(f"no scenario {' '.join(unknown)}; there are: {families}")
    found = [one for one in ALL if not words or {one.name, one.family} & set(words)]
    if kinds:
        found = [replace(one, peers=tuple(peer for peer in one.peers if peer.kind in kinds)) for one in found]
    return found
