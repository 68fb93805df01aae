"""A small world of real pixels in the on-disk formats of the real data sets."""
