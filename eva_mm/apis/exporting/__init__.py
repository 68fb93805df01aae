"""Giving models to other programs."""
