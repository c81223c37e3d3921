#!/bin/bash
# CPU per small authenticated keep-alive request, beside nginx (`proxy_pass`, no authentication).
#
#   bench/nginx-compare.sh WXGATE       WXGATE: the binary, built with --profile dist
#
# ROUNDS (5), SECONDS_EACH (8) and CONNECTIONS (64) may be set. Needs nginx and wrk (Debian's packages
# nginx-light and wrk), curl and python3; everything stays on loopback and ends with the script.
#
# One upstream (nginx that answers by itself), one load generator (wrk), one worker for each proxy, in
# turns. The proxy has a core of its own where there are two. CPU is user + system time of all processes
# and threads of the proxy, from /proc. Each request carries the token of a real login.
set -euo pipefail

wxgate=${1:-}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-8}
connections=${CONNECTIONS:-64}

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

for tool in nginx wrk curl python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install nginx-light wrk curl python3" >&2; exit 2; }
done
cores=$(nproc)
# Words before a command, not functions: `$!` is then the command's own process.
if [ "$cores" -gt 1 ]; then apart=(taskset -c 0) beside=(taskset -c "1-$((cores - 1))"); else apart=(env) beside=(env); fi

read -r upstream_port nginx_port wxgate_port mock_port admin_port < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(5)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')

# Waits until somebody listens on a port.
await_port() {
    python3 - "$1" <<'PY'
import socket, sys, time
for _ in range(500):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit()
    except OSError:
        time.sleep(0.02)
sys.exit(f"nobody listens on {sys.argv[1]}")
PY
}

# nginx_config NAME PORT BODY
nginx_config() {
    mkdir -p "$folder/$1"
    cat > "$folder/$1.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/$1/pid;
error_log $folder/$1/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $folder/$1/a;
    proxy_temp_path $folder/$1/b;
    fastcgi_temp_path $folder/$1/c;
    uwsgi_temp_path $folder/$1/d;
    scgi_temp_path $folder/$1/e;
    $3
}
CONF
}
nginx_config upstream "$upstream_port" "server {
        listen 127.0.0.1:$upstream_port reuseport;
        location / { default_type application/json; return 200 '{\"message\":\"hello\"}'; }
    }"
nginx_config proxy "$nginx_port" "upstream service {
        server 127.0.0.1:$upstream_port;
        keepalive 64;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$nginx_port;
        location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ''; }
    }"

"${beside[@]}" nginx -c "$folder/upstream.conf" 2>/dev/null & pids+=($!)
"${apart[@]}" nginx -c "$folder/proxy.conf" 2>/dev/null & nginx_pid=$!; pids+=("$nginx_pid")
await_port "$upstream_port"
await_port "$nginx_port"

token=wxg_none
if [ -n "$wxgate" ]; then
    cat > "$folder/gateway.toml" <<CONF
listen = ["127.0.0.1:$wxgate_port"]
workers = 1
[wechat]
api = ["http://127.0.0.1:$mock_port"]
[admin]
listen = "127.0.0.1:$admin_port"
[log]
level = "warn"
access = false
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
to = "http://127.0.0.1:$upstream_port"
CONF
    export WX_SECRET=0f1e2d3c4b5a69788796a5b4c3d2e1f0
    "${beside[@]}" "$wxgate" mock --listen "127.0.0.1:$mock_port" --any-code >"$folder/mock.log" 2>&1 & pids+=($!)
    await_port "$mock_port"
    "${apart[@]}" "$wxgate" run -c "$folder/gateway.toml" >"$folder/wxgate.log" 2>&1 & wxgate_pid=$!; pids+=("$wxgate_pid")
    await_port "$wxgate_port" || { cat "$folder/wxgate.log" >&2; exit 1; }
    login=$(curl --silent --fail-with-body --header 'Content-Type: application/json' --data '{"code":"bench"}' \
        "http://127.0.0.1:$wxgate_port/wxgate/login") || { echo "login: $login" >&2; exit 1; }
    token=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["token"])' "$login")
    # Nobody passes without it, or something else is measured.
    for case in "401:" "200:Authorization: Bearer $token"; do
        status=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "${case#*:}" "http://127.0.0.1:$wxgate_port/")
        [ "$status" = "${case%%:*}" ] || { echo "expected ${case%%:*}, got $status" >&2; exit 1; }
    done
fi

# User and system time of a process and its children so far, in clock ticks.
ticks() {
    local sum=0 pid
    for pid in "$1" $(cat "/proc/$1/task/$1/children"); do
        read -r -a stat < <(sed 's/.*) //' "/proc/$pid/stat")
        sum=$((sum + stat[11] + stat[12]))
    done
    echo "$sum"
}

# load PORT SECONDS: how many requests were answered, all of them with 200.
load() {
    local output
    output=$("${beside[@]}" wrk --threads 1 --connections "$connections" --duration "${2}s" \
        --header "Authorization: Bearer $token" "http://127.0.0.1:$1/")
    if grep -Eq 'Non-2xx|Socket errors' <<<"$output"; then echo "$output" >&2; return 1; fi
    awk '/requests in/ { print $1 }' <<<"$output"
}

# measure PID PORT: "microseconds-of-CPU requests/s"
measure() {
    local before requests after
    before=$(ticks "$1")
    requests=$(load "$2" "$seconds")
    after=$(ticks "$1")
    awk -v t=$((after - before)) -v r="$requests" -v hz="$(getconf CLK_TCK)" -v s="$seconds" \
        'BEGIN { printf "%.2f %.0f", t * 1e6 / hz / r, r / s }'
}

load "$nginx_port" 1 >/dev/null
[ -z "$wxgate" ] || load "$wxgate_port" 1 >/dev/null
printf '%-6s %14s %14s %8s\n' round 'nginx µs (/s)' 'wxgate µs (/s)' ratio
for round in $(seq "$rounds"); do
    read -r nginx_cpu nginx_rate <<<"$(measure "$nginx_pid" "$nginx_port")"
    if [ -n "$wxgate" ]; then
        read -r wxgate_cpu wxgate_rate <<<"$(measure "$wxgate_pid" "$wxgate_port")"
        ratio=$(awk -v a="$wxgate_cpu" -v b="$nginx_cpu" 'BEGIN { printf "%.3f", a / b }')
    else
        wxgate_cpu=- wxgate_rate=- ratio=-
    fi
    printf '%-6s %14s %14s %8s\n' "$round" "$nginx_cpu ($nginx_rate)" "$wxgate_cpu ($wxgate_rate)" "$ratio"
    echo "$nginx_cpu $wxgate_cpu $ratio" >> "$folder/rounds"
done
python3 - "$folder/rounds" <<'PY'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
columns = list(zip(*rows))
median = lambda column: "-" if "-" in column else f"{statistics.median(map(float, column)):.3f}"
print("median nginx {} µs, wxgate {} µs, ratio {}".format(*map(median, columns)))
PY
