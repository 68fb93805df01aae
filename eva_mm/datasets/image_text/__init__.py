"""Pairs of image and text for training, read in streams that can stop and go on anywhere."""
