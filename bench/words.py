"""What the page says, in English and Chinese."""

PEERS = {
    "wxgate": ("wxgate", "wxgate"),
    "wxgate-same": ("wxgate, one user", "wxgate，单一用户"),
    "wxgate-log": ("wxgate, access log", "wxgate，访问日志"),
    "wxgate-2": ("wxgate, two workers", "wxgate，两个工作线程"),
    "nginx": ("nginx, no authentication", "nginx，不做认证"),
    "nginx-log": ("nginx, access log", "nginx，访问日志"),
    "nginx-2": ("nginx, two workers", "nginx，两个工作进程"),
    "nginx-lua": ("nginx + Lua", "nginx + Lua"),
    "haproxy": ("HAProxy maps", "HAProxy map"),
    "pingora": ("Pingora", "Pingora"),
    "nginx-auth": ("nginx auth_request", "nginx auth_request"),
    "caddy": ("Caddy forward_auth", "Caddy forward_auth"),
    "haproxy-tcp": ("HAProxy, TCP mode", "HAProxy，TCP 模式"),
}

KINDS = {
    "wxgate": (
        "All rules, strict framing, all timers and metrics; sessions, phone numbers and all headers by default settings",
        "全部规则、严格分帧、全部定时器与指标；会话、手机号与各请求头均为默认设置",
    ),
    "nginx": (
        "The limit: `proxy_pass` with kept connections. Nothing is looked up, set or removed",
        "极限：`proxy_pass` 加保持的连接。不查询、不设置、不移除任何内容",
    ),
    "nginx-lua": (
        "Same job: the token in a shared dict of the worker, by LuaJIT; five headers set, two removed",
        "同样的工作：由 LuaJIT 在工作进程的共享字典里查令牌；设置五个请求头，移除两个",
    ),
    "haproxy": (
        "Same job: the token in a map; `X-WX-*` removed, five headers set",
        "同样的工作：在 map 里查令牌；移除 `X-WX-*`，设置五个请求头",
    ),
    "pingora": (
        "Same job: the token in a `HashMap`; `X-WX-*` removed, five headers set (bench/pingora), mimalloc, profile as wxgate's",
        "同样的工作：在 `HashMap` 里查令牌；移除 `X-WX-*`，设置五个请求头（bench/pingora），mimalloc，编译配置与 wxgate 相同",
    ),
    "nginx-auth": (
        "Same job: a service that does nothing else is asked on kept connections; it is Rust, hyper on one thread, and its CPU counts",
        "同样的工作：通过保持的连接询问只做此事的服务；该服务为 Rust（单线程 hyper），其 CPU 计入",
    ),
    "caddy": (
        "Same job: the same service is asked; its CPU counts. `GOMAXPROCS=1`",
        "同样的工作：询问同一个服务，其 CPU 计入。`GOMAXPROCS=1`",
    ),
    "haproxy-tcp": (
        "The floor: bytes are carried, nothing is read. No authentication",
        "下限：只搬运字节，不读取内容。不做认证",
    ),
}

VALUES = {
    "cpu_us": (("CPU per request", "每个请求的 CPU"), "µs"),
    "rate": (("requests/s", "请求/秒"), ""),
    "rss_mib": (("resident", "常驻内存"), "MiB"),
    "p50": (("p50", "p50"), "ms"),
    "p99": (("p99", "p99"), "ms"),
    "reached": (("requests/s reached", "达到的请求/秒"), ""),
    "p999": (("p99.9", "p99.9"), "ms"),
    "bytes_rss": (("resident bytes each", "每个的常驻字节"), "B"),
    "bytes_pss": (("the same, shared pages divided", "同上，共享页按比例分摊"), "B"),
    "added_ms": (("time added", "增加的时间"), "ms"),
    "mock_ms": (("the mock's own", "模拟微信自身"), "ms"),
    "ms": (("time", "时间"), "ms"),
    "mib": (("size", "大小"), "MiB"),
    "bytes": (("resident bytes", "常驻字节"), "B"),
    "login_ms": (("login", "登录"), "ms"),
    "phone_ms": (("phone number", "手机号"), "ms"),
    "lookup_ms": (("look-up", "查询"), "ms"),
    "sweep_ms": (("step of the sweeper", "清扫的一步"), "ms"),
    "us": (("time", "时间"), "µs"),
}

PAGE = {
    "head": (
        """# Performance

[中文](performance.zh-CN.md)

wxgate beside its peers: one machine, one run, in turns. Made by `make bench` of nothing but what it measured; what each
optimisation gained is in the [log](performance-log.md).

Read ratios rather than times. CPU is user and system time of all the proxy's processes, an auth service included, over
the number of requests: it holds on a machine where requests per second do not. Each figure is the median of the rounds,
with the least and the most in brackets.""",
        """# 性能

[English](performance.md)

wxgate 与同类软件：同一台机器、同一次运行、轮流测量。本页由 `make bench` 生成，只含测得的数据；每项优化的收益见[记录](performance-log.md)。

请看比值，而不是时间。CPU 是代理所有进程（含认证服务）的用户态与内核态时间之和除以请求数：在每秒请求数不稳定的机器上，它仍然可靠。
每个数字是各轮的中位数，括号内为最小值与最大值。""",
    ),
    "run": (
        """* {began}, `{command}`: {rounds} rounds of {seconds} s for each row, {users:,} users signed in by real logins.
* {processor}, {cores} cores, {memory_gib} GiB, {system}, Linux {kernel}. Proxies have a core of their own, with one worker
  each; load and service share the rest. All on loopback.
* {versions}.""",
        """* {began}，`{command}`：每行 {rounds} 轮、每轮 {seconds} 秒，{users:,} 个用户经真实登录流程登录。
* {processor}，{cores} 核，{memory_gib} GiB，{system}，Linux {kernel}。代理独占一个核心，各一个工作线程；负载与后端服务共用其余核心。全部在回环地址上。
* {versions}。""",
    ),
    "targets": ("## Targets", "## 目标"),
    "ratios": (
        "Ratios are of figures of the same round, then their median. A target is reached if the median is.",
        "比值取同一轮的两个数字相除，再取中位数。中位数达标即为达标。",
    ),
    "rows": (
        """## Rows

All peers look the token up among the same users and show the service the same five headers: openid, appid, source, phone
and country code. In each run, before anything is measured, each is asked at a service that echoes: strangers must get
401, and users must be named whatever they say of themselves; else there is no row. Access logs are off on all sides
where the row does not say otherwise.""",
        """## 各行

各方都在同一批用户中查令牌，并向后端服务传递同样的五个请求头：openid、appid、source、手机号和国家码。每次运行在测量之前，都通过一个回显服务检查每一方：陌生人必须得到 401，
用户必须被正确标识，无论其自称是谁；否则就没有这一行。除非该行另有说明，各方的访问日志均关闭。""",
    ),
    "failed": ("## Failed in this run", "## 本次运行中失败的"),
    "absent": ("Not measured in this run: {names}.", "本次运行未测量：{names}。"),
    "target_columns": (
        ("what", "against", "at most", "reached", ""),
        ("项目", "相对于", "上限", "结果", ""),
    ),
    "verdicts": (
        {True: "pass", False: "**fail**", None: "not measured"},
        {True: "达标", False: "**未达标**", None: "未测量"},
    ),
    "kind_columns": (("row", "what is on"), ("行", "开启的内容")),
    "rounds": ("Rounds: {}.", "轮数：{}。"),
    "facts": (
        {"rate": "Rate: {} requests/s.", "cipher": "Agreed on: {}."},
        {"rate": "速率：{} 请求/秒。", "cipher": "协商结果：{}。"},
    ),
}
