"""Learning from images: where they come from, by which recipe, in a loop that can be stopped and goes on."""
