"""What a training run needs, measured on tensors without data, and a config chosen by it."""
