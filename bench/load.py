"""The load generators, and what their outputs say: wrk, h2load, and oha where delays count."""

import json
import os
import re
import subprocess

from bench import tools

SCRIPTS = os.path.join(tools.BENCH, "load")


def run(command, seconds, env=None):
    """What a load says; it may take as long again, and half a minute to come up."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * seconds + 30,
                          env={**os.environ, **(env or {})})
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout


def wrk(url, seconds, connections, token=None, script=None, env=None, status=200, headers=()):
    """How many requests were answered, all with `status`."""
    command = [tools.path("wrk"), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    for header in [*headers, *([f"Authorization: Bearer {token}"] if token else [])]:
        command += ["--header", header]
    if script:
        command += ["--script", os.path.join(SCRIPTS, script)]
    return of_wrk(run([*command, url], seconds, env), status)


def of_wrk(text, status=200):
    """Requests of wrk's report. It knows statuses only as good (2xx, 3xx) and others."""
    found = re.search(r"(\d+) requests in", text)
    if not found or not int(found[1]):
        raise RuntimeError(f"wrk: no requests: {text}")
    requests = int(found[1])
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    other = int(other[1]) if other else 0
    if "Socket errors" in text or other != (0 if status < 400 else requests):
        faults = re.findall(r"Socket errors: .*|Non-2xx .*", text)
        raise RuntimeError(f"wrk: not all of {requests} were answered with {status}: {'; '.join(faults)}")
    return requests


def h2load(url, seconds, connections, streams, token):
    """How many requests were answered, all with 2xx."""
    command = [tools.path("h2load"), "--threads", "1", "--clients", str(connections), "--max-concurrent-streams",
               str(streams), "--duration", str(seconds), "--header", f"authorization: Bearer {token}", url]
    return of_h2load(run(command, seconds))


def of_h2load(text):
    requests = re.search(r"requests: .*?(\d+) succeeded, (\d+) failed, (\d+) errored", text)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if not requests or not codes:
        raise RuntimeError(f"h2load: {text}")
    good, failed, errored = map(int, requests.groups())
    if not good or failed or errored or any(int(other) for other in codes.groups()[1:]):
        raise RuntimeError(f"h2load: not all were answered with 200: {text}")
    return good


def oha(url, seconds, connections, rate, token):
    """Delays in milliseconds at a fixed rate, counted from when each request was due, and the rate that was reached."""
    command = [tools.path("oha"), "--no-tui", "--output-format", "json", "--disable-color", "--latency-correction", "-q",
               str(rate), "-c", str(connections), "-z", f"{seconds}s", "-H", f"Authorization: Bearer {token}", url]
    return of_oha(run(command, seconds))


def of_oha(text):
    told = json.loads(text)
    statuses = told["statusCodeDistribution"]
    # Those that are under way when the time is over.
    errors = {name: count for name, count in told["errorDistribution"].items() if name != "aborted due to deadline"}
    if set(statuses) != {"200"} or errors:
        raise RuntimeError(f"oha: not all were answered with 200: {statuses} {errors}")
    delays = told["latencyPercentiles"]
    found = {name: delays[key] * 1000 for name, key in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))}
    return {**found, "reached": told["summary"]["requestsPerSec"]}
