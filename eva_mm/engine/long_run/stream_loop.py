"""Training on endless streams that go on exactly where a run was stopped."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather
from mmengine.runner import IterBasedTrainLoop

from eva_mm.engine.long_run.remaining_batches import RemainingBatches
from eva_mm.registry import LOOPS

PLACES = 'stream_places'


@LOOPS.register_module()
class StreamTrainLoop(IterBasedTrainLoop):
    """:class:`IterBasedTrainLoop` that saves, with every checkpoint, how far each stream of the data set was read.

    For data sets like :class:`eva_mm.datasets.image_text.stream.ImageTextStream`: every data sample has a ``place``,
    whole numbers of which the first is the stream and the last the samples skipped, and ``dataset.resume(places)`` goes
    on from there. mmengine's own loop would read all batches of the stopped run again and throw them away.

    Args:
        kwargs: As for :class:`IterBasedTrainLoop`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataloader_iterator = None  # the parent has started workers, at the beginning of the streams
        # onedl-mmengine's loop passes over nothing with True; what is done is not read in any case
        self.fast_forward_on_resume = False

    def check_resumed(self) -> None:
        """See that a checkpoint which was resumed is of such a run.

        Raises:
            ValueError: It is not.
        """
        if self._iter > 0 and self.runner.message_hub.runtime_info.get(PLACES) is None:
            raise ValueError(
                'The checkpoint does not say how far the data was read: it is not of a run with '
                'eva_mm.StreamTrainLoop; start from its weights with load_from and without resume.'
            )

    def run(self) -> torch.nn.Module:
        """Train."""
        self.check_resumed()
        self._places: dict[int, list[int]] = {}
        if self._iter > 0:
            places = self.runner.message_hub.get_info(PLACES)
            self._places = {place[0]: place for place in places}
            self.dataloader.dataset.resume(places)
        self.dataloader_iterator = RemainingBatches(self.dataloader, done=self._iter)
        # torch takes the length of an epoch for that of the stream
        warnings.filterwarnings('ignore', 'Length of IterableDataset')
        return super().run()

    def run_iter(self, data_batch: dict[str, Sequence]) -> None:
        """Train on one batch; where its streams are is known before any hook saves."""
        places = torch.tensor([sample.place for sample in data_batch['data_samples']])
        for place in torch.cat(all_gather(places)).tolist():
            self._places[place[0]] = place
        hub = self.runner.message_hub
        hub.update_info(PLACES, sorted(self._places.values()))
        hub.update_scalar('train/skipped_samples', sum(place[-1] for place in self._places.values()))
        super().run_iter(data_batch)
