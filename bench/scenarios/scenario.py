"""What a scenario is, and how it is measured: its peers in turns, round after round."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

WARM_UP = 1


@dataclass(frozen=True)
class Settings:
    """Of a run."""

    rounds: int
    seconds: int
    users: int


@dataclass(frozen=True)
class Scenario:
    """`measure(running, stage, seconds, facts)` gives the values of one turn."""

    name: str
    titles: tuple
    peers: tuple
    measure: object
    notes: tuple = ("", "")
    # Once, when all have started: facts that the measurements need.
    before: object = None
    # Whether each turn is measured on a peer that was just started.
    fresh: bool = False
    # The most rounds, where one tells enough.
    rounds: int = 1000
    # What the table shows: the names of values.
    values: tuple = ("cpu_us", "rate", "rss_mib")
    facts: dict = field(default_factory=dict)

    @property
    def family(self):
        return self.name.partition("-")[0]

    def run(self, stage, settings, results, say):
        rounds = min(settings.rounds, self.rounds)
        with ExitStack() as into:
            running = [] if self.fresh else stage.start(self.peers, into)
            facts = self.before(running, stage, settings) if self.before else {}
            results.fact(self.name, {**self.facts, **facts})
            for one in running:
                self.measure(one, stage, WARM_UP, facts)
            for number in range(1, rounds + 1):
                # Nobody is always the first.
                for at in range(len(self.peers)):
                    place = (at + number - 1) % len(self.peers)
                    values = self.turn(running[place] if running else self.peers[place], stage, settings, facts)
                    name = self.peers[place].name
                    results.add(self.name, name, number, values)
                    say(self.name, number, name, values)

    def turn(self, subject, stage, settings, facts):
        if not self.fresh:
            return self.measure(subject, stage, settings.seconds, facts)
        with ExitStack() as into:
            [running] = stage.start([subject], into)
            return self.measure(running, stage, settings.seconds, facts)


def per_request(load):
    """Measures what a load costs the proxy: `load(running, stage, seconds)` gives the number of requests."""

    return lambda running, stage, seconds, _: weigh(running, lambda: load(running, stage, seconds))


def weigh(running, action):
    """What the proxy spends on an action, which says how many requests it was."""
    cpu, began = running.cpu(), time.monotonic()
    count = action()
    took = time.monotonic() - began
    cpu = running.cpu() - cpu
    return {"cpu_us": cpu * 1e6 / count, "rate": count / took, "rss_mib": running.memory()[0] / 2**20}
