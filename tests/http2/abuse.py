"""What no honest client sends: that it ends, costs little, reaches nobody, and keeps nobody waiting."""

import json
import os
import select
import socket
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import peers
from bed import Bed
from wire import Wire, ping

# Short times, so that waits end while somebody looks.
TOP = '[timeouts]\nstream = "2s"\nbody = "2s"\nidle = "3s"\nheader = "3s"\nresponse = "4s"\n'

# No request of others may take longer than this, in ms, and what the machine alone took.
MOST = 1000

# ms by which the 99th percentile may be above the quiet one, and what the machine alone took more.
MORE = 50

# MiB by which a group may leave the gateway larger, and by which it may have been larger meanwhile.
# What waits may hold 64 KiB for each of its 300 streams.
LEFT, PEAK, PEAK_OF_WAITS = 16, 24, 40

# So often a group is played at most, where all that is wrong is that somebody waited.
TURNS, SLOW = 3, "others waited"

# What waits more than it works is played together.
WAITING, TOGETHER = "waits", 8

GROUPS = {}


@dataclass
class Abuse:
    title: str
    play: object
    # It passes with a gateway without rules, too: it shows that ours does no more than it should.
    control: bool

    def run(self, bed, number):
        try:
            self.play(bed, f"/abuse/{number}")
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{error!r} in line {where.lineno} of {os.path.basename(where.filename)}"
        return None


def abuse(group, title, control=False):
    def keep(play):
        GROUPS.setdefault(group, []).append(Abuse(title, play, control))
        return play

    return keep


def flood(wire, chunk, times):
    """Writes `chunk` so often, or until the gateway has had enough; reads what comes meanwhile."""
    wire.socket.setblocking(False)
    left = memoryview(chunk * times)
    end = time.monotonic() + 20
    try:
        while left and time.monotonic() < end:
            readable, writable, _ = select.select([wire.socket], [wire.socket], [], 1)
            if readable:
                more = wire.socket.recv(1 << 20)
                if not more:
                    break
                wire.buffer += more
            if writable:
                left = left[wire.socket.send(left[:1 << 18]):]
    except BlockingIOError:
        pass
    except OSError:
        pass
    finally:
        wire.socket.setblocking(True)
        wire.socket.settimeout(wire.patience)


def stops(wire, code=None):
    """The gateway has had enough: it ended the connection, and said `code` where h2 found out."""
    mark = b"goes on?"
    wire.send(ping(mark))
    wire.until(lambda: mark in wire.pongs)
    assert mark not in wire.pongs, f"it goes on: {wire}"
    # Bytes that were still under way may wipe out what the gateway said.
    assert wire.goaway in (code, None), f"it ended with {wire.goaway}"


def waits_for_end(wire, least, most):
    """Without reading, the end of the connection comes within these seconds."""
    start = time.monotonic()
    poll = select.poll()
    poll.register(wire.socket, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    came = poll.poll(most * 1000)
    took = time.monotonic() - start
    assert came, f"it goes on after {most} s: {wire}"
    assert took >= least, f"it ended after {took:.1f} s"


class Probe:
    """The honest client's process."""

    def __init__(self):
        script = os.path.join(os.path.dirname(__file__), "probe.py")
        self.process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.url = self.process.stdout.readline().strip()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def figures(self, which="last"):
        """Of the last part, or of all but the first."""
        self.tell(which)
        line = self.process.stdout.readline()
        assert line, "the honest client was not answered"
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def play(only):
    import abuse_bombs, abuse_floods, abuse_forgery, abuse_windows  # noqa: E401,F401

    probe = Probe()
    wrong, count = [], 0
    with Bed(TOP, probe.url) as bed:
        probe.tell("%s:%d" % bed.address)
        with Wire(bed.address) as wire:
            for number in range(1, 600, 2):
                assert wire.get(number).status == 200
        quiet = probe.figures()
        print(f"{'quiet':12} {show(quiet)}")
        played = {group: abuses for group, abuses in GROUPS.items() if not only or group in only}
        for group, abuses in played.items():
            count += len(abuses)
            faults = attack(bed, probe, group, abuses, 0, quiet)
            # A wait that the machine is to blame for is not there again.
            for turn in range(1, TURNS):
                if all(SLOW in fault for fault in faults) and faults:
                    faults = attack(bed, probe, group, abuses, turn, quiet)
            wrong += [f"{group}: {fault}" for fault in faults]
        waits = probe.figures("all")["waits"]
        print(f"p99 of others: {quiet['waits']['p99']} ms before, {waits['p99']} ms during the abuse "
              f"({waits['count']} requests)")
        if "floods" in played and "too many frames that carry nothing" not in bed.said():
            wrong.append("no line of the log says why a flood was ended")
        if "panicked" in bed.said():
            wrong.append(bed.said())
        probe.end()
    if not only:
        wrong += [f"a gateway without rules passes, too: {title}" for title in peers.toothless_abuses(GROUPS)]
    for line in wrong:
        print(line)
    print(f"{count} cases, {len(wrong)} wrong")
    return not wrong


def attack(bed, probe, group, abuses, turn, quiet):
    """Plays a group; what is wrong. `quiet` are the figures from before all abuse."""
    before = bed.memory()
    reset_peak(bed)
    probe.figures()
    start = time.monotonic()
    with ThreadPoolExecutor(TOGETHER if group == WAITING else 1) as pool:
        faults = list(pool.map(lambda pair: pair[1].run(bed, f"{group}/{turn}/{pair[0]}"), enumerate(abuses)))
    wrong = [f"{one.title}: {why}" for one, why in zip(abuses, faults) if why]
    took = time.monotonic() - start
    figures = probe.figures()
    peak, left = bed.memory("VmHWM") - before, bed.memory() - before
    print(f"{group:12} {show(figures)}, memory at most {peak:+.1f}, then {left:+.1f} MiB, {len(abuses)} sequences in {took:.1f} s")
    machine = max(0, figures["machine"]["p99"] - quiet["machine"]["p99"])
    is_prompt = figures["waits"]["p99"] <= quiet["waits"]["p99"] + MORE + machine
    if not is_prompt or figures["waits"]["most"] > MOST + figures["machine"]["most"]:
        wrong.append(f"{SLOW}: {figures}")
    if peak > (PEAK_OF_WAITS if group == WAITING else PEAK) or left > LEFT:
        wrong.append(f"memory grew by {peak:.1f} MiB, and {left:.1f} are left")
    if not bed.lives():
        wrong.append("nobody is answered")
    if not bed.service.empties():
        wrong.append(f"{bed.service.holding} requests at the service were never given up")
    wrong += [f"the service heard: {fault}" for fault in bed.service.wrong]
    bed.service.wrong.clear()
    return wrong


def show(figures):
    waits, machine = figures["waits"], figures["machine"]
    return (f"others: p50 {waits['p50']}, p99 {waits['p99']}, at most {waits['most']} ms of {waits['count']} "
            f"(the machine alone: p99 {machine['p99']}, at most {machine['most']} ms)")


def reset_peak(bed):
    """`VmHWM` counts from here."""
    with open(f"/proc/{bed.process.pid}/clear_refs", "w") as file:
        file.write("5")
