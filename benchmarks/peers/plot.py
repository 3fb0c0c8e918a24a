"""The table as a plot: a bar a row, ratio of speeds, with floor and aim.

python plot.py SPEED.JSON SPEED.SVG          (in the peers' environment, which has matplotlib)
"""

import json
import sys
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"aim": "#2e7d32", "floor": "#7cb342", "missed": "#c62828", "": "#78909c"}


def verdict(row):
    if row["floor"] is None:
        return ""
    if row["aim"] is not None and row["ratio"] >= row["aim"]:
        return "aim"
    return "floor" if row["ratio"] >= row["floor"] else "missed"


def main():
    source, target = sys.argv[1:]
    with open(source) as file:
        rows = [row for row in json.load(file)["rows"] if row["ratio"] is not None][::-1]
    labels = [textwrap.fill(f"{row['what']}  ↔  {row['peer']}", 90) for row in rows]
    _, axes = plt.subplots(figsize=(13, 0.55 * len(rows) + 1.5))
    axes.barh(labels, [row["ratio"] for row in rows], color=[COLOURS[verdict(row)] for row in rows])
    for at, row in enumerate(rows):
        axes.text(row["ratio"], at, f" {row['ratio']:.2f}", va="center", fontsize=8)
        for limit, style in ((row["floor"], "k|"), (row["aim"], "b|")):
            if limit is not None:
                axes.plot([limit], [at], style, markersize=16)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("ours over the other's (log); black: at least, blue: aim")
    axes.tick_params(axis="y", labelsize=7)
    plt.tight_layout()
    plt.savefig(target)


if __name__ == "__main__":
    main()
