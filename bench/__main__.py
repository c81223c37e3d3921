"""The command: measures what is asked for, keeps it as JSON, and makes the page of it."""

import argparse
import datetime
import os
import shlex
import signal
import sys
import tempfile
import traceback
from contextlib import ExitStack

from bench import report, scenarios, tools
from bench.results import Results
from bench.scenarios.scenario import Settings
from bench.stage import Stage

RESULTS = os.path.join(tools.BENCH, "results")


def arguments():
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument("--wxgate", default=os.path.join(tools.PROJECT, "target/dist/wxgate"), help="the binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of each turn")
    parser.add_argument("--users", type=int, default=100_000, help="that sign in")
    parser.add_argument("--report", nargs="+", metavar="FILE", help="measure nothing: make the page of these results")
    parser.add_argument("--peers", nargs="+", default=[], help="only these kinds, for a quick look: wxgate nginx")
    parser.add_argument("scenarios", nargs="*", help="names or families; all, if none is named")
    return parser.parse_args()


def say(scenario, number, name, values):
    figures = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
    print(f"{scenario:12} {number:2}  {name:14} {figures}", flush=True)


def measure(options, into, results):
    """Runs all that was chosen; a scenario that fails is written down, and the others go on."""
    settings = Settings(options.rounds, options.seconds, options.users)
    stage = Stage(tempfile.mkdtemp(prefix="wxgate-bench-"), os.path.abspath(options.wxgate), into)
    into.callback(stage.remove)
    print(f"signing {options.users:,} users in", flush=True)
    stage.prepare(options.users)
    for scenario in scenarios.chosen(options.scenarios, options.peers):
        try:
            scenario.run(stage, settings, results, say)
        except Exception as fault:  # Whatever it is: the others can still be measured.
            results.fail(scenario.name, str(fault).strip()[:600])
            traceback.print_exc()
        results.save()


def begin(options):
    """Results with nothing in them but what they are of."""
    began = datetime.datetime.now(datetime.timezone.utc)
    about = {
        "began": began.strftime("%Y-%m-%d %H:%M UTC"),
        "command": "make bench" + (f' SCENARIOS="{" ".join(options.scenarios)}"' if options.scenarios else "")
        + (f' PEERS="{" ".join(options.peers)}"' if options.peers else "")
        + f" ROUNDS={options.rounds} SECONDS={options.seconds} USERS={options.users}",
        "rounds": options.rounds, "seconds": options.seconds, "users": options.users,
        "machine": tools.machine(), "versions": tools.versions(options.wxgate),
    }
    return Results([about], os.path.join(RESULTS, began.strftime("%Y%m%d-%H%M%S") + ".json"))


def main():
    options = arguments()
    scenarios.chosen(options.scenarios)
    if options.report:
        report.write(Results.read(options.report), os.path.join(tools.PROJECT, "docs"))
        return 0
    tools.prepare()
    # Whoever stops this stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = begin(options)
    with ExitStack() as into:
        measure(options, into, results)
    # A part is no page: it is shown beside its figures.
    whole = not (options.scenarios or options.peers)
    folder = os.path.join(tools.PROJECT, "docs") if whole else results.path[:-len(".json")]
    os.makedirs(folder, exist_ok=True)
    report.write(results, folder)
    print(report.summary(results))
    print(f"figures: {shlex.quote(results.path)}; page: {shlex.quote(os.path.join(folder, 'performance.md'))}")
    return 1 if results.data["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
