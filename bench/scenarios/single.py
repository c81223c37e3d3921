"""What is measured without a load: the start, the binaries, logins, sessions by the million, decryption."""

import json
import os
import re
import shutil
import statistics
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench import peer, tools
from bench.http1 import Connection, said
from bench.peer import Peer
from bench.scenarios.requests import WXGATE
from bench.scenarios.scenario import Scenario

CARGO_LIMIT = 1800


@dataclass(frozen=True)
class Alone(Scenario):
    """No peers are started for it; `measure(subject, stage, seconds, facts)` does it all."""

    fresh: bool = True

    def turn(self, subject, stage, settings, facts):
        return self.measure(subject, stage, settings.seconds, facts)


def start(subject, stage, seconds, facts):
    """From the start of the process to its first answer, without sessions kept from before."""
    with ExitStack() as into:
        watch = time.monotonic()
        # What a start prepares for it counts little: files are written in less than a millisecond.
        running = peer.start(subject, Bare(stage), into)
        with Connection(running.port) as connection:
            status, _ = connection.call("GET", "/wxgate/health" if subject.kind == "wxgate" else "/")
        took = time.monotonic() - watch
        if status != 200:
            raise RuntimeError(f"{subject.name}: {status}")
    return {"ms": took * 1000}


class Bare:
    """A stage whose users have not signed in yet."""

    def __init__(self, stage):
        self.stage, self.users = stage, self
        self.file, self.rows = os.devnull, []

    def hand_over(self, _):
        pass

    def __getattr__(self, name):
        return getattr(self.stage, name)


def size(subject, stage, *_):
    binary = {"wxgate": stage.wxgate, "pingora": "pingora-gateway"}.get(subject.kind, subject.kind)
    return {"mib": os.path.getsize(os.path.realpath(shutil.which(binary) or binary)) / 2**20}


def login(subject, stage, seconds, facts):
    """The same person, in turns by wxgate and straight at the mock; what the way through wxgate adds."""
    with ExitStack() as into:
        [running] = stage.start([subject], into)
        street, wechat = into.enter_context(Connection(running.port)), into.enter_context(Connection(stage.mock))
        added, straight, end = [], [], time.monotonic() + seconds
        while time.monotonic() < end:
            codes = [said(*wechat.call("POST", "/mock/login-code", body={"openid": "o6_bmjrPTlm6_login"}))["code"]
                     for _ in range(2)]
            began = time.perf_counter()
            said(*wechat.call("GET", "/sns/jscode2session?appid=wx0123456789abcdef&secret=0f1e2d3c4b5a69788796a5b4c3d2e1f0"
                              f"&js_code={codes[0]}&grant_type=authorization_code"))["openid"]
            between = time.perf_counter()
            said(*street.call("POST", "/wxgate/login", body={"code": codes[1]}))["token"]
            straight.append((between - began) * 1000)
            added.append((time.perf_counter() - between) * 1000 - straight[-1])
    return {"added_ms": statistics.median(added), "mock_ms": statistics.median(straight)}


def cargo(*words, where=tools.PROJECT):
    """What a program of ours prints, built as needed."""
    done = subprocess.run(["cargo", *words], capture_output=True, text=True, timeout=CARGO_LIMIT, cwd=where)
    if done.returncode:
        raise RuntimeError(f"cargo {' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout


def sessions(*_):
    """`make proof-sessions`, with its figure."""
    return of_sessions(cargo("run", "--locked", "--release", "--example", "session_memory", "--", "1000000"))


def of_sessions(text):
    found = re.search(r"bytes per user\s+(\d+)", text)
    if not found:
        raise RuntimeError(f"session_memory: {text}")
    return {"bytes": int(found[1])}


def store(*_):
    """CPU time of the longest calls into the store, while 1,000,000 users come, stay and expire."""
    return of_store(cargo("run", "--locked", "--release", "--", "1000000", where=os.path.join(tools.BENCH, "alone")))


def of_store(text):
    """Lines `NAME MICROSECONDS`, as milliseconds."""
    found = re.findall(r"^(\w+) longest (\d+) us", text, re.M)
    if not {name for name, _ in found} >= {"login", "phone", "lookup", "sweep"}:
        raise RuntimeError(f"store: {text}")
    return {f"{name}_ms": int(longest) / 1000 for name, longest in found}


def decrypt(*_):
    """criterion's estimate of the median."""
    where = os.path.join(tools.BENCH, "alone")
    cargo("bench", "--locked", where=where)
    path = os.path.join(where, "target/criterion/decrypt_phone/new/estimates.json")
    with open(path) as file:
        return {"us": json.load(file)["median"]["point_estimate"] / 1000}


SINGLE = [
    Alone("login", ("Login against the mock: time added to WeChat's own", "登录（模拟微信）：在微信耗时之外增加的时间"),
          (WXGATE,), login,
          ("The same call straight at the mock is taken off.", "已减去直接调用模拟微信的时间。"),
          values=("added_ms", "mock_ms")),
    Alone("start", ("From start to ready", "从启动到就绪"), (WXGATE, Peer("nginx"), Peer("haproxy-tcp")), start,
          ("To the first answer, with no sessions kept.", "到第一个响应为止，没有保留的会话。"), values=("ms",)),
    Alone("size", ("Binaries", "可执行文件"), tuple(map(Peer, ("wxgate", "nginx", "haproxy", "caddy", "pingora"))), size,
          ("nginx and HAProxy take OpenSSL and others from the system; the rest bring all along. Pingora here has no TLS.",
           "nginx 和 HAProxy 使用系统的 OpenSSL 等库，其余自带全部；此处的 Pingora 不含 TLS。"), rounds=1,
          values=("mib",)),
    Alone("sessions", ("A signed-in user among 1,000,000", "1,000,000 个已登录用户中的一个"), (WXGATE,), sessions,
          ("With phone, one session key and one session; resident.", "含手机号、一个会话密钥和一个会话；常驻内存。"), rounds=1, values=("bytes",)),
    Alone("store", ("The longest call into the session store", "对会话存储最长的一次调用"), (WXGATE,), store,
          ("CPU time of the thread, while 1,000,000 users log in, are looked up, and expire.",
           "线程的 CPU 时间；期间 1,000,000 个用户登录、被查询、到期。"), rounds=3,
          values=("login_ms", "phone_ms", "lookup_ms", "sweep_ms")),
    Alone("decrypt", ("Encrypted phone data opened", "解密手机号数据"), (WXGATE,), decrypt,
          ("One call, by criterion.", "单次调用，由 criterion 测量。"), rounds=1, values=("us",)),
]
