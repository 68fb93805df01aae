"""Images with several captions each, for retrieval."""

import json
from pathlib import Path

from mmengine.dataset import BaseDataset

from eva_mm.registry import DATASETS


@DATASETS.register_module()
class CaptionedImages(BaseDataset):
    """One split of COCO or Flickr30k in Karpathy's layout (``dataset_coco.json``, ``dataset_flickr30k.json``).

    A sample has ``img_path`` and ``text``, the list of its captions.

    Args:
        ann_file: ``{"images": [{"filename", "filepath" (optional folder), "split", "sentences": [{"raw"}]}]}``.
        split: Which split; of COCO, ``'test'`` has 5,000 images.
        max_captions: How many captions of an image count; ``None`` means all.
        kwargs: As for mmengine's ``BaseDataset``; ``data_prefix=dict(img=...)`` is the folder of the images.

    Raises:
        ValueError: There are no images of this split.
    """

    def __init__(self, split: str = 'test', max_captions: int | None = None, **kwargs) -> None:
        self.split = split
        self.max_captions = max_captions
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """One dict for each image."""
        listed = json.loads(Path(self.ann_file).read_text())['images']
        folder = Path(self.data_prefix.get('img') or self.data_root)
        samples = [
            dict(
                img_path=str(folder / image.get('filepath', '') / image['filename']),
                text=[sentence['raw'] for sentence in image['sentences'][: self.max_captions]],
            )
            for image in listed
            if image['split'] == self.split
        ]
        if not samples:
            known = sorted({image['split'] for image in listed})
            raise ValueError(f'{self.ann_file} has no images of split={self.split!r}: it has {", ".join(known)}.')
        return samples
