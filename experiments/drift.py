"""Drift: weights that go on learning live, against frozen ones and against periodic refits.

    python experiments/drift.py [switch exchange pjm] [--rows 1200] [--choose 300] [--out experiments/drift.csv]

Every task fits a streamed GRU once and goes on live over its test span, a row at a time. The learning rate is chosen by
"tbptt" on the rows before the test span, by the error of the adapted weights alone. Errors are mean absolute errors
over all steps of the horizon, in the units of the fitted scale, of the forecasts made in the test span whose
targets lie in it; `mae` is what the forecaster says, `change` its share over
the frozen weights, `alone` that of the adapted weights without a guard. `worst` is the greatest
excess of the guarded error over the frozen one at any row, all forecasts up to it taken together, once a hundred
forecasts are scored. Refits read the newest rows, as many as the first fit had. Seconds are CPU seconds of the test.

switch    an autoregression whose coefficient changes from 0.8 to -0.8 and back; the fit has seen the first regime alone
exchange  eight exchange rates, five days ahead (columns read one by one); FORECAST_DATA/exchange_rate
pjm       hourly load, a day ahead, with weights that are eight years old; FORECAST_DATA/pjm_hourly
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

import forecast as fc
from forecast.data.forecast import truth
from forecast.data.panel import Origins, Panel
from forecast.data.processes import regime_switch
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.learning.guard import Record

RULES = ("tbptt", "rtrl", "snap1", "uoro")
RATES = (1e-4, 1e-3, 1e-2, 1e-1)
SETTLED = 100


class Task(NamedTuple):
    """What is forecast: fitted on the rows before `fit`, judged from `start` on, by refits every `refit` rows too."""

    panel: Panel
    model: fc.Recurrent
    fit: int
    start: int
    refit: int


def switch() -> Task:
    panel = regime_switch((0.8, -0.8), every=1000, rows=3500, seed=1)
    panel = Panel.from_arrays(panel.values[:, 0], panel.times)
    return Task(panel, model(fc.Window(8, 1), 16, 5), 1000, 1500, 250)


def exchange() -> Task:
    panel = fc.read_csv(data("exchange_rate/exchange_rate.csv"), fc.Schema("date"))
    return Task(panel, model(fc.Window(30, 5), 16, 10), 5311, 6071, 500)


def pjm() -> Task:
    frame = pd.read_csv(data("pjm_hourly/PJME_hourly.csv.gz")).drop_duplicates("ds")  # hours that clocks were set back
    panel = fc.from_frame(frame.sort_values("ds"), fc.Schema("ds", ("y",)))
    start = int(np.searchsorted(panel.times, np.datetime64("2012-01-01")))
    return Task(panel, model(fc.Window(168, 24), 32, 15), 17520, start, 1000)


TASKS = {"switch": switch, "exchange": exchange, "pjm": pjm}


def data(name: str) -> str:
    return str(Path(os.environ.get("FORECAST_DATA", "data")) / name)


def model(window: fc.Window, hidden: int, epochs: int) -> fc.Recurrent:
    training = fc.Training(epochs=epochs, device="cpu")
    return fc.Recurrent(window, hidden_size=hidden, feed=fc.Streamed(), training=training)


def part(panel: Panel, first: int, end: int) -> Panel:
    """Some rows of a panel of one series."""
    rows, offsets = slice(first, end), np.array([0, end - first])
    some = {name: getattr(panel, name)[rows] for name in ("values", "observed", "times")}
    return replace(panel, offsets=offsets, **some)


def row_of(panel: Panel, row: int) -> dict:
    """A row as somebody would send it."""
    cells = zip(panel.targets, panel.values[row].tolist(), strict=True)
    return {panel.schema.time or "time": panel.times[row], **dict(cells)}


def lived(task: Task, fitted: fc.Recurrent, span: slice, **learning) -> tuple[Live, float, float]:
    """A live forecaster that has learnt along a span; the worst excess on the way, and CPU seconds."""
    live = fitted.live(task.panel.until(np.array([span.start]))).learn(**learning)
    record, worst, began = live.learner.record(0), -np.inf, time.process_time()
    for row in range(span.start, span.stop):
        live.update(row_of(task.panel, row))
        record = live.learner.record(0)
        if record.scored >= SETTLED:
            worst = max(worst, record.said_sum / record.frozen_sum - 1)
    return live, worst, time.process_time() - began


def chosen(task: Task, fitted: fc.Recurrent, rows: int) -> float:
    """The learning rate of the least error before the test."""
    found = []
    for rate in RATES:
        learner = lived(task, fitted, slice(task.start - rows, task.start), rule="tbptt", learning_rate=rate)[0].learner
        record = learner.record(0)
        found.append((record.adapted_sum / record.frozen_sum - 1, rate))
        print(f"  {rate:g}: {found[-1][0]:+.2%}", flush=True)
    return min(found)[1]


def refitted(task: Task, fitted: fc.Recurrent, end: int) -> tuple[float, float]:
    """Mean absolute error of refits every so many rows, and CPU seconds."""
    horizon, width = fitted.window.horizon, fitted.scale.spread[0, : len(task.panel.targets)]
    errors, began = [], time.process_time()
    for start in range(task.start, end, task.refit):
        now = fc.Recurrent(
            fitted.window, hidden_size=fitted.architecture.hidden_size, feed=fitted.feed, training=fitted.training
        )
        now.fit(part(task.panel, start - task.fit, start))
        steps = np.arange(start, min(start + task.refit, end - horizon + 1))
        origins = Origins(np.zeros(len(steps), np.int64), steps - (start - task.fit))
        some = part(task.panel, start - task.fit, end)
        values, seen = truth(some, origins, horizon)
        errors.append(np.where(seen, np.abs(now.predict(some, origins).point - values), np.nan) / width)
    return float(np.nanmean(np.concatenate(errors))), time.process_time() - began


def judge(name: str, count: int, before: int) -> Iterator[dict]:
    """Rows of the table, as they are found."""
    task = TASKS[name]()
    began = time.process_time()
    fitted = task.model.fit(task.panel.until(np.array([task.fit])))
    print(f"{name}: {task.panel}, fitted in {time.process_time() - began:.0f} CPU s", flush=True)
    rate = chosen(task, fitted, before)
    span = slice(task.start, min(task.start + count, len(task.panel.times)))
    plain = fitted.live(task.panel.until(np.array([span.start])))
    began = time.process_time()
    for row in range(span.start, span.stop):
        plain.update(row_of(task.panel, row))
        plain.forecast()
    quiet = time.process_time() - began
    frozen = None
    for rule in RULES:
        live, worst, seconds = lived(task, fitted, span, rule=rule, learning_rate=rate)
        record: Record = live.learner.record(0)
        if frozen is None:
            frozen = record.frozen_sum / record.scored
            yield {"task": name, "who": "frozen", "mae": frozen, "seconds": quiet}
        about = {"alone": record.adapted_sum / record.scored, "worst": worst, "restarts": live.learner.restarts}
        yield {
            "task": name,
            "who": rule,
            "mae": record.said_sum / record.scored,
            "seconds": seconds,
            "rate": rate,
        } | about
    error, seconds = refitted(task, fitted, span.stop)
    yield {"task": name, "who": f"refit every {task.refit}", "mae": error, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TASKS), metavar="TASK")
    parser.add_argument("--rows", type=int, default=1200, help="of the test span")
    parser.add_argument("--choose", type=int, default=300, help="rows before it, for the learning rate")
    parser.add_argument("--out", type=Path, help="a CSV for the table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict] = []
    for name in args.tasks:
        for row in judge(name, args.rows, args.choose):
            found.append(row)
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            frame = pd.DataFrame(found)
            first = frame.groupby("task")["mae"].transform("first")
            frame["change"], frame["alone"] = frame["mae"] / first - 1, frame.get("alone", np.nan) / first - 1
            if args.out:
                frame.to_csv(args.out, index=False, float_format="%.5g")
    print(frame.to_string(index=False, float_format="{:.4f}".format))


if __name__ == "__main__":
    main()
