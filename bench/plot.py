"""Bars as SVG, readable on light and on dark pages."""

from html import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 220, 150, 18, 10, 34

STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; } .ours { fill: #07a35a; } .bad { fill: #cf222e; }
  .line { stroke: #1f2328; stroke-width: 1.2; } .grid { stroke: #1f2328; stroke-dasharray: 3 3; opacity: .6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .bar { fill: #6e7681; } .ours { fill: #2ecc80; } .bad { fill: #f85149; }
    .line, .grid { stroke: #e6edf3; }
  }
</style>"""


def number(value):
    """Three figures that count, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def bars(title, rows, unit="", mark=None):
    """An SVG of rows `(label, (median, least, most), kind)`; `kind` is a class of STYLE, `mark` a line across."""
    most = max([high for _, (_, _, high), _ in rows] + ([mark] if mark else [])) or 1
    # One that is many times the others' would leave them too short to compare: it ends in an arrow.
    middle = sorted(figure[0] for _, figure, _ in rows)[len(rows) // 2]
    most = min(most, max(4 * middle, mark or 0)) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + len(rows) * (BAR + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>", STYLE, f'<text class="title" x="8" y="20">{escape(title)}</text>',
    ]
    for at, (label, (median, low, high), kind) in enumerate(rows):
        y = TOP + at * (BAR + GAP)
        middle, text, cut = y + BAR / 2, y + BAR - 4, "" if high <= most else "→ "
        told, (long, low, high) = median, (min(each, most) for each in (median, low, high))
        parts += [
            f'<text x="{LEFT - 8}" y="{text}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{long * scale:.1f}" height="{BAR}"/>',
            f'<line class="line" x1="{LEFT + low * scale:.1f}" x2="{LEFT + high * scale:.1f}" y1="{middle}" y2="{middle}"/>',
            f'<text x="{LEFT + high * scale + 8:.1f}" y="{text}">{cut}{number(told)} {escape(unit)}</text>',
        ]
    if mark:
        x = LEFT + mark * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - GAP}"/>')
    return "\n".join([*parts, "</svg>", ""])
