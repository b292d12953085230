"""Sweeps: what pruning saves, what the model-based sampler finds, and how many trials a minute there are.

    python experiments/benchmarks/sweeps.py [--data NAME] [--trials N] [--seeds N] [--only abc]

(a) the committed example (experiments/sweep-seattle.toml): the same trials with each pruner and with none. Epochs
    trained, best validation error, and the winner's error on the untouched test span, beside that of the default
    settings.
(b) the same budget for the model-based sampler and for random search.
(c) trials a minute for windowed and streamed feeds, without pruning, on 1 and 2 workers.

One torch thread a process. The test span is looked at once for every winner and chooses nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import optuna
import torch

import forecast as fc
from forecast.data.panel import Panel
from forecast.evaluation.metrics import mae
from forecast.experiment.compare import first_test, opened
from forecast.experiment.settings import Experiment, read_experiment
from forecast.experiment.spaces import space_of
from forecast.sweeps.reading import best_trial, first_goal, trials_frame
from forecast.sweeps.search import Search
from forecast.sweeps.sweep import sweep

EXAMPLE = Path(__file__).resolve().parents[1] / "sweep-seattle.toml"
PRUNERS = ("none", "rivals", "asha", "hyperband")


def one(experiment: Experiment, panel: Panel, search: Search, trials: int, table: dict[str, object], **more: object):
    """A sweep, its seconds, and the space."""
    assert experiment.sweep is not None
    space = space_of("recurrent", dict(experiment.sweep.space) | table, experiment.window, experiment.training)
    started = time.perf_counter()
    study = sweep(space, panel, first_test(experiment.split, panel), trials, "mae", search, **more)
    return study, space, time.perf_counter() - started


def tested(study: optuna.Study, space, experiment: Experiment, panel: Panel) -> tuple[float, float]:
    """The winner's and the default's error on the test span."""
    winner = space.settings(optuna.trial.FixedTrial(best_trial(study).params))
    made = {"winner": winner, "default": space.base}
    contestants = {name: each.make(space.window, space.training) for name, each in made.items()}
    scores = fc.backtest(contestants, panel, first_test(experiment.split, panel), metrics=["mae"])
    found = scores.overall(mae)
    return found["winner"], found["default"]


def say(name: str, study: optuna.Study, space, seconds: float, experiment: Experiment, panel: Panel) -> int:
    frame = trials_frame(study, ("mae",))
    winner, default = tested(study, space, experiment, panel)
    epochs = int(frame["epochs"].sum())
    print(
        f"    {name:16s} {epochs:5d} epochs, {seconds:6.1f} s, {(frame['state'] == 'pruned').sum():2d} pruned; "
        f"best validation {first_goal(best_trial(study)):.3f}, test {winner:.3f} (default {default:.3f})",
        flush=True,
    )
    return epochs


def pruning(experiment: Experiment, panel: Panel, trials: int, seeds: int) -> None:
    for seed in range(seeds):
        print(f"(a) {trials} trials, seed {seed}")
        for pruner in PRUNERS:
            search = replace(experiment.sweep.search, pruner=pruner, seed=seed)
            say(pruner, *one(experiment, panel, search, trials, {}), experiment, panel)


def sampling(experiment: Experiment, panel: Panel, trials: int, seeds: int) -> None:
    for seed in range(seeds):
        print(f"(b) {trials} trials, seed {seed}")
        for sampler in ("tpe", "random"):
            search = replace(experiment.sweep.search, sampler=sampler, seed=seed)
            say(sampler, *one(experiment, panel, search, trials, {}), experiment, panel)


def rate(experiment: Experiment, panel: Panel, trials: int) -> None:
    search = replace(experiment.sweep.search, pruner="none")
    for feed in ("windowed", "streamed"):
        foreign = ("lanes", "chunk") if feed == "windowed" else ("batch_size", "scaling")
        space = {name: entry for name, entry in experiment.sweep.space.items() if name not in foreign}
        alone = replace(experiment, sweep=replace(experiment.sweep, space=space))
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                _, _, seconds = one(
                    alone, panel, search, trials, {"feed": feed}, workers=workers, storage=f"{folder}/study.db"
                )
            print(f"(c) {feed}, {workers} worker(s): {60 * trials / seconds:.0f} trials a minute", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="abc")
    args = parser.parse_args()
    torch.set_num_threads(1)
    experiment, panel = opened(read_experiment(EXAMPLE))
    if "a" in args.only:
        pruning(experiment, panel, args.trials, args.seeds)
    if "b" in args.only:
        sampling(experiment, panel, args.trials, args.seeds)
    if "c" in args.only:
        rate(experiment, panel, max(8, args.trials // 2))


if __name__ == "__main__":
    main()
