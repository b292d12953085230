"""Fits: how the networks learnt, epoch by epoch, and how far back their gradients reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.report.charts import Chart, Variant, absent, axes, between, figure, line
from forecast.report.colours import Look
from forecast.report.markup import Section, bullets, folded, frame_table, number, paragraph, places_for
from forecast.report.material import Material

Looks = dict[str, Look]
FADED = 0.1
SMALLEST = 1e-12
"""Of the largest median: what lies below is rounding."""


def fits_section(material: Material, looks: Looks) -> Section:
    """Training curves and gradient flow."""
    return Section("training", "How the networks learnt", _curves(material) + _gradients(material, looks))


def _curves(material: Material) -> str:
    frame = material.training
    title = "Loss by epoch"
    if not len(frame):
        why = "None of the contestants was a network, or the run was made before training curves were kept."
        return absent(title, why)
    order = {name: place for place, name in enumerate(material.models)}
    names = sorted(dict.fromkeys(frame["network"]), key=lambda name: order.get(_model(frame, name), len(order)))
    views = [_curve(str(name), frame[frame["network"] == name]) for name in names]
    return figure(Chart("losses", title, views, "Network", legend=False))


def _model(frame: pd.DataFrame, network: str) -> str:
    return str(frame.loc[frame["network"] == network, "model"].iloc[0])


def _curve(name: str, here: pd.DataFrame) -> Variant:
    epochs = here["epoch"].tolist()
    train, validation = (here[part].to_numpy(dtype=np.float64) for part in ("train", "validation"))
    places = places_for(np.concatenate([train, validation]))
    traces = [
        {**line("training", Look("p1", "dash", "square"), epochs, train, places), "showlegend": True},
        {**line("validation", Look("p0", "solid", "circle"), epochs, validation, places), "showlegend": True},
    ]
    kept = here.loc[here["kept"].astype(bool), "epoch"]
    layout = axes("epoch (one pass over the training rows)", "loss (smaller is better)")
    if len(kept):
        at = int(kept.iloc[0])
        mark = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [mark | {"line": {"color": "@soft", "width": 1.5, "dash": "dot"}}]
        layout["annotations"] = [
            {"x": at, "y": 1, "yref": "paper", "yanchor": "bottom", "text": "kept", "showarrow": False}
        ]
    if len(epochs) <= 12:
        layout["xaxis"] |= {"tickmode": "array", "tickvals": epochs}
    columns = {"epoch": "Epoch", "train": "Training loss", "validation": "Validation loss", "kept": "Kept"}
    table = frame_table(f"Losses of {name}", here[list(columns)].rename(columns=columns))
    return Variant(name, traces, layout | {"showlegend": True}, _curve_reading(name, here), table)


def _curve_reading(name: str, here: pd.DataFrame) -> str:
    kept, last = here.loc[here["kept"].astype(bool), "epoch"], int(here["epoch"].max())
    seed = f" (seed {int(here['seed'].iloc[0])})"
    if not len(kept) or here["validation"].isna().all():
        return f"{name}{seed} trained for {last} epochs without a validation span."
    at = int(kept.iloc[0])
    if at == last:
        end = "the last one: it was still getting better, so more epochs may help (--epochs)"
    elif last - at > 2:
        end = "after which the validation loss got no better"
        if float(here["train"].iloc[-1]) < float(here.loc[here["epoch"] == at, "train"].iloc[0]):
            end += " while the training loss still fell: it began to learn the training rows by heart"
    else:
        end = "no later one was better"
    return f"{name}{seed}: the weights of epoch {at} of {last} were kept, {end}."


def _gradients(material: Material, looks: Looks) -> str:
    frame, title = material.gradients, "How far back the networks look"
    unmeasured = material.outcome.get("unmeasured", {})
    left = folded("Not measured", bullets(f"{name}: {why}" for name, why in unmeasured.items())) if unmeasured else ""
    frame = frame[frame["part"] == "state"]
    if not len(frame):
        return absent(title, "This run kept no gradients of networks.") + left
    traces, words, columns = [], [], []
    names = list(dict.fromkeys(frame["network"]))
    spare = {name: Look(f"p{i % 8}", "solid", "circle") for i, name in enumerate(names)}
    for name in names:
        here = frame[frame["network"] == name].sort_values("lag")
        unit = float(here["q50"].max())
        if not unit > 0:
            continue
        look = looks.get(name) or spare[name]
        low, middle, high = (_positive(here[part].to_numpy(dtype=np.float64) / unit) for part in ("q10", "q50", "q90"))
        lags = here["lag"].tolist()
        traces += between(name, look.colour, lags, low, high, 15, meta=name)
        traces.append(line(name, look, lags, middle, 15))
        words.append(_reach(name, middle))
        columns.append(pd.DataFrame({"Network": name, "Steps back": here["lag"], "Gradient": middle}))
    if not traces:
        return absent(title, "No gradient reached any state: these networks did not use what they read.") + left
    layout = axes("steps before the forecast", "size of the gradient (largest = 1)")
    layout["yaxis"] |= {"type": "log", "tickformat": "~g", "dtick": 1}
    explained = paragraph(
        "A line that falls quickly is a network whose forecast hangs on the newest rows alone; one that stays high "
        "still learns from rows far back. Bands hold 80 % of the moments that were measured."
    )
    table = frame_table("Gradients", pd.concat(columns, ignore_index=True))
    view = Variant("all", traces, layout, " ".join(words[:4]), table)
    return figure(Chart("gradients", title, [view])) + explained + left


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > SMALLEST, values, np.nan)


def _reach(name: str, middle: np.ndarray) -> str:
    """How far back until a tenth is left."""
    top = int(np.nanargmax(middle))
    below = np.flatnonzero(~(middle[top:] > FADED))
    if not len(below):
        return f"In {name} {number(100 * float(middle[-1]), 2)} % of the gradient is left {len(middle) - 1} steps back."
    return f"In {name} less than a tenth of the gradient is left {top + int(below[0])} steps back."
