"""Forecasters: naive rules, scikit-learn regressors, recurrent networks; one promise, one gather."""
