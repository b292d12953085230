"""Training: the one Lightning module, the one data module, and the fit that drives them."""
