"""Sweeps on other engines: the same call on joblib's own processes, on a local Dask cluster and on a local Ray.

    python experiments/benchmarks/sweep_engines.py [--trials N] [--engines loky dask ray]

Needs `pip install dask distributed ray` for the last two; an engine that is not installed is skipped and named. Every
engine finishes exactly the trials asked for, in processes of its own, with one SQLite file between them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import optuna
from optuna.trial import TrialState

import forecast as fc
from forecast.sweeps.pulse import WORKER


@contextmanager
def engine(name: str, workers: int) -> Iterator[None]:
    """joblib's back end of that name, on this machine."""
    if name == "loky":
        yield
    elif name == "dask":
        from dask.distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
            yield
    else:
        import ray
        from ray.util.joblib import register_ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        register_ray()
        try:
            with joblib.parallel_config(backend="ray"):
                yield
        finally:
            ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engines", nargs="+", default=["loky", "dask", "ray"])
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    panel = fc.read_dataset("seattle-weather")
    choices = {"cell": ("rnn", "gru"), "hidden_size": fc.Range(4, 16), "feed": "streamed"}
    space = fc.network_space(fc.Window(21, 7), fc.Training(epochs=3, device="cpu"), choices)
    for name in args.engines:
        if name != "loky" and importlib.util.find_spec({"dask": "distributed"}.get(name, name)) is None:
            print(f"{name}: skipped, it is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder, engine(name, args.workers):
            started = time.perf_counter()
            study = fc.sweep(
                space, panel, "2015-01-01", args.trials, storage=f"{folder}/study.db", workers=args.workers
            )
            seconds = time.perf_counter() - started
            ended = [trial for trial in study.trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
            pids = {trial.user_attrs[WORKER]["pid"] for trial in study.trials}
            assert len(ended) == len(study.trials) == args.trials, [trial.state.name for trial in study.trials]
            assert os.getpid() not in pids
            print(f"{name}: {len(ended)} trials in {len(pids)} processes, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
