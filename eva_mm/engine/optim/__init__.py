"""Parameter groups, optimizers, schedules and averages of the weights."""
