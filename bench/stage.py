"""What a run needs beside the peers: a folder, the service behind all of them, a mock of WeChat, users, a certificate."""

import itertools
import os
import shutil
import subprocess
import sys

from bench import check, peer, sessions, tools
from bench.process import Process, cores, free_port

# The files that the service answers with.
FILES = {"64k": 64 << 10, "1m": 1 << 20}


class Stage:
    """As a context it removes all that it made."""

    def __init__(self, room, wxgate, into):
        self.room, self.wxgate, self.into = room, wxgate, into
        self.counter = itertools.count()
        self.service = self.streams = self.mock = 0
        self.users = self.key = self.certificate = None

    def folder(self, name):
        folder = os.path.join(self.room, f"{next(self.counter)}-{name}")
        os.mkdir(folder)
        return folder

    def prepare(self, users):
        """Starts what all scenarios share, and signs the users in."""
        self.mock = free_port()
        folder = self.folder("mock")
        self.begin([self.wxgate, "mock", "--listen", f"127.0.0.1:{self.mock}", "--any-code"], folder, self.mock)
        self.serve()
        self.make_certificate()
        self.sign_in(users)
        # From here on this process is load, too.
        os.sched_setaffinity(0, cores()[1])

    def begin(self, command, folder, port):
        log = os.path.join(folder, "log")
        process = self.into.enter_context(Process(command, log, cores()[1]))
        return process.await_port(port)

    def serve(self):
        """The service that answers by itself, and the one of streams."""
        self.service, self.streams = free_port(), free_port()
        folder = self.folder("service")
        files = os.path.join(folder, "files")
        os.mkdir(files)
        for name, size in FILES.items():
            with open(os.path.join(files, name), "wb") as file:
                file.write(b"0123456789abcdef" * (size // 16))
        values = peer.nginx_values({"FOLDER": folder, "PORT": self.service, "FILES": folder})
        config = peer.write("service.conf", values)
        self.begin(peer.nginx_command(config, folder), folder, self.service)
        folder = self.folder("streams")
        self.begin([sys.executable, os.path.join(tools.BENCH, "streams.py"), str(self.streams)], folder, self.streams)

    def make_certificate(self):
        folder = self.folder("certificate")
        self.key, self.certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key,
             "-out", self.certificate], check=True, capture_output=True, timeout=60)

    def sign_in(self, count):
        """By a wxgate that is stopped again: what it knows is then in its snapshot."""
        folder = self.folder("sign-in")
        port = free_port()
        values = {
            "FOLDER": folder, "PORT": port, "SERVICE": self.service, "STREAMS": self.streams, "WORKERS": 1,
            "H2C": "false", "TLS": "", "ACCESS": "false", "CONNECTIONS": 0, "MOCK": self.mock, "ADMIN": free_port(),
        }
        command = [self.wxgate, "run", "-c", peer.write("wxgate.toml", values)]
        with Process(command, os.path.join(folder, "log"), env=sessions.SECRETS) as process:
            process.await_port(port)
            rows = sessions.sign_in(count, port, self.mock, folder)
        snapshot = os.path.join(folder, "sessions")
        if not os.path.exists(snapshot):
            raise RuntimeError(f"wxgate wrote no snapshot when it was stopped: {snapshot}")
        self.users = sessions.Users(rows, folder, snapshot)

    def start(self, peers, into):
        """Starts peers and checks that each does what its row says."""
        running = []
        for each in peers:
            one = peer.start(each, self, into)
            check.does_its_job(one, self.users)
            running.append(one)
        return running

    def remove(self):
        shutil.rmtree(self.room, ignore_errors=True)
