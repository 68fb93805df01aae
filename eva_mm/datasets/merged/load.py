"""One image by its number, decoded, with what is wrong with it counted."""

from collections.abc import Mapping

from eva_mm.datasets.faults import Fault, FaultLog, shown
from eva_mm.datasets.merged.decode import decode
from eva_mm.datasets.merged.files import Files
from eva_mm.datasets.merged.index import MergedIndex, name_of, read_place
from eva_mm.safe_io.images import Limits


class Loader:
    """Loads images of an index.

    Args:
        root: What paths of the index are relative to.
        index: Where the images are.
        faults: Where they are counted.
        policy: The action for every kind, of ``faults.make_policy``.
        limits: What is refused and what is odd.
        exif: As for :func:`decode`.
    """

    def __init__(
        self, root: str, index: MergedIndex, faults: FaultLog, policy: Mapping[str, str], limits: Limits, exif: str
    ) -> None:
        self.root = root
        self.index = index
        self.faults = faults
        self.policy = policy
        self.limits = limits
        self.exif = exif
        self.files = Files(max_bytes=limits.max_bytes)

    def describe(self, number: int) -> dict:
        """``img_path``, ``source`` and ``sample_idx`` of an image."""
        place = self.index.locate(number)
        name, _ = name_of(self.root, place, self.files)
        return dict(img_path=name, source=self.index.sources[place.source], sample_idx=number)

    def load(self, number: int, counted: bool = True) -> dict:
        """An image as pipelines take it, after loading.

        Args:
            number: Of the image.
            counted: Whether what is wrong with it is counted.

        Raises:
            Fault: It cannot be used, or is not to be by the policy.
        """
        place = self.index.locate(number)
        name, suffix = name_of(self.root, place, self.files)
        try:
            content = read_place(self.root, place, self.files)
            pixels, oddities = decode(content, shown(name), suffix, self.limits, self.exif)
        except Fault as error:
            if counted:
                self.faults.note(number, place.source, [error.kind], name, str(error))
            raise
        if counted and oddities:
            size = f'{pixels.shape[1]} x {pixels.shape[0]} pixels'
            self.faults.note(number, place.source, oddities, name, size)
        unwanted = next((kind for kind in oddities if self.policy[kind] != 'use'), None)
        if unwanted is not None:
            raise Fault(f'{shown(name)} is {unwanted}, which policy does not use: replace it.', unwanted)
        return dict(
            img=pixels,
            img_shape=pixels.shape[:2],
            ori_shape=pixels.shape[:2],
            img_path=name,
            source=self.index.sources[place.source],
            sample_idx=number,
        )
