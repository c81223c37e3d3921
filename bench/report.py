"""The page: docs/performance.md in English and Chinese, with its plots, of nothing but results."""

import os

from bench import scenarios
from bench.plot import bars, number
from bench.targets import verdicts
from bench.words import KINDS, PAGE, PEERS, VALUES

PLOTS = "performance"
LANGUAGES = ((0, "performance.md"), (1, "performance.zh-CN.md"))


def write(results, folder):
    """The pages into `folder`, the plots into one beside them; plots of before go."""
    plots = os.path.join(folder, PLOTS)
    os.makedirs(plots, exist_ok=True)
    for old in os.listdir(plots):
        if old.endswith(".svg"):
            os.remove(os.path.join(plots, old))
    drawn = draw(results)
    for name, svg in drawn.items():
        with open(os.path.join(plots, f"{name}.svg"), "w") as file:
            file.write(svg)
    for language, name in LANGUAGES:
        with open(os.path.join(folder, name), "w") as file:
            file.write(page(results, language, drawn))


def page(results, language, drawn):
    """All of it, in one language."""
    def words(key, **values):
        return PAGE[key][language].format(**values)

    parts = [words("head"), runs(results, language, words), words("targets"), targets(results, language)]
    parts += [image("targets", drawn), words("ratios"), words("rows"), kinds(results, language)]
    for scenario in scenarios.ALL:
        parts += section(scenario, results, language, drawn)
    if results.data["failures"]:
        parts += [words("failed"), failures(results, language)]
    absent = [one for one in scenarios.ALL if one.name not in results.scenarios() | set(results.data["failures"])]
    if absent:
        parts += [words("absent", names=", ".join(f"`{one.name}`" for one in absent))]
    return "\n\n".join(part for part in parts if part) + "\n"


def runs(results, language, words):
    """What was run, when and on what."""
    parts = []
    for about in results.data["about"]:
        machine = about["machine"]
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        parts.append(words("run", **{**about, **machine, "versions": versions}))
    return "\n".join(parts)


def targets(results, language):
    head = PAGE["target_columns"][language]
    lines = [row(head), "|---|---|--:|--:|---|"]
    for target, figure, reached in verdicts(results):
        told = "–" if figure is None else spread(figure, target.unit)
        verdict = PAGE["verdicts"][language][reached]
        most = f"{number(target.most)} {target.unit}".strip()
        lines.append(row((target.titles[language], target.versus[language], most, told, verdict)))
    return "\n".join(lines)


def kinds(results, language):
    """What is on in each kind of row, of those that are here."""
    present = {peer for scenario in results.scenarios() for peer in results.peers(scenario)}
    present |= {name.removesuffix("-same").removesuffix("-log").removesuffix("-2") for name in present}
    lines = [row(PAGE["kind_columns"][language]), "|---|---|"]
    lines += [row((PEERS[name][language], told[language])) for name, told in KINDS.items() if name in present]
    return "\n".join(lines)


def section(scenario, results, language, drawn):
    """A scenario's heading, note, table and plot; nothing, if it was not measured."""
    peers = results.peers(scenario.name)
    if not peers:
        return []
    values = [value for value in scenario.values if any(results.spread(scenario.name, peer, value) for peer in peers)]
    lines = [row(["", *(VALUES[value][0][language] for value in values)]), "|---" + "|--:" * len(values) + "|"]
    for peer in peers:
        cells = [results.spread(scenario.name, peer, value) for value in values]
        told = ["–" if cell is None else spread(cell, VALUES[value][1]) for cell, value in zip(cells, values)]
        lines.append(row([PEERS[peer][language], *told]))
    facts = results.data["facts"].get(scenario.name, {})
    told = [PAGE["facts"][language][key].format(say(value, language)) for key, value in facts.items()]
    rounds = max(len(results.rounds(scenario.name, peer, values[0])) for peer in peers)
    told.append(PAGE["rounds"][language].format(rounds))
    note = " ".join(filter(None, [scenario.notes[language], *told]))
    return [f"### {scenario.titles[language]}", f"`{scenario.name}`. {note}", "\n".join(lines), image(scenario.name, drawn)]


def say(value, language):
    """A fact: a number, or one thing for each peer."""
    if isinstance(value, dict):
        return ", ".join(f"{PEERS[peer][language]}: {one}" for peer, one in value.items())
    return f"{value:,}"


def failures(results, language):
    # What a tool said may hold anything: kept to a line, without what would end the quotation.
    told = ((name, " ".join(why.replace("`", "'").split())) for name, why in results.data["failures"].items())
    return "\n".join(f"* `{name}`: `{why}`" for name, why in told)


def draw(results):
    """The plots by name: the targets, and scenarios of more than two rows."""
    drawn = {}
    measured = [(target, figure, reached) for target, figure, reached in verdicts(results) if figure]
    if measured:
        rows = []
        for target, figure, reached in measured:
            share = tuple(each / target.most for each in figure)
            short = target.titles[0].removesuffix(", CPU").removesuffix(", resident")
            rows.append((shorten(short, target.versus[0]), share, "ours" if reached else "bad"))
        drawn["targets"] = bars("Figures as a share of what is allowed (the line)", rows, mark=1)
    for scenario in scenarios.ALL:
        peers, value = results.peers(scenario.name), scenario.values[0]
        if len(peers) > 2:
            value = "p99" if scenario.family == "latency" else value
            figures = ((peer, results.spread(scenario.name, peer, value)) for peer in peers)
            rows = [(PEERS[peer][0], figure, colour(peer)) for peer, figure in figures if figure]
            rows.sort(key=lambda one: one[1][0])
            (title, _), unit = VALUES[value]
            drawn[scenario.name] = bars(f"{scenario.titles[0]}: {title}", rows, unit)
    return drawn


def shorten(title, versus):
    """A label that fits beside a bar."""
    short = {"small requests, keep-alive": "small"}.get(title, title)
    versus = versus.split(",")[0].replace("`", "").removesuffix(" proxy_pass")
    label = f"{short} / {versus}" if versus and short == "small" else short
    return label if len(label) <= 30 else label[:29] + "…"


def colour(peer):
    return "ours" if peer.startswith("wxgate") else "bar"


def image(name, drawn):
    return f"![{name}]({PLOTS}/{name}.svg)" if name in drawn else ""


def spread(figure, unit):
    """Median, and least to most where there was more than one."""
    median, low, high = figure
    told = f"{number(median)} {unit}".strip()
    return told if low == high else f"{told} ({number(low)}–{number(high)})"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def summary(results):
    """The targets as lines for a terminal."""
    lines = []
    for target, figure, reached in verdicts(results):
        if figure:
            versus = f" / {target.versus[0]}" if target.versus[0] else ""
            word = "reached" if reached else "MISSED"
            lines.append(f"{word:8} {spread(figure, target.unit):24} at most {number(target.most)}  {target.titles[0]}{versus}")
    lines += [f"FAILED   {name}: {why}" for name, why in results.data["failures"].items()]
    return "\n".join(lines)
