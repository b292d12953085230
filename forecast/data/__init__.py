"""Observed data: schema, panel, origins, forecasts, and the readers that check what comes from outside."""
