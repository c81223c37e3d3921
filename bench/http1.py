"""Small HTTP/1.1 calls over one kept connection: logins, checks, and what is measured one by one."""

import json
import socket


class Connection:
    """Sends requests one after another. `tls` is a context, or None."""

    def __init__(self, port, tls=None, session=None, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", session=session)
        self.rest = b""

    def call(self, method, path, headers=(), body=None):
        """Status and body of an answer that says its length, or that has none."""
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        return self.answer()

    def answer(self):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status.split()[1])
        if fields.get("transfer-encoding") == "chunked":
            return status, self.chunks()
        length = int(fields.get("content-length", 0))
        return status, self.take(length)

    def chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                self.more()
            size, self.rest = self.rest.split(b"\r\n", 1)
            chunk = self.take(int(size, 16) + 2)
            if len(chunk) == 2:
                return body
            body += chunk[:-2]

    def take(self, length):
        while len(self.rest) < length:
            self.more()
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def more(self):
        got = self.socket.recv(1 << 16)
        if not got:
            raise ConnectionError("the other side has closed")
        self.rest += got

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def said(status, body):
    """The JSON of an answer that must be 200."""
    if status != 200:
        raise RuntimeError(f"{status}: {body[:300]!r}")
    return json.loads(body)
