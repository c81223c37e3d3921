"""What wxgate is to reach, as ratios and limits, and what the results say of it."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class Target:
    """`figure(results)` gives median, least and most, or None where it was not measured."""

    titles: tuple
    versus: tuple
    most: float
    figure: object
    unit: str = ""


def over(scenario, other, value="cpu_us", mine="wxgate"):
    return lambda results: results.ratio(scenario, mine, other, value)


def plain(scenario, value, peer="wxgate", scale=1):
    def figure(results):
        found = results.spread(scenario, peer, value)
        return found and tuple(each / scale for each in found)

    return figure


def unknown(_):
    return None


NGINX, ITSELF = ("nginx", "nginx"), ("itself", "自身")
OPEN_NGINX = ("nginx `proxy_pass`, no authentication", "nginx `proxy_pass`，不做认证")
SMALL = ("small requests, keep-alive, CPU", "小请求，保持连接，CPU")



TARGETS = [
    Target(SMALL, OPEN_NGINX, 1.0, over("small-64", "nginx")),
    Target(SMALL, ("nginx + Lua, same job", "nginx + Lua，同样的工作"), 0.85, over("small-64", "nginx-lua")),
    Target(SMALL, ("HAProxy maps, same job", "HAProxy map，同样的工作"), 0.7, over("small-64", "haproxy")),
    Target(SMALL, ("Pingora, same job", "Pingora，同样的工作"), 0.6, over("small-64", "pingora")),
    Target(SMALL, ("nginx `auth_request`, auth service included", "nginx `auth_request`，含认证服务"), 0.6,
           over("small-64", "nginx-auth")),
    Target(SMALL, ("HAProxy in TCP mode, the floor", "HAProxy TCP 模式，下限"), 1.6, over("small-64", "haproxy-tcp")),
    Target(("another user on each request, CPU", "每个请求换一个用户，CPU"),
           ("itself with one user", "自身，单一用户"), 1.1, over("small-users", "wxgate-same")),
    Target(("64 KiB responses, CPU", "64 KiB 响应，CPU"), NGINX, 0.8, over("large-64k", "nginx")),
    Target(("1 MiB responses, CPU", "1 MiB 响应，CPU"), NGINX, 0.8, over("large-1m", "nginx")),
    Target(("TLS, keep-alive, CPU", "TLS，保持连接，CPU"), NGINX, 1.0, over("tls-keep", "nginx")),
    Target(("TLS, full handshake and a request, CPU", "TLS，完整握手加一个请求，CPU"), NGINX, 1.0,
           over("tls-full", "nginx")),
    Target(("TLS, resumed handshake and a request, CPU", "TLS，恢复握手加一个请求，CPU"), NGINX, 1.0,
           over("tls-resumed", "nginx")),
    Target(("HTTP/2 over TLS, 16 × 8, CPU", "TLS 上的 HTTP/2，16 × 8，CPU"), OPEN_NGINX, 0.75,
           over("http2-tls", "nginx")),
    Target(("HTTP/2 without TLS, 16 × 8, CPU", "不带 TLS 的 HTTP/2，16 × 8，CPU"), OPEN_NGINX, 0.75,
           over("http2-plain", "nginx")),
    Target(("p99 at half of nginx's peak", "nginx 峰值一半速率下的 p99"), NGINX, 1.1, over("latency", "nginx", "p99")),
    Target(("401 refusals, CPU", "401 拒绝，CPU"), ("nginx returning 401 from Lua", "nginx 由 Lua 返回 401"), 1.0,
           over("refused", "nginx-lua")),
    Target(("strict framing on, CPU", "开启严格分帧，CPU"), ("off: there is no such switch", "关闭：没有这个开关"), 1.03,
           unknown),
    Target(("access log on, CPU", "开启访问日志，CPU"), ("itself without", "自身，关闭"), 1.1,
           over("log", "wxgate", mine="wxgate-log")),
    Target(("idle connection, HTTP/1.1, resident", "空闲连接，HTTP/1.1，常驻内存"), ("", ""), 1200,
           plain("idle-plain", "bytes_rss"), "B"),
    Target(("idle connection, TLS, resident", "空闲连接，TLS，常驻内存"), ("", ""), 9,
           plain("idle-tls", "bytes_rss", scale=KIB), "KiB"),
    Target(("idle WebSocket, both sides, resident", "空闲 WebSocket，含两侧，常驻内存"), ("", ""), 16,
           plain("idle-tunnels", "bytes_rss", scale=KIB), "KiB"),
    Target(("signed-in user among 1,000,000, resident", "1,000,000 个已登录用户之一，常驻内存"), ("", ""), 512,
           plain("sessions", "bytes"), "B"),
    Target(("longest login into the store, CPU of its thread", "存储中最长的一次登录，线程 CPU"), ("", ""), 10,
           plain("store", "login_ms"), "ms"),
    Target(("longest phone number into the store, CPU of its thread", "存储中最长的一次写入手机号，线程 CPU"), ("", ""), 10,
           plain("store", "phone_ms"), "ms"),
    Target(("longest look-up in the store, CPU of its thread", "存储中最长的一次查询，线程 CPU"), ("", ""), 10,
           plain("store", "lookup_ms"), "ms"),
    Target(("longest step of the sweeper, CPU of its thread", "清扫最长的一步，线程 CPU"), ("", ""), 10,
           plain("store", "sweep_ms"), "ms"),
    Target(("two workers, CPU", "两个工作线程，CPU"), ("itself with one", "自身，一个"), 1.1,
           over("workers", "wxgate", mine="wxgate-2")),
    Target(("start to ready", "从启动到就绪"), ("", ""), 50, plain("start", "ms"), "ms"),
]


def verdicts(results):
    """Each target with its figure, and True, False, or None where there is none."""
    found = []
    for target in TARGETS:
        figure = target.figure(results)
        found.append((target, figure, None if figure is None else figure[0] <= target.most))
    return found
