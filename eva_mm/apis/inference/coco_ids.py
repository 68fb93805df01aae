"""Ids of categories and images in COCO's formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from eva_mm.apis.inference.classes import evaluated_dataset
from eva_mm.safe_io.files import read_json

# ids of COCO's 80 categories: 1 to 90 without those that were dropped when the data set was published
_DROPPED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
COCO_IDS = tuple(index for index in range(1, 91) if index not in _DROPPED)
_FIRST, _LAST = 'person', 'toothbrush'


@dataclass(frozen=True)
class CocoIds:
    """Ids that an annotation file gives; empty where there is none.

    Attributes:
        categories: Id of each name of a category.
        images: Id of each name of an image file, without its folder.
    """

    categories: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)

    def of_classes(self, classes: Sequence[str]) -> tuple[int, ...]:
        """Those of the annotation file; else COCO's own for its 80 classes; else 1, 2, 3, ... by label."""
        if all(name in self.categories for name in classes):
            return tuple(self.categories[name] for name in classes)
        is_coco = len(classes) == len(COCO_IDS) and (classes[0], classes[-1]) == (_FIRST, _LAST)
        return COCO_IDS if is_coco else tuple(range(1, len(classes) + 1))

    def of_images(self, files: Sequence[str]) -> list[int]:
        """Those of the annotation file if it has all of the files; else 1, 2, 3, ..."""
        found = [self.images.get(Path(file).name) for file in files]
        return list(range(1, len(files) + 1)) if None in found or len(set(found)) < len(found) else found


def read_coco_ids(cfg: Config) -> CocoIds:
    """Ids of the annotation file that a config evaluates on, if it is there and can be read."""
    dataset = evaluated_dataset(cfg)
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    try:
        content = read_json(path)
        return CocoIds(
            {each['name']: each['id'] for each in content['categories']},
            {Path(each['file_name']).name: each['id'] for each in content['images']},
        )
    except (OSError, ValueError, KeyError, TypeError):
        # results do not depend on it; evaluation itself checks the file
        return CocoIds()
