"""Pre-training: a cell learns to read series before anybody says what is to be forecast."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import torch

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError, did_you_mean
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.start import OF_THE_CELL, Belongings, Start
from forecast.forecasters.unlabelled import laid_out, standing_in
from forecast.nets.network import Network
from forecast.nets.tasks import TASKS
from forecast.training.datamodule import DataModule
from forecast.training.fit import fit
from forecast.training.pretraining import PretrainingModule
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window


def pretrain(
    model: Recurrent,
    panel: Panel,
    task: Literal["next-step", "reconstruction"] = "next-step",
    schema: Schema | None = None,
    training: Training | None = None,
    partial: bool = False,
) -> Recurrent:
    """A forecaster whose fits begin with a cell that has learned to read a panel without labels.

    The cell says the next row of every channel, or says its window again (`forecast.nets.tasks`). Series whose target
    was never observed are read by their covariates; where there are targets, they are channels like the others. What a
    fit takes over is the cell (with the vectors of categories); decoder and skip begin anew, as `taken` of the fitted
    forecaster says. Every row of `panel` may be learned from: cut it before a test (`panel.until`).

    Args:
        model: what is to be fitted later; it is left as it is. A stream's cell learns from windows.
        panel: series without labels, or more of them than there are labels for.
        task: "next-step" or "reconstruction".
        schema: roles of the columns in the panel of the later fit, where this one has others. Its targets may be
            missing here.
        training: None takes the model's; its `validation` chooses the epoch.
        partial: let a later fit take over what fits, where the cell does not.

    Returns:
        A copy of `model`.

    Raises:
        SettingsError: no such task, or a network it is not for.
        DataError: covariates are missing, or nothing was observed.
        TrainingError: no windows, or a loss that is not finite.

    Source:
        Dai & Le (2015), Semi-supervised sequence learning; Srivastava, Mansimov & Salakhutdinov (2015), Unsupervised
        learning of video representations using LSTMs.

    Example:
        >>> from forecast.data.synthetic import autoregressive
        >>> from forecast.windows.window import Window
        >>> model = Recurrent(Window(8, 2), hidden_size=4, training=Training(epochs=1, device="cpu"))
        >>> ready = pretrain(model, autoregressive(series=5, rows=60))
        >>> ready.fit(autoregressive(rows=60, seed=1)).taken.begun
        ('decoder.weight', 'decoder.bias', 'skip.weight', 'skip.bias')
    """
    if task not in TASKS:
        raise SettingsError(f"task {task!r}{did_you_mean(str(task), tuple(TASKS))}")
    settings = training or model.training
    panel = standing_in(panel if schema is None else laid_out(panel, schema))
    data = _windows(model, panel, settings)
    sizes = replace(data.sizes, context=model.window.context, horizon=model.window.horizon)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)):
        torch.manual_seed(settings.seed)
        network = Network(model.architecture, sizes, model.head)
        made = TASKS[task](network, _numbers(data))
        module = PretrainingModule(made, settings.learning_rate, settings.weight_decay, settings.schedule)
        fit(module, data, settings, progress=model.progress, watch=model.watch)
    learned = network.float().cpu().state_dict()
    weights = {name: value.clone() for name, value in learned.items() if name.startswith(OF_THE_CELL)}
    added = (data.cycles, data.gaps, data.ahead)
    about = (model.architecture, model.head, model.transform, panel.schema, data.scale.categories)
    started = copy.copy(model)
    started.start = Start(weights, Belongings.of(*about, added), whole=False, partial=partial)
    return started


def _windows(model: Recurrent, panel: Panel, training: Training) -> DataModule:
    """Windows one row longer than the context, with the columns that a fit of the model would read."""
    streamed = isinstance(model.feed, Streamed)
    return DataModule(
        panel,
        Window(model.window.context + 1, 1, model.window.stride),
        Windowed() if isinstance(model.feed, Streamed) else model.feed,
        validation=training.validation,
        seed=training.seed,
        calendar=streamed if model.calendar is None else model.calendar,
        measure=model.measure,
        ahead=model.knows_ahead,
        gaps=model.gaps,
    )


def _numbers(data: DataModule) -> tuple[int, ...]:
    """Places of the covariates of numbers among the columns of a window; cycles and marks of absence tell nothing."""
    layout, wide = data.panel.layout, data.rows.layout
    known = wide.targets + wide.past
    places = [*range(layout.targets, layout.targets + layout.past), *range(known, known + layout.future)]
    coded = data.sizes.categories or (0,) * (wide.channels + wide.static)
    return tuple(place for place in places if not coded[place])
