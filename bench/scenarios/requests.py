"""Scenarios of requests: small, large, refused, uploads, without keep-alive, with a log, by more workers; delays."""

from bench import load
from bench.peer import Peer
from bench.scenarios.scenario import Scenario, per_request

WXGATE, NGINX = Peer("wxgate"), Peer("nginx")
LUA, HAPROXY, PINGORA = Peer("nginx-lua"), Peer("haproxy"), Peer("pingora")
AUTH, CADDY, TCP = Peer("nginx-auth"), Peer("caddy"), Peer("haproxy-tcp")
ALL = (WXGATE, NGINX, LUA, HAPROXY, PINGORA, AUTH, CADDY, TCP)


def wrk(connections=64, path="/", **more):
    """Requests of one user."""
    def requests(running, stage, seconds):
        return load.wrk(running.url(path), seconds, connections, stage.users.token, **more)

    return per_request(requests)


def another_each(running, stage, seconds):
    """Another user on each request, unless the row says otherwise."""
    if running.peer.same:
        return load.wrk(running.url(), seconds, 64, stage.users.token)
    return load.wrk(running.url(), seconds, 64, script="users.lua", env={"USERS": stage.users.file})


def refused(running, stage, seconds):
    return load.wrk(running.url(), seconds, 64, status=401)


def half_of_peak(running, stage, settings):
    """The rate for all: half of what nginx can do now."""
    [nginx] = [one for one in running if one.peer.kind == "nginx"]
    peak = load.wrk(nginx.url(), settings.seconds, 64) / settings.seconds
    return {"rate": int(peak / 2)}


def delays(running, stage, seconds, facts):
    """A peer that cannot keep up has no delays to tell, only how far it came; wxgate and nginx must."""
    told = load.oha(running.url(), max(seconds, 3), 64, facts["rate"], stage.users.token)
    if told["reached"] >= 0.95 * facts["rate"]:
        return told
    if running.peer.kind in ("wxgate", "nginx"):
        raise RuntimeError(f"{running.peer.name}: only {told['reached']:.0f} of {facts['rate']} requests a second")
    return {"reached": told["reached"]}


def sized(name, size, label, rest):
    """A download and an upload of a size."""
    return [
        Scenario(f"large-{name}", (f"{label} responses", f"{label} 响应"), (WXGATE, NGINX, TCP),
                 wrk(path=f"/files/{name}"), (f"64 connections. {rest[0]}", f"64 个连接。{rest[1]}")),
        Scenario(f"uploads-{name}", (f"{label} uploads", f"{label} 上传"), (WXGATE, NGINX, TCP),
                 wrk(path="/upload", script="upload.lua", env={"SIZE": str(size)}),
                 ("64 connections. nginx passes bodies on as they come (`proxy_request_buffering off`), as wxgate does.",
                  "64 个连接。nginx 边收边转发请求体（`proxy_request_buffering off`），与 wxgate 相同。")),
    ]


SMALL = [
    Scenario("small-64", ("Small requests, keep-alive, 64 connections", "小请求，保持连接，64 个连接"), ALL, wrk(),
             ("The same user on every connection.", "所有连接上是同一用户。")),
    Scenario("small-users", ("Small requests, another user on each", "小请求，每个请求换一个用户"),
             (WXGATE, WXGATE.but(same=True), NGINX, LUA, HAPROXY, PINGORA), per_request(another_each),
             ("64 connections; the users of all sessions in turn, in an order that has nothing to do with their logins. "
              "`wxgate, one user` is the same gateway with one user, measured in the same turns.",
              "64 个连接；所有会话的用户轮流出现，顺序与登录顺序无关。“wxgate，单一用户”是同一网关在同样轮次中只用一个用户。")),
    Scenario("small-1", ("Small requests, keep-alive, 1 connection", "小请求，保持连接，1 个连接"), ALL, wrk(1)),
    Scenario("small-512", ("Small requests, keep-alive, 512 connections", "小请求，保持连接，512 个连接"), ALL, wrk(512)),
]

LARGE = [
    *sized("64k", 64 << 10, "64 KiB", ("nginx never puts them into files.", "nginx 不写临时文件。")),
    *sized("1m", 1 << 20, "1 MiB", ("nginx never puts them into files.", "nginx 不写临时文件。")),
]

REFUSED = [
    Scenario("refused", ("Refusals: 401", "拒绝：401"), (WXGATE, LUA, HAPROXY, PINGORA), per_request(refused),
             ("64 connections, no token; the service is not asked. wxgate writes a problem+json.",
              "64 个连接，没有令牌，不访问后端服务。wxgate 返回 problem+json。")),
]

LATENCY = [
    Scenario("latency", ("Delays at half of nginx's peak", "在 nginx 峰值一半的速率下的延迟"), ALL[:-1], delays,
             ("A fixed rate on 64 connections; a delay counts from when its request was due, so none is left out "
              "because others were slow.",
              "64 个连接、固定速率；延迟从请求应当发出的时刻算起，不会因为别的请求慢而漏计。"),
             before=half_of_peak, values=("p50", "p99", "p999", "reached")),
]

REST = [
    Scenario("log", ("Access log on and off", "访问日志开与关"),
             (WXGATE, WXGATE.but(log=True), NGINX, NGINX.but(log=True)), wrk(),
             ("64 connections, small requests; lines go to a file.", "64 个连接，小请求；日志写入文件。")),
    Scenario("close", ("Small requests, no keep-alive", "小请求，不保持连接"), ALL,
             wrk(headers=("Connection: close",)), ("64 at once, a connection each.", "同时 64 个，每个请求一个连接。")),
    Scenario("workers", ("Two workers and one", "两个工作线程与一个"),
             tuple(peer.but(pinned=False, workers=workers) for peer in (WXGATE, NGINX) for workers in (1, 2)), wrk(),
             ("64 connections, small requests; the proxies may use all cores here.",
              "64 个连接，小请求；此处代理可使用所有核心。")),
]
