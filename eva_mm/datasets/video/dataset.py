"""Videos with one label each, some of which may not be readable."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmengine.dataset import BaseDataset

from eva_mm.datasets.faults import Fault, FaultLog, make_policy, read_or_replace
from eva_mm.datasets.video.lists import class_names, number_labels, read_entries
from eva_mm.registry import DATASETS


@DATASETS.register_module()
class EVAVideoDataset(BaseDataset):
    """Labelled videos for mmaction2's pipelines and recognizers.

    Large video sets always have files that are gone, empty, cut off or without pictures. By default such a video is
    replaced: in training by another one at random, in testing by the next one of the list, whose sample is then
    marked with ``unreadable=True``, so that ``eva_mm.VideoAccuracy`` leaves it out of the score.
    ``eva_mm.FaultHook`` counts, lists and limits them.

    Args:
        ann_file: Text list of ``path label`` lines as mmaction2 has it, or a csv file. Empty: ``data_prefix`` holds a
            folder of videos for each class.
        data_prefix: ``dict(video=DIR)``, what paths are relative to.
        num_frames: Frames of a clip, for ``eva_mm.SampleSegments`` without a ``clip_len`` of its own.
        policy: ``'replace'`` as above, ``'refuse'``: stop with the error, or one of them by kind of ``faults.KINDS``.
        kwargs: As for mmengine's ``BaseDataset``. ``metainfo=dict(classes=...)``, names or a file with a name per line,
            fixes the numbers of classes that are given by name; without it they are the sorted names.

    Raises:
        ValueError: Unknown ``policy``; a class is not among the known ones.
        FileNotFoundError: There is no such list, or it is empty.
        Fault: On use: by ``'refuse'``, or if no video can be read.
    """

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: Mapping[str, str] | None = None,
        num_frames: int | None = None,
        policy: Mapping[str, str] | str = 'replace',
        **kwargs,
    ) -> None:
        self.policy = make_policy(policy)
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
        """Load the list, and make room for counting what cannot be read."""
        if self._fully_initialized:
            return
        super().full_init()
        self.faults = FaultLog(['videos'], len(self))

    def _stand_ins(self, index: int) -> Iterator[int]:
        if self.test_mode:
            yield from ((index + step) % len(self) for step in range(1, len(self)))
        else:
            yield from (self._rand_another() for _ in range(self.max_refetch))

    def prepare_data(self, idx: int) -> dict:
        """The sample of video ``idx``, or of the one that replaces it.

        Raises:
            Fault: See the class.
        """
        prepare = super().prepare_data

        def read(index: int, noted: bool) -> dict:
            try:
                data = prepare(index)
            except Fault as fault:
                if noted:
                    self.faults.note(index, 0, [fault.kind], self.get_data_info(index)['filename'], str(fault))
                raise
            if self.test_mode and not noted:
                data['data_samples'].set_metainfo(dict(unreadable=True))
            return data

        return read_or_replace(read, idx, self._stand_ins(idx), self.faults, 0, self.policy)
