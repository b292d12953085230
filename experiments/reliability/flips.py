"""A flipped bit or a lost end anywhere in a saved model: it is refused.

1,000 single bits (drawn over the bytes of all members and the manifest) and 100 truncations (each member cut at drawn
places) of a saved network and of a live folder. Every damaged folder must be refused with our own error.

    python experiments/reliability/flips.py --out flips.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import forecast as fc
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError
from forecast.forecasters.artifacts.manifest import MANIFEST, MOST


def artifacts(folder: Path) -> dict[str, Callable[[], object]]:
    """Saved folders, and what reads them."""
    times = np.arange("2024-01-01", "2024-05-01", dtype="M8[D]")
    panel = Panel.from_arrays(np.sin(np.arange(len(times)) / 3), times, schema=Schema("day", ("y",)))
    window, training = fc.Window(8, 2), fc.Training(epochs=1, device="cpu")
    fc.Recurrent(window, hidden_size=8, training=training).fit(panel).save(folder / "model")
    model = fc.Recurrent(window, hidden_size=8, training=training, feed=fc.Streamed(lanes=1)).fit(panel)
    model.live(panel).save(folder / "live")
    return {"model": lambda: fc.load(folder / "model"), "live": lambda: fc.load_live(folder / "live")}


def damaged(path: Path, content: bytes, read: Callable[[], object]) -> str:
    """What reading says of other bytes; the right ones are put back."""
    right = path.read_bytes()
    path.write_bytes(content)
    try:
        read()
    except DataError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        path.write_bytes(right)
    return "loaded"


def flip(content: bytes, bit: int) -> bytes:
    """Another bit."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=1000, help="of each artifact (default: 1000)")
    parser.add_argument("--cuts", type=int, default=100, help="of each artifact (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="JSON to write (default: print)")
    args = parser.parse_args(arguments)
    began, random, results = time.monotonic(), np.random.default_rng(args.seed), {}
    with tempfile.TemporaryDirectory() as name:
        for kind, read in artifacts(Path(name)).items():
            read()  # whole, it is read
            files = [path for path in sorted((Path(name) / kind).iterdir()) if path.name in (MANIFEST, *MOST)]
            ends = np.cumsum([8 * path.stat().st_size for path in files])
            seen = {"flips": Counter(), "cuts": Counter()}
            for bit in random.choice(ends[-1], args.flips, replace=False).tolist():
                place = int(np.searchsorted(ends, bit, side="right"))
                path = files[place]
                other = flip(path.read_bytes(), bit - (int(ends[place - 1]) if place else 0))
                seen["flips"][damaged(path, other, read)] += 1
            for nth in range(args.cuts):
                path = files[nth % len(files)]
                content = path.read_bytes()
                seen["cuts"][damaged(path, content[: int(random.integers(len(content)))], read)] += 1
            results[kind] = {"bytes": int(ends[-1]) // 8, **{what: dict(count) for what, count in seen.items()}}
    tried = sum(sum(result[what].values()) for result in results.values() for what in ("flips", "cuts"))
    refused = sum(result[what].get("refused", 0) for result in results.values() for what in ("flips", "cuts"))
    report = {"seed": args.seed, "tried": tried, "refused": refused, "artifacts": results}
    report["seconds"] = round(time.monotonic() - began, 1)
    text = json.dumps(report, indent=2)
    if args.out:
        Path(args.out).write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(refused < tried)


if __name__ == "__main__":
    sys.exit(main())
