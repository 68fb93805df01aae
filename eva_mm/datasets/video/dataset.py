"""Videos with one label each, some of which may not be readable."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from eva_mm.datasets.video.lists import class_names, number_labels, read_entries
from eva_mm.datasets.video.reader import REASONS, UnreadableVideoError
from eva_mm.registry import DATASETS

POLICIES = ('replace', 'refuse')


@DATASETS.register_module()
class EVAVideoDataset(BaseDataset):
    """Labelled videos for mmaction2's pipelines and recognizers.

    Large video sets always have files that are gone, empty, cut off or without pictures. By default such a video is
    replaced: in training by another one at random, in testing by the next one of the list, whose sample is then
    marked with ``unreadable=True``, so that ``eva_mm.VideoAccuracy`` leaves it out of the score. Each is named in the
    log once, and ``eva_mm.UnreadableVideoHook`` writes their number after every epoch.

    Args:
        ann_file: Text list of ``path label`` lines as mmaction2 has it, or a csv file. Empty: ``data_prefix`` holds a
            folder of videos for each class.
        data_prefix: ``dict(video=DIR)``, what paths are relative to.
        num_frames: Frames of a clip, for ``eva_mm.SampleSegments`` without a ``clip_len`` of its own.
        on_unreadable: ``'replace'`` as above, or ``'refuse'``: stop with the error.
        kwargs: As for mmengine's ``BaseDataset``. ``metainfo=dict(classes=...)``, names or a file with a name per line,
            fixes the numbers of classes that are given by name; without it they are the sorted names.

    Raises:
        ValueError: Unknown ``on_unreadable``; a class is not among the known ones.
        FileNotFoundError: There is no such list, or it is empty.
        UnreadableVideoError: On use: by ``'refuse'``, or if no video can be read.
    """

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: Mapping[str, str] | None = None,
        num_frames: int | None = None,
        on_unreadable: str = 'replace',
        **kwargs,
    ) -> None:
        if on_unreadable not in POLICIES:
            raise ValueError(f'on_unreadable={on_unreadable!r} is unknown: choose from {", ".join(POLICIES)}.')
        self.on_unreadable = on_unreadable
        self.num_frames = num_frames
        super().__init__(ann_file=ann_file, data_prefix=dict(data_prefix or {'video': ''}), **kwargs)

    def load_data_list(self) -> list[dict]:
        """One dict with ``filename``, ``label``, ``modality`` and ``start_index`` for each video."""
        root = Path(self.data_prefix.get('video') or '')
        entries = read_entries(Path(self.ann_file) if self.ann_file else root)
        if 'classes' not in self._metainfo and class_names(entries):
            self._metainfo['classes'] = tuple(class_names(entries))
        return [
            dict(filename=str(root / path), label=label, modality='RGB', start_index=0)
            for path, label in number_labels(entries, self._metainfo.get('classes', ()))
        ]

    def get_data_info(self, idx: int) -> dict:
        """What the list says about video ``idx``, and ``num_frames``."""
        return {**super().get_data_info(idx), 'num_frames': self.num_frames}

    def full_init(self) -> None:
        """Load the list, and make room for what is found unreadable."""
        if self._fully_initialized:
            return
        super().full_init()
        # shared with the loader's workers; one place per video, so they need no lock
        self._found = torch.zeros(len(self), dtype=torch.uint8).share_memory_()

    def _note(self, index: int, error: UnreadableVideoError) -> None:
        if not self._found[index]:
            print_log(str(error), logger='current', level=logging.WARNING)
        self._found[index] = 1 + REASONS.index(error.reason)

    def _stand_ins(self, index: int) -> Iterator[int]:
        if self.test_mode:
            yield from ((index + step) % len(self) for step in range(1, len(self)))
        else:
            yield from (self._rand_another() for _ in range(self.max_refetch))

    def prepare_data(self, idx: int) -> dict:
        """The sample of video ``idx``, or of the one that replaces it.

        Raises:
            UnreadableVideoError: See the class.
        """
        try:
            return super().prepare_data(idx)
        except UnreadableVideoError as error:
            if self.on_unreadable == 'refuse':
                raise
            self._note(idx, error)
        for other in self._stand_ins(idx):
            try:
                data = super().prepare_data(other)
            except UnreadableVideoError as error:
                self._note(other, error)
                continue
            if self.test_mode:
                data['data_samples'].set_metainfo(dict(unreadable=True))
            return data
        raise UnreadableVideoError(
            f'None of the {len(self)} videos that were tried can be read, the first is '
            f'{self.get_data_info(idx)["filename"]}: check data_prefix and the list.'
        )

    def unreadable(self) -> dict[str, str]:
        """Files found unreadable so far, by every worker of this process, and why."""
        return {
            self.get_data_info(index)['filename']: REASONS[int(self._found[index]) - 1]
            for index in self._found.nonzero().flatten().tolist()
        }
