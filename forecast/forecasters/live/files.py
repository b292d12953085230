"""Files of live forecasters: the model as it is saved, and one file of what is carried, replaced as a whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as undump
from safetensors.numpy import save as dump

from forecast.data.calendar import ANCHORS, Calendar, Kind
from forecast.errors import DataError, SettingsError
from forecast.forecasters.artifact import Loaded, load, save_fitted
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.live.cold import Cold
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.learning.packing import described, numbers, restored
from forecast.forecasters.live.lock import locked
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.writing import replace_file
from forecast.nets.cells import CellFactory

STATE = "live.safetensors"
FORMAT = 3
KEY, SUM = "live", "sha256"
UNSIGNED = "0" * 64
MARK = f'"{SUM}":"'.encode()
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

    The state is written last and knows the weights it belongs to, so that a crash leaves the old pair, the new pair,
    or a pair that is refused.
    """
    place = Path(directory).resolve()
    known, found = live.written.get(place), place / STATE
    if known is not None and found.exists() and _digest(found.read_bytes()) != known:
        raise SettingsError(
            f"{directory}: the live state there has changed since this forecaster read or saved it: somebody saved "
            "rows of their own. Nothing was written. Read it back with load_live, send the rows again and save, or "
            "save to another folder"
        )
    content = signed(dump(_arrays(live), metadata={KEY: json.dumps(_settings(live)), SUM: UNSIGNED}))
    directory = save_fitted(live.around or live.model, directory, live.schema, live.until)
    replace_file(directory / STATE, content)
    live.written[place] = _digest(content)
    return directory


def signed(content: bytes) -> bytes:
    """The content of a state file with the SHA-256 of all its bytes in its header, where there were zeros."""
    place = content.index(MARK) + len(MARK)
    plain = content[:place] + UNSIGNED.encode() + content[place + len(UNSIGNED) :]
    return content[:place] + _digest(plain).encode() + content[place + len(UNSIGNED) :]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _settings(live: Live) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": fingerprint(live.model),
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


def fingerprint(model: Recurrent) -> str:
    """All that decides what a state means, in a few characters: which model a live state belongs to."""
    assert model.network is not None  # asked of fitted models only
    assert model.scale is not None
    made = {name: getattr(model.architecture, name) for name in model.architecture.__dataclass_fields__}
    made["cell"] = made["cell"] if isinstance(made["cell"], str) else None
    parts = (made, model.network.sizes, model.head, model.schema, model.window, model.cycles, model.scale.series)
    parts += (sorted(model.scale.categories.items()), model.absent)
    digest = hashlib.sha256(repr(parts).encode())
    for name, weight in sorted(model.network.state_dict().items()):
        digest.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    scale = model.scale
    for array in (scale.center, scale.spread, scale.static_center, scale.static_spread, scale.power, model.noise):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
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
    around = saved.model if isinstance(saved.model, Conformal) else None
    model = saved.model if around is None else around.forecaster
    if not isinstance(model, Recurrent) or not (directory / STATE).exists():
        raise SettingsError(
            f"{directory}: there is no live state ({STATE}) beside this model; live forecasting needs a streamed "
            "network: `forecast fit ... --model gru-stateful`, or model.live(panel).save(directory)"
        )
    try:
        content = (directory / STATE).read_bytes()
        settings, arrays = _opened(content)
        _require_fit(settings, model)
        live = _filled(model, saved, settings, arrays)
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RuntimeError,
        SafetensorError,
    ) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DataError(str(directory / STATE), [f"the live state is damaged: {detail}; {REMEDY}"]) from error
    live.around = around
    live.written[directory.resolve()] = _digest(content)
    return live


def _opened(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    """Settings and arrays of a state file whose bytes are those that were written."""
    if MARK not in content or signed(content) != content:
        raise ValueError("its bytes are not those that were written (SHA-256)")
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"][KEY]), undump(content)


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
    calendar = _calendar(settings["calendar"])
    live = Live.resumed(model, saved.schema, calendar, saved.until, names)
    expected = _arrays(live)
    counts = {int(place): int(rows) for place, rows in settings["cold"].items()}
    if not set(counts) <= set(range(len(names))) or min(counts.values(), default=0) < 0:
        raise ValueError("series that wait for rows are not among its series, or wait with fewer than none")
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
