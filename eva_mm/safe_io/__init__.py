"""Reading files that nobody vouches for: what is refused, and how much is read at most.

Every reader of the package goes through these modules, and :mod:`eva_mm.compat` puts them in front of the readers of
the hosts. Nothing here imports the rest of the package.

===================  ==============================================================================
``files``            regular files only; text and JSON with one-line errors
``folders``          the files below a directory, and what was left out of them
``printed``          names and keys of foreign files, safe to print
``images``           formats, bytes, pixels and sides of an image
``coco``             coordinates and run-length codes that pycocotools' C code can take
``pickles``          pickles of plain values and NumPy arrays
``weights``          checkpoint files: tensors and plain values, with their checksums
``tar_stream``       members of a tar file, compressed or not, within limits
``download``         files from http(s) addresses, within limits
===================  ==============================================================================
"""
