"""Learning: the weights of a live forecaster go on learning as targets arrive."""
