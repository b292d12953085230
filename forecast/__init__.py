"""Forecasting time series with recurrent networks."""
