"""What was measured: rows kept as JSON, and the medians, spreads and ratios that are made of them."""

import json
import os
import statistics


class Results:
    """Rows `{scenario, peer, round, values}`, facts of scenarios, and what failed."""

    def __init__(self, about, path=None):
        self.data = {"about": about, "facts": {}, "failures": {}, "rows": []}
        self.path = path

    @classmethod
    def read(cls, paths):
        """Those of several runs as one: a scenario counts as the last of them measured it."""
        all_of_them = []
        for path in paths:
            with open(path) as file:
                all_of_them.append(json.load(file))
        joined = cls([one for data in all_of_them for one in data["about"]])
        for data in all_of_them:
            done = {row["scenario"] for row in data["rows"]} | set(data["failures"])
            joined.forget(done)
            joined.data["rows"] += data["rows"]
            joined.data["facts"] |= data["facts"]
            joined.data["failures"] |= data["failures"]
        return joined

    def forget(self, scenarios):
        self.data["rows"] = [row for row in self.data["rows"] if row["scenario"] not in scenarios]
        for part in ("facts", "failures"):
            self.data[part] = {name: value for name, value in self.data[part].items() if name not in scenarios}

    def add(self, scenario, peer, round, values):
        self.data["rows"].append({"scenario": scenario, "peer": peer, "round": round, "values": values})

    def fact(self, scenario, facts):
        self.data["facts"].setdefault(scenario, {}).update(facts)

    def fail(self, scenario, why):
        """A scenario that failed has no rows: half of it would be taken for all."""
        self.forget({scenario})
        self.data["failures"][scenario] = why

    def save(self):
        folder = os.path.dirname(self.path)
        os.makedirs(folder, exist_ok=True)
        with open(self.path + ".new", "w") as file:
            json.dump(self.data, file, indent=1)
        os.replace(self.path + ".new", self.path)

    def scenarios(self):
        """Those with rows."""
        return {row["scenario"] for row in self.data["rows"]}

    def peers(self, scenario):
        """In the order in which they were first measured."""
        return list(dict.fromkeys(row["peer"] for row in self.data["rows"] if row["scenario"] == scenario))

    def rounds(self, scenario, peer, value):
        """A value by round."""
        return {
            row["round"]: row["values"][value]
            for row in self.data["rows"]
            if (row["scenario"], row["peer"]) == (scenario, peer) and value in row["values"]
        }

    def spread(self, scenario, peer, value):
        """Median, least and most; None where it was not measured."""
        found = list(self.rounds(scenario, peer, value).values())
        return (statistics.median(found), min(found), max(found)) if found else None

    def ratio(self, scenario, peer, other, value="cpu_us"):
        """The same of a peer's figure over another's, round by round: what slows the machine slows both."""
        mine, theirs = self.rounds(scenario, peer, value), self.rounds(scenario, other, value)
        found = [mine[round] / theirs[round] for round in mine if theirs.get(round)]
        return (statistics.median(found), min(found), max(found)) if found else None
