"""pycocotools and lvis: annotation files that their C code cannot take."""

import builtins
from types import ModuleType
from typing import Any

__all__ = ['check_files', 'check_lvis_files', 'check_masks']


def _open_text(path: Any, mode: str = 'r') -> Any:
    """``open`` for the JSON files of these packages: regular files, with or without a byte order mark."""
    import io

    from eva_mm.safe_io.files import read_text

    return io.StringIO(read_text(path)) if mode == 'r' else builtins.open(path, mode)


def check_files(coco: ModuleType) -> None:
    """Check an annotation file as soon as it is read, and fill in what other programs leave out.

    Defect: pycocotools up to 2.0.11 trusts its input: a coordinate of 1e9 or NaN, or a size of 1e9, ends the process;
    a run-length code of another length than its mask makes it loop without end or read foreign memory.
    Without ``iscrowd`` or ``area``, or with ids such as 1.0, its metric fails or finds nothing.
    Gone when ``pycocotools.mask.frPyObjects([[0, 0, 1e9, 0, 1e9, 1e9]], 10, 10)`` is an error.
    """
    from eva_mm.safe_io.coco import check_annotations, fill_in

    initialise = coco.COCO.__init__

    def __init__(self: Any, annotation_file: Any = None) -> None:
        initialise(self, annotation_file)
        if annotation_file is not None:
            if fill_in(self.dataset):
                self.createIndex()
            check_annotations(self.dataset, str(annotation_file))

    # the module's own name comes before the built-in
    coco.open = _open_text
    coco.COCO.__init__ = __init__


def check_lvis_files(lvis: ModuleType) -> None:
    """The same for lvis 0.5.3, which hands its segmentations to pycocotools."""
    from eva_mm.safe_io.coco import check_annotations, fill_in

    read = lvis.LVIS._load_json

    def _load_json(self: Any, path: Any) -> Any:
        content = read(self, path)
        fill_in(content)
        check_annotations(content, str(path))
        return content

    lvis.open = _open_text
    lvis.LVIS._load_json = _load_json


def check_masks(mask: ModuleType) -> None:
    """Check polygons and run-length codes where a host makes masks of them; the defect is that of :func:`check_files`.

    Compressed codes are what :func:`check_files` has seen, or what a model gave.
    """
    from eva_mm.safe_io.coco import check_objects

    convert = mask.frPyObjects

    def frPyObjects(pyobj: Any, h: int, w: int) -> Any:
        check_objects(pyobj, h, w)
        return convert(pyobj, h, w)

    mask.frPyObjects = frPyObjects
