"""DeepSpeed under mmengine: the strategy and its checkpoints."""
