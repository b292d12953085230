"""Sweeps: a trial makes a forecaster, folds before the test judge it, an `optuna.Study` remembers. Guest: optuna."""

import warnings

# Optuna brings tqdm, which asks every notebook without widgets for them, on stderr, at its first import.
warnings.filterwarnings("ignore", "IProgress not found")
