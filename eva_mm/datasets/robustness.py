"""ImageNet-1K's validation set and its variants, from lists that make_imagenet_lists.py writes."""

from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from eva_mm.registry import DATASETS, TRANSFORMS
from eva_mm.safe_io.files import read_json
from eva_mm.safe_io.printed import printable


@DATASETS.register_module()
class RobustnessSet(BaseDataset):
    """Images of one variant with all labels that count as right.

    A sample has ``img_path``, ``gt_label`` (the first right class), and for :class:`eva_mm.RobustnessTable`
    ``eval_set`` (name), ``labels`` (all right classes), ``real_labels`` (those of ReaL; only ImageNet-1K has them) and
    ``candidates`` (the classes that the variant has, if it does not have all).

    Args:
        ann_file: JSON list below ``data_root``: ``{"name", "candidates", "images": [{"path", "labels", "real"}]}``.
        data_root: Folder that ``path`` starts from.
        kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError: There is no list.
    """

    def load_data_list(self) -> list[dict]:
        """One dict for each image of the list."""
        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f'There is no list {self.ann_file}: write it with tools/dataset_converters/make_imagenet_lists.py.'
            )
        listed = read_json(self.ann_file)
        try:
            shared = dict(eval_set=listed['name'], candidates=listed.get('candidates'))
            images = list(listed['images'])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'{self.ann_file} is not a list of images with a name ({error!r}).') from error
        return [self._sample(index, image, shared) for index, image in enumerate(images)]

    def _sample(self, index: int, image: dict, shared: dict) -> dict:
        try:
            return dict(
                img_path=str(Path(self.data_root) / image['path']),
                gt_label=image['labels'][0],
                labels=image['labels'],
                real_labels=image.get('real'),
                **shared,
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(
                f'{self.ann_file}, image {index}: a path and a list of labels are expected, it has '
                f'{printable(str(image))}.'
            ) from error


@TRANSFORMS.register_module()
class CropBorder:
    """Cut the border off an image: ObjectNet's images have a red one of 2 pixels.

    Args:
        width: Pixels at each side.
    """

    def __init__(self, width: int = 2) -> None:
        self.width = width

    def __call__(self, results: dict) -> dict:
        """``img`` (H, W, 3) to (H - 2 * width, W - 2 * width, 3)."""
        inner = slice(self.width, -self.width or None)
        results['img'] = np.ascontiguousarray(results['img'][inner, inner])
        results['img_shape'] = results['img'].shape[:2]
        return results
