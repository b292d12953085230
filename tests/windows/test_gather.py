"""The one gather equals slicing, origin by origin."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import DataError
from forecast.testing import sample_panel
from forecast.windows.gather import gather, index_of, require_reach, scaled_rows
from forecast.windows.window import Window


def rows_of(panel: Panel, context: int = 4):
    return scaled_rows(panel, Scale.fit(panel).of(panel, context), torch.float64)


@given(
    context=st.integers(1, 7),
    horizon=st.integers(1, 5),
    targets=st.integers(1, 3),
    past=st.integers(0, 2),
    future=st.integers(0, 2),
    static=st.integers(0, 2),
    missing=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_batch_equals_slices_cut_one_by_one(context, horizon, targets, past, future, static, missing, seed):
    panel = sample_panel(context, horizon, targets, past, future, static, missing, seed)
    scale = Scale.fit(panel)
    rows = rows_of(panel)
    origins = Window(context, horizon).origins(panel)
    origins = origins[np.random.default_rng(seed).permutation(len(origins))[:12]]
    batch = gather(rows, index_of(panel, origins), context, horizon)
    for i, (series, step) in enumerate(zip(origins.series, origins.step, strict=True)):
        begin, end = panel.offsets[series], panel.offsets[series + 1]
        values = np.nan_to_num((panel.values[begin:end] - scale.center[series]) / scale.spread[series])
        seen = panel.observed[begin:end]
        assert np.array_equal(batch.past[i], values[step - context : step])
        assert np.array_equal(batch.target[i], values[step : step + horizon, :targets])
        assert np.array_equal(batch.future[i], values[step : step + horizon, targets + past :])
        assert np.array_equal(batch.static[i], scale.static(panel)[series])
        if not panel.observed.all():
            assert np.array_equal(batch.past_seen[i], seen[step - context : step])
            assert np.array_equal(batch.target_seen[i], seen[step : step + horizon, :targets])


def test_a_full_panel_has_no_mask():
    panel = Panel.from_arrays(np.arange(20.0), np.arange(20).astype("M8[D]"))
    batch = gather(rows_of(panel), index_of(panel, Window(4, 2).origins(panel)), 4, 2)
    assert batch.past_seen is None
    assert batch.target_seen is None


def test_a_forecast_at_the_last_row_needs_nothing_ahead():
    panel = sample_panel(4, 3)
    batch = gather(rows_of(panel), index_of(panel, Origins(np.arange(3), panel.lengths)), 4, 3, targets=False)
    assert batch.target.shape[1] == 0
    assert batch.target_seen is None
    assert batch.future.shape == (3, 3, 0)
    for series in range(3):
        last = rows_of(panel).values[panel.offsets[series + 1] - 4 : panel.offsets[series + 1]]
        assert torch.equal(batch.past[series], last)


def test_scaled_rows_are_scaled_in_double_precision_before_they_become_single():
    values = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=500)
    panel = Panel.from_arrays(values, np.arange(500).astype("M8[h]"))
    rows = scaled_rows(panel, Scale.fit(panel).of(panel, 4))
    exact = (values - values.mean()) / values.std()
    assert rows.values.dtype == torch.float32
    assert np.abs(rows.values[:, 0].numpy() - exact).max() < 1e-5


def test_missing_cells_hold_the_last_value_and_the_mean_before_the_first():
    panel = Panel.from_arrays(np.array([np.nan, 1.0, np.nan, 3.0]), np.arange(4).astype("M8[D]"))
    assert rows_of(panel).values[:, 0].tolist() == [0.0, -1.0, -1.0, 1.0]


def test_an_origin_with_too_few_rows_behind_it_is_an_error_that_names_the_series():
    panel = sample_panel(4, 3)
    with pytest.raises(DataError, match=r"series 'late' has 3 rows before the origin, a context of 4 needs 4"):
        require_reach(panel, Origins(np.array([0, 1]), np.array([4, 3])), 4, 3)


def test_a_series_without_a_name_is_called_the_series():
    panel = Panel.from_arrays(np.ones(9), np.arange(9).astype("M8[D]"), series=[""])
    with pytest.raises(DataError, match=r"^panel: the series has 3 rows before the origin"):
        require_reach(panel, Origins(np.array([0]), np.array([3])), 4, 3)


def test_an_origin_behind_the_end_of_its_series_is_an_error_and_not_a_row_of_the_next():
    panel = sample_panel(4, 3)
    with pytest.raises(DataError, match="series 'long' has no row"):
        require_reach(panel, Origins(np.array([0]), panel.lengths[:1] + 1), 4, 3)


def test_missing_known_ahead_rows_are_an_error_that_names_the_columns_and_the_series():
    schema = Schema(targets=["y"], future=["holiday"])
    panel = Panel.from_arrays(np.ones((9, 2)), np.arange(9).astype("M8[D]"), series=["shop"], schema=schema)
    require_reach(panel, Origins(np.array([0]), np.array([7])), 4, 2)
    with pytest.raises(DataError, match=r"'holiday'.*horizon of 2 steps in series 'shop'"):
        require_reach(panel, Origins(np.array([0]), np.array([8])), 4, 2)
