"""The gateway as its own process, the mock WeChat, and a service that records each byte it gets."""

import http.client
import json
import os
import re
import select
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

APPID, SECRET = "wx0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

# The value of each forged header. Where the service hears it, a rule is broken.
FORGED = "oForged"

# Where it stands in a path, bytes of a body were taken for a request.
HIDDEN = "/hidden"

CONFIG = """
h2c = true
listen = ["127.0.0.1:0"]
workers = 2
{top}
[admin]
listen = ""
[log]
access = false
[wechat]
api = ["{mock}"]
[[app]]
appid = "{appid}"
secret = {{ env = "WX_SECRET" }}
[[route]]
path = "/"
require = "none"
to = "{service}"
[[route]]
path = "/optional"
require = "optional"
to = "{service}"
[[route]]
path = "/probe"
require = "none"
to = "{probe}"
[[route]]
path = "/closed"
deny = true
"""


class Service:
    """Reads HTTP/1.1 strictly, and keeps what it saw by path."""

    def __init__(self):
        self.lock = threading.Lock()
        self.begun, self.whole, self.wrong = {}, {}, []
        self.requests, self.holding = 0, 0
        service = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                try:
                    while service.serve(self.rfile, self.wfile):
                        pass
                except (OSError, EOFError):
                    # The gateway broke off.
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 512

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, stream, out):
        line = stream.readline()
        if not line.endswith(b"\n"):
            return False
        method, target, _ = line.decode("latin-1").split(" ")
        lines = self.lines(stream)
        path = target.split("?")[0]
        seen = {"method": method, "target": target, "lines": lines, "body": b"", "trailers": []}
        if path.startswith("/deaf"):
            # Its buffers full, it does not even hear that the gateway gives up.
            time.sleep(60)
            return False
        with self.lock:
            self.requests += 1
            self.begun.setdefault(path, []).append(seen)
        self.check(seen)
        names = [name.lower() for name, _ in lines]
        if "transfer-encoding" in names:
            while size := int(self.line(stream), 16):
                seen["body"] += self.exactly(stream, size)
                assert self.exactly(stream, 2) == b"\r\n"
            seen["trailers"] = self.lines(stream)
            self.check(seen)
        elif "content-length" in names:
            seen["body"] = self.exactly(stream, int(dict(zip(names, (v for _, v in lines)))["content-length"]))
        with self.lock:
            self.whole.setdefault(path, []).append(seen)
        return self.answer(seen, path, out)

    def answer(self, seen, path, out):
        if path.startswith("/hold"):
            self.hold(out)
            return False
        if path.startswith("/big/"):
            length = int(path.split("/")[2])
            out.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
            for at in range(0, length, 1 << 16):
                out.write(b"x" * min(1 << 16, length - at))
            return True
        shown = {**seen, "body": seen["body"][:1000].decode("latin-1")}
        body = json.dumps(shown).encode()
        out.write(b"HTTP/1.1 200 OK\r\nX-Answer: 1\r\nContent-Length: %d\r\n\r\n" % len(body))
        if seen["method"] != "HEAD":
            out.write(body)
        return True

    def hold(self, stream):
        """Says nothing until the gateway gives up."""
        with self.lock:
            self.holding += 1
        poll = select.poll()
        poll.register(stream, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        poll.poll(60_000)
        with self.lock:
            self.holding -= 1

    def until(self, holds, patience):
        """Whether `holds()` came about."""
        end = time.monotonic() + patience
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def empties(self):
        """Whether the gateway gives up what nobody waits for."""
        return self.until(lambda: self.holding == 0, 15)

    def lines(self, stream):
        lines = []
        while (line := self.line(stream)) != b"\r\n":
            if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
                self.wrong.append(f"a line that is none: {line!r}")
            name, _, value = line[:-2].decode("latin-1").partition(":")
            lines.append((name, value.strip()))
        return lines

    def line(self, stream):
        line = stream.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def exactly(self, stream, length):
        data = stream.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def check(self, seen):
        """What no service may ever hear."""
        names = [name.lower() for name, _ in seen["lines"]]
        faults = []
        if names.count("host") != 1:
            faults.append("not one host")
        if names.count("content-length") + names.count("transfer-encoding") > 1:
            faults.append("two framings")
        if seen["target"].startswith(HIDDEN):
            faults.append("a request that was hidden in another")
        if any(FORGED in value for _, value in seen["lines"] + seen["trailers"]):
            faults.append("forged")
        if any(re.sub("[^a-z0-9]", "-", name.lower()).startswith("x-wx-") for name, _ in seen["trailers"]):
            faults.append("identity in trailers")
        if any(set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names):
            faults.append("an odd name")
        if any(not 33 <= ord(c) < 127 for c in seen["target"]) or "#" in seen["target"]:
            faults.append("an odd target")
        if names.count("cookie") > 1:
            faults.append("two cookie lines")
        with self.lock:
            self.wrong += [f"{fault}: {seen['target']} {seen['lines']} {seen['trailers']}" for fault in faults]

    def count(self, path, whole=True):
        with self.lock:
            return len((self.whole if whole else self.begun).get(path, []))


class Bed:
    """A gateway with `top` in its config, and all around it."""

    def __init__(self, top="", probe="http://127.0.0.1:9"):
        self.binary = os.environ["WXGATE"]
        self.service = Service()
        self.folder = tempfile.TemporaryDirectory()
        self.children, self.logins = [], 0
        mock = self.start(["mock", "--listen", "127.0.0.1:0", "--any-code"], r"(http://127\.0\.0\.1:\d+)")
        text = CONFIG.format(top=top, mock=mock, appid=APPID, service=self.service.url, probe=probe)
        config = os.path.join(self.folder.name, "gateway.toml")
        with open(config, "w") as file:
            file.write(text)
        host, port = self.start(["run", "-c", config], r'"?listen"?[=:]"?(127\.0\.0\.1:\d+)').split(":")
        self.address = (host, int(port))
        self.process = self.children[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            child.wait(20)
        self.folder.cleanup()

    def start(self, arguments, sign):
        """Starts a command; what `sign` finds in what it says."""
        child = subprocess.Popen(
            [self.binary, *arguments], env={**os.environ, "WX_SECRET": SECRET}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.children.append(child)
        said = child.said = []
        found, heard = threading.Event(), []

        def listen():
            for line in child.stdout:
                said.append(line)
                match = re.search(sign, line)
                if match and not heard:
                    heard.append(match[1])
                    found.set()
            found.set()

        threading.Thread(target=listen, daemon=True).start()
        assert found.wait(30) and heard, f"{arguments} is not ready: {''.join(said)}"
        return heard[0]

    def is_open(self, wire):
        """Whether the gateway still has its end of a connection."""
        ours, theirs = ("%08X:%04X" % (0x0100007F, port) for port in (self.address[1], wire.socket.getsockname()[1]))
        with open("/proc/net/tcp") as table:
            return any(line.split()[1:4] == [ours, theirs, "01"] for line in table)

    def token(self):
        """Signs somebody in."""
        self.logins += 1
        asked = http.client.HTTPConnection(*self.address, timeout=15)
        asked.request("POST", "/wxgate/login", json.dumps({"code": f"code-{self.logins}"}), {"Content-Type": "application/json"})
        answer = asked.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return json.loads(body)["token"]

    def memory(self, key="VmRSS"):
        """MiB of the gateway's process."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith(key))
        return int(line.split()[1]) / 1024

    def said(self):
        return "".join(self.process.said)

    def lives(self):
        """Another client is answered."""
        with socket.create_connection(self.address, timeout=15) as other:
            other.sendall(b"GET /lives HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return other.recv(64).startswith(b"HTTP/1.1 200")
