"""The commands of docs/cluster.md, by section and step."""

from __future__ import annotations

from tests.cluster.cluster_files import ROOT

PAGE = ROOT / "docs" / "cluster.md"


def commands_of(section: str) -> dict[str, list[str]]:
    """Returns the commands of a section, a line each, by the title of the step in which they stand."""
    found: dict[str, list[str]] = {}
    current, step, inside = "", "", False
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("```"):
            inside = not inside
        elif line.startswith("## ") and not inside:
            current = line.removeprefix("## ")
        elif line.startswith("### ") and not inside:
            step = line.removeprefix("### ")
        elif inside and current == section:
            found.setdefault(step, []).append(line)
    return found
