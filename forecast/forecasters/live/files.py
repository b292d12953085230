"""Files of live forecasters: the model as it is saved, and what is carried as one more member of the same set."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from safetensors.numpy import load as undump
from safetensors.numpy import save as dump

from forecast.data.calendar import ANCHORS, Calendar, Kind
from forecast.errors import DataError, ForecastError, SettingsError
from forecast.forecasters.artifacts import artifact
from forecast.forecasters.artifacts.artifact import WRONG, Loaded, opened, require_provenance, words
from forecast.forecasters.artifacts.manifest import STATE, digest
from forecast.forecasters.artifacts.strict import strict_json, tensor_header
from forecast.forecasters.artifacts.verified import read_manifest
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.live.cold import Cold
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.learning.packing import described, numbers, restored
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import CellFactory
from forecast.work.lock import locked

KEY = "live"
LISTS = ("center", "width", "power", "last", "since", "newest", "weight", "mean", "squares", "shift", "spread")
"""What a track holds as lists of numbers."""
RAW = ("last", "cold.values")
"""May hold NaN: nothing was there yet."""
REMEDY = "begin again with model.live(panel), or with `forecast fit`"


def save_live(live: Live, directory: str | Path) -> Path:
    """Write the model and its live state into a directory (made where missing), one process at a time.

    Raises:
        SettingsError: the directory cannot be written, or somebody else has written a state there since this one was
            read from it or saved to it.
    """
    with locked(directory):
        return write_live(live, directory)


def write_live(live: Live, directory: str | Path) -> Path:
    """`save_live` for who holds the lock of the directory.

    Model and state are one set of files: a crash leaves the old pair or the new pair.
    """
    place = Path(directory).resolve()
    _require_own(live, place, directory)
    model = copy.copy(live.around or live.model)
    model.fitted_on = replace(require_provenance(model), schema=live.schema, until=live.until)
    content = packed(live)
    live.written[place] = live.written.get(place, frozenset()) | {digest(content)}  # a crash may leave either
    artifact.replace(model, place, content)
    live.written[place] = frozenset({digest(content)})
    return Path(directory)


def _require_own(live: Live, place: Path, directory: str | Path) -> None:
    """Raise SettingsError where the state that is there is neither the one that was read nor the one that was saved."""
    known = live.written.get(place)
    if known is None:
        return
    there = read_manifest(place)
    state = there.members.get(STATE) if there else None
    if state is not None and state.sha256 not in known:
        raise SettingsError(
            f"{directory}: the live state there has changed since this forecaster read or saved it: somebody saved "
            "rows of their own. Nothing was written. Read it back with load_live, send the rows again and save, or "
            "save to another folder"
        )


def packed(live: Live) -> bytes:
    """What a live forecaster carries, as the bytes of a file: named arrays, and settings as JSON in their header."""
    return dump(_arrays(live), metadata={KEY: json.dumps(_settings(live))})


def unpacked(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    """Settings and arrays of a state file.

    Raises:
        ValueError, KeyError: its header does not fit what is there.
    """
    return strict_json(tensor_header(content)[KEY].encode()), undump(content)


def _settings(live: Live) -> dict[str, Any]:
    return {
        "calendar": asdict(live.calendar),
        "series": live.names,
        "cold": {str(place): len(cold.times) for place, cold in live.cold.items()},
        "learning": None if live.learner is None else described(live.learner),
    }


def _arrays(live: Live) -> dict[str, np.ndarray]:
    tracks = live.carried.tracks
    arrays: dict[str, np.ndarray] = {
        name: np.array([getattr(track, name) for track in tracks], np.float64).reshape(len(tracks), -1)
        for name in LISTS
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
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return plain if live.learner is None else plain | numbers(live.learner)


def load_live(directory: str | Path, cell: CellFactory | None = None) -> Live:
    """Read a live forecaster back; it goes on bit for bit like the one that was saved.

    Args:
        cell: your own cell class, when the model was made with one; a file can never name code to import.

    Raises:
        SettingsError: there is a model, but no live state beside it.
        DataError: no model there, damaged files, or files that do not belong together.
    """
    directory = Path(directory)
    saved, _, state = opened(directory, cell)
    around = saved.model if isinstance(saved.model, Conformal) else None
    model = saved.model if around is None else around.forecaster
    if not isinstance(model, Recurrent) or state is None:
        raise SettingsError(
            f"{directory}: there is no live state ({STATE}) beside this model; live forecasting needs a streamed "
            "network: `forecast fit ... --model gru-stateful`, or model.live(panel).save(directory)"
        )
    try:
        settings, arrays = unpacked(state)
        live = _filled(model, saved, settings, arrays)
    except (*WRONG, ForecastError) as error:
        raise DataError(str(directory / STATE), [f"the live state is damaged: {words(error)}; {REMEDY}"]) from error
    live.around = around
    live.written[directory.resolve()] = frozenset({digest(state)})
    return live


def _filled(model: Recurrent, saved: Loaded, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Live:
    names = tuple(settings["series"])
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError("the names of the series are not some distinct texts")
    calendar = _calendar(settings["calendar"])
    shape = arrays["recent"].shape  # before memory is taken for as many as are claimed
    if len(shape) != 3 or (shape[0], shape[2]) != (len(names), saved.model.window.context):
        raise ValueError(f"recent has the shape {shape}, {len(names)} series and {saved.model.window} are claimed")
    live = Live.resumed(model, saved.schema, calendar, saved.until, names)
    expected = _arrays(live)
    counts = {int(place): int(rows) for place, rows in settings["cold"].items()}
    if not set(counts) <= set(range(len(names))) or min(counts.values(), default=0) < 0:
        raise ValueError("series that wait for rows are not among its series, or wait with fewer than none")
    if {len(arrays[name]) for name in ("cold.values", "cold.times")} != {sum(counts.values())}:
        raise ValueError(f"{sum(counts.values())} rows that wait are claimed, and are not there")
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
    if settings.get("learning"):
        live.learner = restored(live, settings["learning"], arrays)
    return live


def _calendar(settings: dict[str, Any]) -> Calendar:
    """A calendar that can date the rows to come."""
    calendar = Calendar(**settings)
    if calendar.kind not in get_args(Kind) or calendar.anchor not in ANCHORS or type(calendar.step) is not int:
        raise ValueError(f"a calendar of kind {calendar.kind!r} is not known, or its step or anchor is not")
    if calendar.step < 1:
        raise ValueError(f"the calendar steps by {calendar.step}")
    calendar.after(np.array(["2020-01-01"], "M8[us]"), 1)  # no exchange is younger
    return calendar


def _fill(live: Live, arrays: dict[str, np.ndarray]) -> None:
    live.static = arrays["static"].tolist()
    for place, track in enumerate(live.carried.tracks):
        live.set_static(place)
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
