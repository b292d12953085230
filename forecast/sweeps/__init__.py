"""Sweeps: a trial makes a forecaster, folds before the test judge it, an `optuna.Study` remembers. Guest: optuna."""
