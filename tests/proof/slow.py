"""slowhttptest, 1,000 connections at a time, against the gateway as it is by default: nobody else waits.

Heads that drip (-H), bodies that drip (-B), answers that are taken in drops (-X). An honest client in a process of its
own asks all the while (tests/http2/probe.py). Usage: slow.py WXGATE [H] [B] [X]
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

PEERS, SECONDS = 1000, 40

# ms: the 99th percentile above the quiet one, and the longest wait; what the machine alone took is added.
MORE, MOST = 50, 1000

# MiB that they may take, and that may be left when all are gone. A stalled exchange may hold 64 KiB in each direction
# on each side.
PEAK, LEFT = 192, 32

# More than the gateway and small sockets hold, and not so much that all of it is too much for the kernel.
LARGE = 512 << 10

MODES = {
    "H": ["-H", "-i", "2", "-x", "24"],
    "B": ["-B", "-i", "2", "-s", "8192", "-x", "10"],
    "X": ["-X", "-w", "512", "-y", "1024", "-n", "2", "-z", "32", "-k", "3"],
}

CONFIG = """listen = ["127.0.0.1:0"]
[[app]]
appid = "wx0123456789abcdef"
secret = {{ env = "WX_SECRET" }}
[[route]]
path = "/"
require = "none"
to = "http://127.0.0.1:{service}"
[[route]]
path = "/probe"
require = "none"
to = "{probe}"
[admin]
listen = ""
"""


async def serve(reader, writer):
    """Answers when a request has come whole."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line[15:]))
                if line.startswith(b"transfer-encoding:"):
                    while (await reader.readuntil(b"\r\n")) != b"0\r\n":
                        pass
                    await reader.readuntil(b"\r\n")
            length = LARGE if b" /large" in head else 2
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
            for at in range(0, length, 1 << 16):
                writer.write(b"x" * min(1 << 16, length - at))
                await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        # The gateway broke off.
        pass
    finally:
        writer.close()


def service():
    """The port of a service on a thread of its own."""
    port, begun = [], threading.Event()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
        port.append(server.sockets[0].getsockname()[1])
        begun.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    begun.wait(10)
    return port[0]


def memory(process, key="VmRSS"):
    """MiB."""
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def connections(port):
    """Established ones, at the gateway's side."""
    mine = ":%04X" % port
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file]
    return sum(row[1].endswith(mine) and row[3] == "01" for row in rows)


def start(wxgate, room, probe_url):
    with open(f"{room}/gateway.toml", "w") as file:
        file.write(CONFIG.format(service=service(), probe=probe_url))
    log = open(f"{room}/log", "w+")
    environment = {**os.environ, "WX_SECRET": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
    process = subprocess.Popen([wxgate, "run", "-c", f"{room}/gateway.toml"], stdout=subprocess.DEVNULL, stderr=log,
                               env=environment)
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with open(f"{room}/log") as said:
            for line in said:
                if '"ready"' in line:
                    return process, int(json.loads(line)["listen"].rsplit(":", 1)[1])
        time.sleep(0.05)
    sys.exit(open(f"{room}/log").read())


def attack(mode, port, process):
    """Plays one mode; the most connections that the gateway had, and the MiB that it took."""
    before = memory(process)
    with open(f"/proc/{process.pid}/clear_refs", "w") as file:
        file.write("5")
    path = "large" if mode == "X" else ""
    tool = subprocess.Popen(
        ["slowhttptest", *MODES[mode], "-c", str(PEERS), "-r", "500", "-l", str(SECONDS), "-p", "5", "-v", "0", "-u",
         f"http://127.0.0.1:{port}/{path}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    most = 0
    while tool.poll() is None:
        most = max(most, connections(port))
        time.sleep(1)
    return most, memory(process, "VmHWM") - before, before


def main():
    probe = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "../http2/probe.py")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(line):
        probe.stdin.write(line + "\n")
        probe.stdin.flush()

    def figures():
        tell("last")
        return json.loads(probe.stdout.readline())

    wrong = []
    with tempfile.TemporaryDirectory() as room:
        process, port = start(sys.argv[1], room, probe.stdout.readline().strip())
        try:
            tell(f"127.0.0.1:{port}")
            time.sleep(5)
            quiet = figures()
            print("quiet:", quiet)
            for mode in sys.argv[2:] or MODES:
                figures()
                most, peak, before = attack(mode, port, process)
                now = figures()
                end = time.monotonic() + 60
                while memory(process) - before > LEFT and time.monotonic() < end:
                    time.sleep(0.2)
                left = memory(process) - before
                print(f"-{mode}: {most} connections; memory at most {peak:+.1f}, then {left:+.1f} MiB; {now}")
                waits, machine = now["waits"], now["machine"]
                slower = max(0, machine["p99"] - quiet["machine"]["p99"])
                if most < PEERS * 0.9:
                    wrong.append(f"-{mode}: {most} connections are no attack")
                if waits["p99"] > quiet["waits"]["p99"] + MORE + slower or waits["most"] > MOST + machine["most"]:
                    wrong.append(f"-{mode}: others waited")
                if waits["count"] < 200:
                    wrong.append(f"-{mode}: {waits['count']} requests say nothing")
                if peak > PEAK or left > LEFT:
                    wrong.append(f"-{mode}: memory grew by {peak:.1f} MiB, and {left:.1f} are left")
        finally:
            probe.stdin.close()
            probe.wait(20)
            process.terminate()
            process.wait(20)
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
