"""The peers: what each is, how it is started from its template in bench/peers, and which processes count."""

import os
import re
from dataclasses import dataclass, field, replace

from bench import tools
from bench.process import CORES, Process, cores, cpu, free_port, memory
from bench.sessions import SECRETS

TEMPLATES = os.path.join(tools.BENCH, "peers")


@dataclass(frozen=True)
class Peer:
    """One row of a scenario: a proxy, and how it is set up for it."""

    kind: str
    tls: bool = False
    h2: bool = False
    log: bool = False
    workers: int = 1
    pinned: bool = True
    idle: bool = False
    # Loaded by one user where the others are by all.
    same: bool = False

    @property
    def name(self):
        """Unique among the rows of a scenario."""
        marks = [(self.log, "log"), (self.workers > 1, str(self.workers)), (self.same, "same")]
        return "-".join([self.kind, *(mark for on, mark in marks if on)])

    @property
    def authenticates(self):
        return self.kind not in ("nginx", "haproxy-tcp")

    def but(self, **changes):
        return replace(self, **changes)


@dataclass
class Running:
    """A peer that listens."""

    peer: Peer
    port: int
    processes: list = field(default_factory=list)

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    def url(self, path="/"):
        return f"http{'s' if self.peer.tls else ''}://127.0.0.1:{self.port}{path}"

    def cpu(self):
        return cpu(self.pids)

    def memory(self):
        return memory(self.pids)


def fill(template, values):
    """The template with its @WORDS@ filled in; each must be known."""
    with open(os.path.join(TEMPLATES, template)) as file:
        text = file.read()
    for _ in range(2):
        text = re.sub(r"@([A-Z0-9_]+)@", lambda word: str(values[word[1]]), text)
    return text


def write(template, values):
    """The filled template in the peer's folder; its path."""
    path = os.path.join(values["FOLDER"], template)
    with open(path, "w") as file:
        file.write(fill(template, values))
    return path


def nginx_values(values):
    """What all templates of nginx hold besides."""
    values = {"ACCESS_LOG": "off", "TLS": "", "LISTEN": "", "WORKERS": 1, **values}
    values["PATHS"] = fill("paths.conf", values)
    values["COMMON"] = fill("common.conf", values)
    return values


def nginx_command(config, folder):
    return [tools.path("nginx"), "-p", folder, "-e", f"{folder}/error.log", "-c", config]


def start(peer, stage, into):
    """Starts a peer in a folder of its own; `into` is the stack that ends its processes."""
    folder = stage.folder(peer.name)
    port = free_port()
    values = {
        "FOLDER": folder, "PORT": port, "SERVICE": stage.service, "STREAMS": stage.streams, "USERS": stage.users.file,
        "WORKERS": peer.workers, "AUTH": 0,
    }
    running = Running(peer, port)
    if peer.kind in ("nginx-auth", "caddy"):
        values["AUTH"] = free_port()
        launch(running, into, [tools.path("auth-service"), f"127.0.0.1:{values['AUTH']}", stage.users.file],
               folder, values["AUTH"])
    command, env = COMMANDS[peer.kind](peer, stage, values)
    launch(running, into, command, folder, port, env)
    return running


def launch(running, into, command, folder, port, env=None):
    """Adds a process to the peer."""
    log = os.path.join(folder, os.path.basename(command[0]) + ".log")
    on = cores()[0] if running.peer.pinned else CORES
    process = into.enter_context(Process(command, log, on, env))
    process.await_port(port)
    running.processes.append(process)


def wxgate(peer, stage, values):
    tls = f'[tls]\ncert = "{stage.certificate}"\nkey = "{stage.key}"\n' if peer.tls else ""
    values |= {
        "H2C": str(peer.h2 and not peer.tls).lower(), "TLS": tls, "ACCESS": str(peer.log).lower(),
        "CONNECTIONS": 15000 if peer.idle else 0, "MOCK": stage.mock, "ADMIN": free_port(),
    }
    if peer.log:
        values["ACCESS"] += f'\nfile = "{values["FOLDER"]}/access.log"'
    stage.users.hand_over(values["FOLDER"])
    return [stage.wxgate, "run", "-c", write("wxgate.toml", values)], SECRETS


def nginx(peer, stage, values):
    if peer.tls:
        values["TLS"] = f"ssl_certificate {stage.certificate}; ssl_certificate_key {stage.key};"
    values["LISTEN"] = (" ssl" if peer.tls else "") + (" http2" if peer.h2 else "")
    if peer.log:
        values["ACCESS_LOG"] = f"{values['FOLDER']}/access.log"
    if peer.kind == "nginx-lua":
        values["MODULES"] = tools.first("/usr/lib/nginx/modules")
        values["LUA"] = tools.first("/usr/share/lua/5.1")
    config = write(f"{peer.kind}.conf", nginx_values(values))
    return nginx_command(config, values["FOLDER"]), None


def haproxy(peer, stage, values):
    with open(os.path.join(values["FOLDER"], "users.map"), "w") as file:
        file.writelines(f"{token} {openid}|{phone}\n" for token, openid, phone in stage.users.rows)
    return [tools.path("haproxy"), "-db", "-f", write(f"{peer.kind}.cfg", values)], None


def caddy(peer, stage, values):
    folder = values["FOLDER"]
    env = {"GOMAXPROCS": str(peer.workers), "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
    return [tools.path("caddy"), "run", "--adapter", "caddyfile", "--config", write("Caddyfile", values)], env


def pingora(peer, stage, values):
    return [tools.path("pingora-gateway"), f"127.0.0.1:{values['PORT']}", f"127.0.0.1:{stage.service}",
            stage.users.file, str(peer.workers)], None


COMMANDS = {
    "wxgate": wxgate, "nginx": nginx, "nginx-lua": nginx, "nginx-auth": nginx, "haproxy": haproxy,
    "haproxy-tcp": haproxy, "caddy": caddy, "pingora": pingora,
}
