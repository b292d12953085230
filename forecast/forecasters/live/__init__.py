"""Live: a fitted stream goes on, one step for every new row."""
