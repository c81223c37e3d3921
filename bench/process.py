"""Processes: started on cores of their own, waited for, weighed in CPU time and memory, ended by their ids."""

import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")

# Seconds: nothing takes longer to begin to listen, or to end when it is asked to.
PATIENCE = 60


# Before this process, or any that it starts, is put on some of them.
CORES = sorted(os.sched_getaffinity(0))


def cores():
    """Those of the proxies, and those of the load and the service: apart where there are two."""
    return (CORES, CORES) if len(CORES) == 1 else (CORES[:1], CORES[1:])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A process that listens on a port. As a context it ends with it."""

    def __init__(self, command, log, on=None, env=None, cwd=None):
        """`on`: the cores it may use; all of this process, if not said."""
        words = ["taskset", "-c", ",".join(map(str, on)), *command] if on else list(command)
        self.log, self.name = log, os.path.basename(command[0])
        with open(log, "ab") as output:
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
                                          env={**os.environ, **(env or {})})
        self.pid = self.child.pid

    def await_port(self, port):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return self
            except OSError:
                time.sleep(0.002)
        self.end()
        with open(self.log, errors="replace") as file:
            said = file.read()[-2000:]
        raise RuntimeError(f"{self.name} does not listen on {port}: {said}")

    def end(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(PATIENCE / 4)
            except subprocess.TimeoutExpired:
                family = tree(self.pid)
                for pid in reversed(family):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.child.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as file:
                    found += [int(word) for word in file.read().split()]
        except FileNotFoundError:
            pass
    return found


def cpu_of_stat(text):
    """Seconds of user and system time that a line of /proc/PID/stat tells; the name in it may hold anything."""
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu(pids):
    """Seconds of CPU time, user and system, that these and all below them took so far."""
    total = 0.0
    for pid in pids:
        for each in tree(pid):
            try:
                with open(f"/proc/{each}/stat") as file:
                    total += cpu_of_stat(file.read())
            except FileNotFoundError:
                pass
    return total


def memory_of_rollup(text):
    """Bytes resident, and those with each shared page divided by its users, that smaps_rollup tells."""
    found = dict.fromkeys(("Rss", "Pss"), 0)
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        if key in found:
            found[key] = int(rest.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def memory(pids):
    """The same of these and all below them."""
    rss = pss = 0
    for pid in pids:
        for each in tree(pid):
            with open(f"/proc/{each}/smaps_rollup") as file:
                mine = memory_of_rollup(file.read())
            rss, pss = rss + mine[0], pss + mine[1]
    return rss, pss


def settled_memory(pids):
    """The same once it no longer falls: what is parked and given back takes its time."""
    least, since, end = memory(pids), time.monotonic(), time.monotonic() + 20
    while time.monotonic() < end and time.monotonic() - since < 2:
        time.sleep(0.2)
        now = memory(pids)
        if now[1] < least[1] * 0.998:
            least, since = now, time.monotonic()
    return memory(pids)
