"""Folders of a user's own data: what they hold, and a config pointed to them. One module for each task."""
