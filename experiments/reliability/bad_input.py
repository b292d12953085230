"""Read every file of the catalogue of bad input, and say how many come out as they have to.

    python experiments/reliability/bad_input.py [--out FILE.json]

The catalogue lies beside the tests (tests/bad_input): bytes, what is told of them, and the values with the phrases of
the report, or the phrases of the refusal. Prints JSON: cases, passed, and what is wrong with the others. No randomness.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "bad_input"))

from catalogue import fault
from file_cases import FILES
from time_cases import TIMES
from value_cases import VALUES


def main(out: str | None) -> None:
    started, groups = time.perf_counter(), {"file": FILES, "times": TIMES, "values": VALUES}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in (*FILES, *TIMES, *VALUES):
            problem = fault(case, Path(folder))
            if problem:
                failed[case.name] = problem
    count = sum(len(cases) for cases in groups.values())
    result = {
        "cases": count,
        "passed": count - len(failed),
        "refused": sum(case.reads is None for cases in groups.values() for case in cases),
        "by group": {name: len(cases) for name, cases in groups.items()},
        "failed": failed,
        "seconds": round(time.perf_counter() - started, 1),
    }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if out:
        Path(out).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE.json")
    main(parser.parse_args().out)
