"""Results as files: pictures, json, arrays, a contact sheet."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.draw import contact_sheet, thumbnail
from eva_mm.whole_file import whole_file

# more would make the sheet larger than what a viewer shows
_MOST_THUMBNAILS = 144


class ResultWriter:
    """Writes results to a folder as they come.

    Written are ``pictures/NAME.png``; ``contact_sheet.png`` of the first 144 of them; arrays as ``labels/NAME.png`` or
    ``features/NAME.npy``; and ``predictions.json``, a list of ``input`` with ``prediction`` or ``error``. Detections go
    into ``detections.json`` in COCO's format of results instead, and their images and categories into
    ``images.json``, which pycocotools opens as a data set; ids are those of the annotation file of the config, or of
    ``--data-root``, where it is there and knows the images.

    Args:
        folder: Made if it does not exist; what it has of earlier results is overwritten.
        inferencer: Whose results are written.

    Raises:
        UserError: ``folder`` is a file or cannot be made.
    """

    def __init__(self, folder: str | Path, inferencer: Inferencer) -> None:
        self.folder, self.inferencer = Path(folder), inferencer
        self.results: list[Result] = []
        self._names: set[str] = set()
        self._thumbnails: list[tuple[str, Image.Image]] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f'The folder {self.folder} cannot be made ({error.strerror}): name another.') from error

    @property
    def errors(self) -> list[str]:
        """Why inputs could not be read, each reason once."""
        return list(dict.fromkeys(result.error for result in self.results if result.error))

    def _name(self, source: str) -> str:
        """A name for files that no other input has."""
        path, hash_sign, frame = source.partition('#')
        stem = re.sub(r'[^\w.-]+', '_', Path(path.split('?')[0]).stem)[:80].strip('.') or 'input'
        stem = name = f'{stem}_{frame}' if hash_sign else stem
        number = 1
        while name in self._names:
            number += 1
            name = f'{stem}_{number}'
        self._names.add(name)
        return name

    def _path(self, kind: str, name: str) -> Path:
        path = self.folder / kind / name
        path.parent.mkdir(exist_ok=True)
        return path

    def add(self, result: Result) -> None:
        """Write picture and arrays of a result; keep the rest for :meth:`finish`."""
        # pixels are written, and only plain values kept
        self.results.append(Result(result.input, result.prediction, error=result.error))
        if result.error:
            return
        name = self._name(result.input)
        if result.picture is not None:
            with whole_file(self._path('pictures', f'{name}.png')) as part:
                Image.fromarray(result.picture).save(part)
            if len(self._thumbnails) < _MOST_THUMBNAILS:
                self._thumbnails.append((name, thumbnail(result.picture)))
        for kind, array in result.arrays.items():
            is_picture = array.dtype.kind == 'u'
            with whole_file(self._path(kind, f'{name}.{"png" if is_picture else "npy"}')) as part:
                Image.fromarray(array).save(part) if is_picture else np.save(part, array)

    def _write_json(self, name: str, content: Any) -> None:
        with whole_file(self.folder / name) as part:
            part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')

    def _write_detections(self) -> None:
        images, detections = [], []
        read = [result for result in self.results if result.prediction]
        numbers = self.inferencer.ids.of_images([result.input for result in read])
        for number, result in zip(numbers, read):
            size = dict(height=result.prediction['height'], width=result.prediction['width'])
            images.append(dict(id=number, file_name=result.input, **size))
            for found in result.prediction['detections']:
                detections.append({'image_id': number, **{key: found[key] for key in found if key != 'name'}})
        categories = [
            dict(id=index, name=name) for index, name in zip(self.inferencer.category_ids, self.inferencer.classes)
        ]
        self._write_json('detections.json', detections)
        self._write_json('images.json', dict(images=images, categories=categories, annotations=[]))

    def finish(self) -> None:
        """Write json and the contact sheet."""
        if self.inferencer.task == 'detection':
            self._write_detections()
        else:
            self._write_json(
                'predictions.json',
                [
                    dict(input=result.input, error=result.error)
                    if result.error
                    else dict(input=result.input, prediction=result.prediction)
                    for result in self.results
                ],
            )
        if self._thumbnails:
            names, thumbnails = zip(*self._thumbnails)
            with whole_file(self.folder / 'contact_sheet.png') as part:
                contact_sheet(thumbnails, names).save(part)
