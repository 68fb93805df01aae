"""Millions of images in folders, tar shards and zip files as one data set with random access."""
