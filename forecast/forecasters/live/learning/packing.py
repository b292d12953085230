"""Packing: a learner as settings and arrays, for the file of its live forecaster; it goes on bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.errors import SettingsError
from forecast.forecasters.live.learning.guard import Guard, Record
from forecast.forecasters.live.learning.learner import Learner
from forecast.forecasters.live.learning.settings import Learning
from forecast.forecasters.live.learning.walk import Row, Walk
from forecast.nets.rules import RULES

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live

PREFIX = "learning"
COUNTS = ("scored", "worse", "updates", "skipped")
"""What records count."""
SUMS = ("frozen_sum", "adapted_sum", "said_sum")
"""What records add up; infinite where a forecast was none, so no JSON holds them."""
POOLED = "all"
LISTS = ("shift", "spread", "last", "seen", "known")
"""What rows hold as lists, in their order."""


def described(learner: Learner) -> dict[str, Any]:
    """Settings and counts, as plain values.

    Raises:
        SettingsError: the rule is none of ours, and a file never names code to import.
    """
    names = [name for name, kind in RULES.items() if type(learner.rule) is kind]
    if not names:
        raise SettingsError(
            f"rule {type(learner.rule).__name__}: a learning rule of your own cannot be saved, only those of ours; "
            "call stop_learning() first, or save adapted()"
        )
    settings = {name: getattr(learner.settings, name) for name in ("learning_rate", "optimizer", "clip")}
    settings |= {
        "rule": names[0],
        "law": None if isinstance(learner.settings.rule, str) else _plain(learner.rule),
        "guard": asdict(learner.settings.guard),
    }
    records = {str(place): _counts(record) for place, record in learner.records.items()}
    walks = {str(place): {"steps": walk.steps, "speaks": walk.speaks} for place, walk in learner.walks.items()}
    counts = {POOLED: _counts(learner.pooled), "restarts": learner.restarts}
    return settings | {"records": records, "walks": walks} | counts


def _plain(rule: Any) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in fields(rule)}


def _counts(record: Record) -> dict[str, int]:
    return {name: getattr(record, name) for name in COUNTS}


def _errors(record: Record) -> dict[str, np.ndarray]:
    kept = {name: np.array(getattr(record, name), np.float64) for name in ("frozen", "adapted")}
    return kept | {"sums": np.array([getattr(record, name) for name in SUMS], np.float64)}


def numbers(learner: Learner) -> dict[str, np.ndarray]:
    """Weights, what the optimizer remembers, and the walks and errors of all series."""
    found = {f"weights.{name}": part for name, part in learner.network.state_dict().items()}
    found |= {f"optimizer.{name}": part for name, part in learner.descent.numbers().items()}
    arrays = {name: part.detach().numpy() for name, part in found.items()}
    for place, walk in learner.walks.items():
        arrays |= {f"walk.{place}.{name}": part for name, part in _walk_numbers(walk).items()}
    for place, record in {**learner.records, POOLED: learner.pooled}.items():
        arrays |= {f"record.{place}.{name}": part for name, part in _errors(record).items()}
    return {f"{PREFIX}.{name}": np.array(part, order="C") for name, part in arrays.items()}


def _walk_numbers(walk: Walk) -> dict[str, np.ndarray]:
    tensors = {"hidden": walk.hidden} | {f"state.{place}": part for place, part in enumerate(walk.state)}
    tensors |= {f"trace.{name}": part for name, part in walk.trace.tensors().items()}
    arrays = {name: part.detach().numpy() for name, part in tensors.items()}
    arrays |= {
        name: np.array([getattr(row, name) for row in walk.rows]) for name in ("time", "context", *LISTS, "spoke")
    }
    said = [row for row in walk.rows if row.frozen is not None]
    arrays["said"] = np.array([row.frozen is not None for row in walk.rows])
    if said:
        arrays |= {name: np.stack([getattr(row, name) for row in said]) for name in ("frozen", "adapted")}
    return arrays | ({"inputs": np.stack(walk.inputs)} if walk.inputs else {})


def restored(live: Live, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Learner:
    """The learner that gave `described` and `numbers`.

    Args:
        live: with all that it carried then.

    Raises:
        KeyError, TypeError, ValueError: settings or arrays are not those of a learner of this forecaster.
        RuntimeError: weights of other shapes.
    """
    rule = settings["rule"]
    if settings["law"] is not None:
        rule = RULES[rule](**settings["law"])
    asked = {name: settings[name] for name in ("learning_rate", "optimizer", "clip")}
    learner = Learner(live, Learning(rule, guard=Guard(**settings["guard"]), **asked))
    kept = {name: torch.from_numpy(part.copy()) for name, part in _under(PREFIX, arrays).items()}
    learner.network.load_state_dict(_under("weights", kept))
    learner.descent.set_numbers(_under("optimizer", kept))
    errors = _under("record", _under(PREFIX, arrays))
    learner.restarts, learner.pooled = int(settings["restarts"]), _record(settings[POOLED], errors, POOLED, learner)
    learner.records = {
        int(place): _record(counts, errors, place, learner) for place, counts in settings["records"].items()
    }
    learner.walks = {
        int(place): _walk(learner, _under(f"walk.{place}", kept), **about) for place, about in settings["walks"].items()
    }
    if not learner.records.keys() | learner.walks.keys() <= set(range(len(live.names))):
        raise ValueError("it learns from series that are not there")
    learner.weigh()
    return learner


def _under(prefix: str, named: Mapping[str, Any]) -> dict[str, Any]:
    return {name[len(prefix) + 1 :]: part for name, part in named.items() if name.startswith(prefix + ".")}


def _record(counts: Mapping[str, int], errors: Mapping[str, np.ndarray], place: str, learner: Learner) -> Record:
    frozen, adapted, sums = (errors[f"{place}.{name}"].tolist() for name in ("frozen", "adapted", "sums"))
    guard = learner.settings.guard
    if not len(frozen) == len(adapted) <= guard.window:
        raise ValueError("its errors are not those of the newest forecasts")
    numbered = {name: int(counts[name]) for name in COUNTS} | dict(zip(SUMS, sums, strict=True))
    return Record(guard, deque(frozen), deque(adapted), **numbered)


def _walk(learner: Learner, kept: dict[str, torch.Tensor], steps: int, speaks: bool) -> Walk:
    state = tuple(kept[f"state.{place}"] for place in range(len(learner.live.carried.begun)))
    walk = Walk(kept["hidden"], state, learner.rule.restored(learner.network.cell, _under("trace", kept)), steps=steps)
    walk.speaks = speaks
    walk.inputs.extend(x.numpy() for x in kept.get("inputs", torch.zeros(0)))
    if len(walk.inputs) != len(kept["time"]) - 1 or walk.hidden.shape != learner.live.carried.still.shape:
        raise ValueError("its rows and what the cell reads of them do not fit together")
    where = np.cumsum(kept["said"].numpy()) - 1
    for place, said in enumerate(kept["said"].tolist()):
        walk.rows.append(_row(kept, place, int(where[place]) if said else None))
    return walk


def _row(kept: dict[str, torch.Tensor], place: int, said: int | None) -> Row:
    """A row of a walk; `said` is its place among those at which somebody forecast."""
    shift, spread, last, seen, known = (kept[name][place].tolist() for name in LISTS)
    frozen, adapted = (None if said is None else kept[name][said].numpy() for name in ("frozen", "adapted"))
    time, spoke = int(kept["time"][place]), bool(kept["spoke"][place])
    return Row(time, kept["context"][place].numpy(), shift, spread, last, seen, known, frozen, adapted, spoke)
