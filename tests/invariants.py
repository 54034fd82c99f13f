"""Which tests hold which rule: `python -m tests.invariants` writes `docs/invariants.md`.

The number of a rule stands in the names of its tests (`test_rule_3_4_…`), so the table is made, not kept.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "invariants.md"
RULES = ROOT / "docs" / "sync-rules.md"
NAME = re.compile(r"test_rule_(\d+)_(\d+)_")
HEAD = """# Rules and their tests

Each rule of [the sync rules](sync-rules.md) that is built, and the tests that hold it. Made by
`python -m tests.invariants` from the names of the tests; a rule without a test here is not built yet, or is marked so.

What no single test foresees is looked for by two harnesses: `./run harness planner --cases 1000000 --seed 1` and
`./run harness engine --seeds 200 --from 1` (CONTRIBUTING.md). With `./run harness faults` they prove themselves.

| rule | tests |
|---|---|
"""


def tests_by_rule() -> dict[tuple[int, int], dict[str, int]]:
    """(section, rule) → file below tests/ → how many tests there."""
    found: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (match := NAME.match(node.name)):
                rule = int(match.group(1)), int(match.group(2))
                found[rule][str(path.relative_to(ROOT / "tests"))] += 1
    return found


def page() -> str:
    rows = []
    for (section, rule), files in sorted(tests_by_rule().items()):
        where = ", ".join(f"`{name}` ({count})" for name, count in sorted(files.items()))
        rows.append(f"| {section}.{rule} | {where} |")
    return HEAD + "\n".join(rows) + "\n"


def known_rules() -> set[tuple[int, int]]:
    return {(int(s), int(r)) for s, r in re.findall(r"^- (?:◦ )?(\d+)\.(\d+) ", RULES.read_text(), re.MULTILINE)}


if __name__ == "__main__":
    PAGE.write_text(page())
