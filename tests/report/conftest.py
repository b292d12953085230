"""One small run with hostile names, made once for all tests of the report."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile_names import SERIES, TARGET

from forecast.cli import main

ROWS = 150


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """The folder of a comparison of naive, linear and a GRU that states quantiles; some cells are missing."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    parts = []
    for place, name in enumerate(SERIES):
        values = 10 + place + np.sin(np.arange(ROWS) / 3) + 0.2 * rng.normal(size=ROWS)
        values[[130, 131]] = np.nan
        days = pd.date_range("2024-01-01", periods=ROWS, freq="D")
        parts.append(pd.DataFrame({"day": days, "name": name, TARGET: values.round(3)}))
    pd.concat(parts).to_csv(folder / "table.csv", index=False)
    asked = ["compare", str(folder / "table.csv"), "--target", TARGET, "--series", "name", "--context", "12"]
    asked += ["--horizon", "4", "--models", "naive,linear,gru", "--epochs", "2", "--network", "head=quantiles"]
    asked += ["--network", "hidden_size=8", "--out", str(folder / "run")]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        assert main(asked) == 0, said.getvalue()
    return folder / "run"
