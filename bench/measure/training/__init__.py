"""Training of image classifiers: datasets, recipes, and a training loop that can be resumed."""
