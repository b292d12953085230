"""Files of live forecasters: the model as it is saved, and one file of what is carried, replaced as a whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as dump

from forecast.data.calendar import Calendar
from forecast.errors import DataError, SettingsError
from forecast.forecasters.artifact import Loaded, load, replace_file, save_fitted
from forecast.forecasters.live.cold import Cold
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import CellFactory

STATE = "live.safetensors"
FORMAT = 1
KEY = "live"
LISTS = ("center", "width", "last", "newest", "weight", "mean", "squares", "shift", "spread")
"""What a track holds as lists of numbers."""
RAW = ("last", "cold.values")
"""May hold NaN: nothing was there yet."""
REMEDY = "begin again with model.live(panel), or with `forecast fit`"


def save_live(live: Live, directory: str | Path) -> Path:
    """Write the model and its live state into a directory (made where missing).

    The state is written last and knows the weights it belongs to, so that a crash leaves the old pair, the new pair,
    or a pair that is refused.
    """
    content = dump(_arrays(live), metadata={KEY: json.dumps(_settings(live))})
    directory = save_fitted(live.model, directory, live.schema, live.until)
    replace_file(directory / STATE, content)
    return directory


def _settings(live: Live) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": fingerprint(live.model),
        "calendar": asdict(live.calendar),
        "series": live.names,
        "cold": {str(place): len(cold.times) for place, cold in live.cold.items()},
    }


def _arrays(live: Live) -> dict[str, np.ndarray]:
    tracks = live.carried.tracks
    arrays: dict[str, np.ndarray] = {
        name: np.array([getattr(track, name) for track in tracks], np.float64) for name in LISTS
    }
    cells = range(len(live.carried.begun))
    arrays |= {f"cell.{part}": np.stack([track.cell[part] for track in tracks]) for part in cells}
    arrays["hidden"] = np.stack([track.hidden for track in tracks])
    arrays["recent"] = np.stack([track.window() for track in tracks])
    arrays["times"] = np.array([track.time for track in tracks], np.int64)
    arrays["rows"] = np.array([track.rows for track in tracks], np.int64)
    arrays["static"] = np.array(live.static, np.float64).reshape(len(tracks), -1)
    channels = live.schema.layout.channels
    cold = [row for one in live.cold.values() for row in one.values]
    arrays["cold.values"] = np.array(cold, np.float64).reshape(-1, channels)
    arrays["cold.times"] = np.array([time for one in live.cold.values() for time in one.times], np.int64)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def fingerprint(model: Recurrent) -> str:
    """Weights and scale in a few characters: which model a live state belongs to."""
    assert model.network is not None  # asked of fitted models only
    assert model.scale is not None
    digest = hashlib.sha256(repr((model.window, model.cycles, model.scale.series)).encode())
    for name, weight in sorted(model.network.state_dict().items()):
        digest.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    for array in (model.scale.center, model.scale.spread):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def load_live(directory: str | Path, cell: CellFactory | None = None) -> Live:
    """Read a live forecaster back; it goes on bit for bit like the one that was saved.

    Args:
        cell: your own cell class, when the model was made with one; a file can never name code to import.

    Raises:
        SettingsError: there is a model, but no live state beside it.
        DataError: no model there, damaged files, or files that do not belong together.
    """
    directory = Path(directory)
    saved = load(directory, cell)
    if not isinstance(saved.model, Recurrent) or not (directory / STATE).exists():
        raise SettingsError(
            f"{directory}: there is no live state ({STATE}) beside this model; live forecasting needs a streamed "
            "network: `forecast fit ... --model gru-stateful`, or model.live(panel).save(directory)"
        )
    try:
        with safe_open(directory / STATE, framework="numpy") as file:
            settings = json.loads((file.metadata() or {}).get(KEY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        _require_fit(settings, saved.model)
        return _filled(saved.model, saved, settings, arrays)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError, SafetensorError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DataError(str(directory / STATE), [f"the live state is damaged: {detail}; {REMEDY}"]) from error


def _require_fit(settings: Any, model: Recurrent) -> None:
    known = settings.get("format") if isinstance(settings, dict) else None
    if known != FORMAT:
        raise ValueError(f"its format is {known!r}, this version reads {FORMAT}")
    if settings["model"] != fingerprint(model):
        raise ValueError("it belongs to another model than the one beside it")


def _filled(model: Recurrent, saved: Loaded, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Live:
    names = tuple(settings["series"])
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError("the names of the series are not some distinct texts")
    calendar = Calendar(**settings["calendar"])
    calendar.after(np.zeros(1, "M8[us]"), 1)
    live = Live.resumed(model, saved.schema, calendar, saved.until, names)
    expected = _arrays(live)
    counts = {int(place): int(rows) for place, rows in settings["cold"].items()}
    for name in ("cold.values", "cold.times"):
        expected[name] = np.resize(expected[name], (sum(counts.values()), *expected[name].shape[1:]))
    expected["static"] = np.zeros((len(names), saved.schema.layout.static))
    _require_alike(arrays, expected)
    _fill(live, arrays)
    first = 0
    for place, rows in counts.items():
        here = slice(first, first + rows)
        live.cold[place] = Cold(arrays["cold.times"][here].tolist(), arrays["cold.values"][here].tolist())
        first += rows
    if not set(counts) <= set(range(len(names))):
        raise ValueError("series that wait for rows are not among its series")
    return live


def _fill(live: Live, arrays: dict[str, np.ndarray]) -> None:
    live.static = arrays["static"].tolist()
    for place, track in enumerate(live.carried.tracks):
        live.set_scale(place, arrays["center"][place], arrays["width"][place])
        for name in LISTS:
            setattr(track, name, arrays[name][place].tolist())
        track.cell = tuple(arrays[f"cell.{part}"][place].copy() for part in range(len(track.cell)))
        track.hidden = arrays["hidden"][place].copy()
        track.time = int(arrays["times"][place])
        track.set_window(arrays["recent"][place], int(arrays["rows"][place]))


def _require_alike(arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Every array is there, of the right shape and kind, and holds numbers that a state may hold."""
    for name, like in expected.items():
        array = arrays[name]
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, {like.dtype} {like.shape} is needed")
        if name not in RAW and not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    for name in ("spread", "width"):
        if not (arrays[name] > 0).all():
            raise ValueError(f"{name} is not positive everywhere")
    if (arrays["rows"] < 0).any():
        raise ValueError("a number of rows is negative")
