"""Writes the folder of stored files of a format, once, when the format is new: a calibrated live network, what it said,
and the rows that come after. The folder is loaded by a test from then on.

    python tests/assets/store_model.py tests/assets/model-format-4
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import forecast as fc


def rows() -> pd.DataFrame:
    """Two series of 120 days with a category and a static covariate."""
    days = pd.date_range("2024-01-01", periods=120)
    noise = np.random.default_rng(0)
    parts = []
    for name, level in (("a", 10.0), ("NA", 50.0)):
        values = level + np.sin(np.arange(120) / 3) + noise.normal(0, 0.1, 120)
        weather = np.where(np.arange(120) % 3 == 0, "rain", "sun")
        parts.append(pd.DataFrame({"day": days, "shop": name, "sales": values.round(3), "sky": weather, "size": level}))
    return pd.concat(parts)


def main(folder: str) -> None:
    table = rows()
    known, later = table[table["day"] < "2024-04-20"], table[table["day"] >= "2024-04-20"]
    roles = {"past": ["sky"], "static": ["size"], "categorical": ["sky"]}
    panel = fc.from_frame(known, fc.Schema("day", ["sales"], "shop", **roles))
    network = fc.Recurrent(
        fc.Window(14, 3), "lstm", 4, feed=fc.Streamed(lanes=2), training=fc.Training(epochs=2, device="cpu")
    )
    live = fc.Conformal(network, levels=(0.1, 0.9), calibration=0.3).fit(panel).live(panel)
    live.save(folder)
    live.update(later)
    said = {"series": live.series, "values": live.forecast().values.tolist()}
    Path(folder, "expected.json").write_text(json.dumps(said), encoding="utf-8")
    later.to_csv(Path(folder, "later.csv"), index=False)


if __name__ == "__main__":
    main(sys.argv[1])
