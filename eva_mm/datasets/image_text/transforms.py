"""Transforms of image-text pairs: text to tokens, and packing."""

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from open_clip.tokenizer import SimpleTokenizer

from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CLIPTokenize:
    """``text``, a string or a list of T strings, to ``tokens``: (L,) or (T, L) int64.

    Args:
        context_length: Number of tokens L; longer texts are cut, shorter ones padded with 0.
    """

    def __init__(self, context_length: int = 77) -> None:
        self.tokenizer = SimpleTokenizer(context_length=context_length)

    def __call__(self, results: dict) -> dict:
        """Add ``tokens``."""
        text = results['text']
        results['tokens'] = self.tokenizer(text)[0] if isinstance(text, str) else self.tokenizer(text)
        return results


@TRANSFORMS.register_module()
class PackImageText:
    """``img`` (H, W, 3) to ``inputs`` (3, H, W), with ``tokens`` and a data sample that keeps the texts.

    Args:
        meta_keys: What the data sample keeps.
    """

    def __init__(self, meta_keys: tuple[str, ...] = ('key', 'text')) -> None:
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict) -> dict:
        """A dict of ``inputs``, ``tokens`` and ``data_samples``."""
        pixels = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
        meta = {key: results[key] for key in self.meta_keys if key in results}
        return dict(
            inputs=torch.from_numpy(pixels), tokens=results['tokens'], data_samples=BaseDataElement(metainfo=meta)
        )
