"""Hooks that watch a run or prepare its model."""
