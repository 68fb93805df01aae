"""Runs that any kill may end: checkpoints that are complete or absent, exact resumption, pre-emption, lost losses."""
