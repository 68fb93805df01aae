"""Images with several captions each, for retrieval."""

from pathlib import Path

from mmengine.dataset import BaseDataset

from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import read_json
from eva_mm.safe_io.printed import printable


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
        content = read_json(self.ann_file)
        listed = content.get('images') if isinstance(content, dict) else None
        if not isinstance(listed, list):
            raise ValueError(f'{self.ann_file} has no list "images": give a file in Karpathy\'s layout.')
        found = [self._sample(index, image) for index, image in enumerate(listed)]
        samples = [sample for split, sample in found if split == self.split]
        if not samples:
            known = sorted({split for split, _ in found})
            raise ValueError(f'{self.ann_file} has no images of split={self.split!r}: it has {", ".join(known)}.')
        return samples

    def _sample(self, index: int, image: dict) -> tuple[str, dict]:
        """Split and sample of an entry."""
        folder = Path(self.data_prefix.get('img') or self.data_root)
        try:
            path = folder / image.get('filepath', '') / image['filename']
            captions = [sentence['raw'] for sentence in image['sentences'][: self.max_captions]]
            return str(image['split']), dict(img_path=str(path), text=captions)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{self.ann_file}, image {index}: filename, split and sentences are expected, it has '
                f'{printable(str(image))}.'
            ) from error
