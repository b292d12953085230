"""Recurrent networks: cells, heads, scaling, network. Imports nothing of the house but its errors."""
