"""What runs here: where the tools are that `make bench` put into .tools, and which versions they are."""

import os
import re
import shutil
import subprocess

BENCH = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(BENCH)
ROOT = os.path.join(PROJECT, ".tools/peers/root")
PEERS = os.path.join(BENCH, "pingora/target/release")


def prepare():
    """Lets Debian's packages that were only unpacked be found, with their libraries."""
    def put(key, *folders):
        os.environ[key] = os.pathsep.join([*folders, *filter(None, [os.environ.get(key)])])

    put("PATH", f"{ROOT}/usr/sbin", f"{ROOT}/usr/bin", f"{PROJECT}/.tools/oha/bin", PEERS)
    triplet = os.uname().machine + "-linux-gnu"
    put("LD_LIBRARY_PATH", f"{ROOT}/usr/lib/{triplet}", f"{ROOT}/lib/{triplet}")


def path(tool):
    found = shutil.which(tool)
    if not found:
        raise RuntimeError(f"{tool} is missing: make bench-tools")
    return found


def first(*places):
    """The first of these folders that is there: unpacked, or installed."""
    for place in places:
        for full in (ROOT + place, place):
            if os.path.isdir(full):
                return full
    raise RuntimeError(f"{places[0]} is missing: make bench-tools")


def machine():
    """What the figures were measured on."""
    def read(name):
        try:
            with open(name) as file:
                return file.read()
        except OSError:
            return ""

    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    release = re.search(r'PRETTY_NAME="(.*)"', read("/etc/os-release"))
    return {
        "processor": model[1] if model else os.uname().machine,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else None,
        "system": (release[1] if release else "Linux"),
        "kernel": os.uname().release,
    }


VERSIONS = {
    "wxgate": (["--version"], r"wxgate (\S+)"),
    "nginx": (["-v"], r"nginx/(\S+)"),
    "haproxy": (["-v"], r"version (\S+)"),
    "caddy": (["version"], r"v?(\d\S+)"),
    "wrk": (["-v"], r"wrk \S*?/?(\d\S+)"),
    "h2load": (["--version"], r"nghttp2/(\S+)"),
    "oha": (["--version"], r"oha (\S+)"),
}


def versions(wxgate):
    """Of all that takes part."""
    found = {}
    for tool, (arguments, pattern) in VERSIONS.items():
        command = wxgate if tool == "wxgate" else shutil.which(tool)
        if command:
            said = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=20)
            match = re.search(pattern, said.stdout + said.stderr)
            found[tool] = match[1] if match else "?"
    with open(os.path.join(BENCH, "pingora/Cargo.lock")) as file:
        lock = file.read()
    for name in ("pingora", "hyper"):
        match = re.search(rf'name = "{name}"\nversion = "(.*)"', lock)
        found[name] = match[1] if match else "?"
    # Of a binary from elsewhere nobody knows.
    if os.path.abspath(wxgate).startswith(PROJECT + os.sep):
        commit = subprocess.run(["git", "-C", PROJECT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        if commit.returncode == 0:
            found["commit"] = commit.stdout.strip()
    return found
