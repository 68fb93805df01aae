"""How far streams have been read, and which reader reads which."""

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """How far a stream has been read; whole numbers only, so that it fits in a tensor.

    Attributes:
        stream: Which stream.
        num_streams: Of how many.
        epoch: Its pass over its shards.
        shard: Position, in the order of this epoch, of the shard in which the current block begins.
        offset: Samples of that shard before the block.
        index: Samples of the shuffled block that are done.
        delivered: Samples given out since the start.
        skipped: Samples that could not be read since the start.
    """

    stream: int
    num_streams: int
    epoch: int = 0
    shard: int = 0
    offset: int = 0
    index: int = 0
    delivered: int = 0
    skipped: int = 0


class Reader(NamedTuple):
    """One worker of one rank."""

    rank: int
    world_size: int
    worker: int
    num_workers: int


def deal_out(places: Mapping[int, Place], num_streams: int | None, reader: Reader) -> list[Place]:
    """Where the streams of one reader begin, in the order of their turns.

    Args:
        places: Where streams were stopped; those without a place start at their beginning.
        num_streams: Streams of all readers; ``None`` means one for each.
        reader: Who asks.

    Raises:
        ValueError: The streams cannot be dealt out evenly, or the run was stopped with another number of them.
    """
    num_readers = reader.world_size * reader.num_workers
    num_streams = num_streams or num_readers
    if num_streams % num_readers:
        raise ValueError(
            f'{num_streams} streams cannot be dealt out to {reader.world_size} ranks with {reader.num_workers} '
            f'workers: set num_streams to a multiple of {num_readers}, or change num_workers.'
        )
    before = {place.num_streams for place in places.values()} - {num_streams}
    if before:
        raise ValueError(
            f'The run was stopped with {max(before)} streams and goes on with {num_streams}: '
            f'set num_streams={max(before)}, or use as many ranks and workers as before.'
        )
    share = num_streams // reader.world_size
    own = [
        places.get(stream, Place(stream, num_streams))
        for stream in range(reader.rank * share, (reader.rank + 1) * share)
    ]
    groups = [own[first :: reader.num_workers] for first in range(reader.num_workers)]
    # the loader asks its workers in turn from the first one on, so the one that is behind has to be the first
    groups.sort(key=lambda group: sum(place.delivered for place in group))
    return sorted(groups[reader.worker], key=lambda place: place.delivered)
