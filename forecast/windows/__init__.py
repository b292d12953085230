"""Windows: what a model may see at an origin, and how origins become batches."""
