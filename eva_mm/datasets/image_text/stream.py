"""Endless, shuffled, resumable streams of image-text pairs, split over ranks and workers."""

import random
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from zlib import crc32

import numpy as np
from mmengine.dataset import Compose
from mmengine.dist import get_dist_info
from torch.utils.data import IterableDataset, get_worker_info

from eva_mm.datasets.faults import Fault, FaultLog, make_policy
from eva_mm.datasets.image_text.places import Place, Reader, deal_out
from eva_mm.datasets.pillow_bgr import to_pixels
from eva_mm.safe_io.images import opened_image

# broken pairs that a journal tells apart, by a check sum of their keys
_REMEMBERED = 2**20


def decode_image(content: bytes) -> np.ndarray:
    """An encoded image as BGR, uint8, (H, W, 3), as OpenMMLab's transforms expect."""
    with opened_image(content) as image:
        return to_pixels(image.convert('RGB'))


def unpack(raw: dict) -> dict:
    """A raw sample as transforms expect it.

    Raises:
        Fault: It lacks the image or the text, or the image cannot be decoded.
    """
    lacking = [part for part in ('image', 'text') if part not in raw]
    if lacking:
        raise Fault(f'Sample {raw.get("key")!r} has no {lacking[0]}: complete or remove it.', 'missing')
    try:
        image, text = decode_image(raw['image']), raw['text']
    # what broken files raise differs from format to format
    except Exception as error:
        raise Fault(f'The image of sample {raw["key"]!r} cannot be decoded ({error}): replace it.') from error
    return dict(img=image, text=text, key=raw['key'], img_shape=image.shape[:2], ori_shape=image.shape[:2])


class ImageTextStream(IterableDataset):
    """Pairs from shards; a subclass says which shards there are and how to read one.

    The shards of an epoch are shuffled and dealt out to ``num_streams`` streams. A stream reads its shards one after
    the other in blocks of ``shuffle_buffer`` samples, shuffles each block and starts the next epoch when it is through.
    Every order is a function of the seed and of the place in the stream, and so are the random numbers that the
    transforms of a sample draw from ``random`` and ``numpy``. What is read therefore does not depend on the number of
    ranks and workers, as long as the number of streams is the same, and reading can go on from any :class:`Place`.

    A sample that cannot be read is replaced by the next one; ``eva_mm.FaultHook`` counts, lists and limits them.

    Args:
        pipeline: Configs of transforms; they get ``img`` (H, W, 3) BGR, ``text`` and ``key``, and end with
            ``eva_mm.PackImageText``.
        num_streams: A multiple of ranks times workers; ``None`` means one for each worker of each rank. A worker takes
            samples from its streams in turn.
        shuffle_buffer: Samples of a block, which are in memory at the same time, encoded.
        seed: Seed of all orders; the same on all ranks.
        epoch_size: How many samples of all ranks make the epoch of ``len()``, which schedules given in epochs count in.
            Default: what EVA-CLIP calls an epoch, a tenth of LAION-400M.
        policy: ``'replace'`` as above, ``'refuse'``: stop with the error, or one of them by kind of ``faults.KINDS``.

    Raises:
        ValueError: When reading: the streams cannot be dealt out to the workers, there are fewer shards than streams,
            or a stream has not a single readable sample.
    """

    metainfo: dict[str, Any] = {}

    def __init__(
        self,
        pipeline: Sequence[dict],
        num_streams: int | None = None,
        shuffle_buffer: int = 2000,
        seed: int = 0,
        epoch_size: int = 40_000_000,
        policy: Mapping[str, str] | str = 'replace',
    ) -> None:
        super().__init__()
        self.pipeline = Compose(pipeline)
        self.num_streams = num_streams
        self.shuffle_buffer = shuffle_buffer
        self.seed = seed
        self.epoch_size = epoch_size
        self.rank, self.world_size = get_dist_info()
        self._places: dict[int, Place] = {}
        self.policy = make_policy(policy)
        self.faults = FaultLog(['pairs'], _REMEMBERED)
        self.shards = self.find_shards()

    @abstractmethod
    def find_shards(self) -> Sequence[Any]:
        """All shards, always in the same order."""

    @abstractmethod
    def read_shard(self, shard: Any) -> Iterator[dict]:
        """The raw samples of a shard, always in the same order.

        Each has ``key``, ``image`` (encoded bytes) and ``text``; one that lacks any of them counts as unreadable.
        """

    def resume(self, places: Iterable[Sequence[int]]) -> None:
        """Go on from these places when iterated over the next time; streams without one start at their beginning."""
        self._places = {place[0]: Place(*place) for place in places}

    def __len__(self) -> int:
        return self.epoch_size // self.world_size

    def __iter__(self) -> Iterator[dict]:
        info = get_worker_info()
        worker, num_workers = (info.id, info.num_workers) if info else (0, 1)
        reader = Reader(self.rank, self.world_size, worker, num_workers)
        places = deal_out(self._places, self.num_streams, reader)
        if len(self.shards) < places[0].num_streams:
            raise ValueError(
                f'{len(self.shards)} shards cannot feed {places[0].num_streams} streams: '
                'use fewer workers, or more shards.'
            )
        streams = [self._read(place) for place in places]
        while True:
            for stream in streams:
                yield next(stream)

    def _read(self, place: Place) -> Iterator[dict]:
        """Samples of a stream from a place on, without end."""
        while True:
            for block in self._blocks(place):
                shard, offset, _ = block[0]
                if (shard, offset) != (place.shard, place.offset):
                    place = place._replace(shard=shard, offset=offset, index=0)
                order = np.random.default_rng([self.seed, *place[:5]]).permutation(len(block))
                for number in order[place.index :]:
                    sample = self._prepare(block[number][-1], place.epoch)
                    place = place._replace(
                        index=place.index + 1,
                        delivered=place.delivered + (sample is not None),
                        skipped=place.skipped + (sample is None),
                    )
                    if sample is not None:
                        sample['data_samples'].set_metainfo(dict(place=tuple(place)))
                        yield sample
            if not place.delivered:
                raise ValueError(
                    f'None of the {place.skipped} samples of stream {place.stream} could be read: '
                    'check that the shards hold images with texts.'
                )
            place = place._replace(epoch=place.epoch + 1, shard=0, offset=0, index=0)

    def _blocks(self, place: Place) -> Iterator[list[tuple[int, int, dict]]]:
        """Blocks of (shard, offset, raw sample), from the block at a place to the end of its epoch."""
        order = np.random.default_rng([self.seed, place.epoch]).permutation(len(self.shards))
        own = order[place.stream :: place.num_streams]
        samples = (
            (position, number, raw)
            for position in range(place.shard, len(own))
            for number, raw in enumerate(self.read_shard(self.shards[own[position]]))
            if position > place.shard or number >= place.offset
        )
        while block := list(islice(samples, self.shuffle_buffer)):
            yield block

    def _prepare(self, raw: dict, epoch: int) -> dict | None:
        """A raw sample through the pipeline, or ``None`` if it cannot be read."""
        self.faults.count(0, 'samples')
        try:
            results = unpack(raw)
        except Fault as fault:
            if self.policy[fault.kind] == 'refuse':
                raise
            self.faults.count(0, 'replaced')
            key = str(raw.get('key'))
            self.faults.note(crc32(key.encode()) % _REMEMBERED, 0, [fault.kind], key, str(fault))
            return None
        value = crc32(f'{self.seed}/{epoch}/{raw["key"]}'.encode())
        random.seed(value)
        np.random.seed(value)
        return self.pipeline(results)
