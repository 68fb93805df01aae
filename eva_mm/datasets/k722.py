"""Kinetics-722: one data set out of the official annotations of Kinetics-400, 600 and 700.

Plain Python. ``tools/dataset_converters/make_k722.py`` is its command line.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from eva_mm.safe_io.files import read_csv
from eva_mm.safe_io.printed import printable

SETS = ('k400', 'k600', 'k700')
SPLITS = ('train', 'val')
COLUMNS = ('label', 'youtube_id', 'time_start', 'time_end')

# Kinetics-400's names of two classes that the later sets have under another name. The release counts them as one: the
# sorted union of the three sets has 724 names, Kinetics-722 has two fewer.
RENAMED = {
    'changing wheel': 'changing wheel (not on bike)',
    'cooking sausages': 'cooking sausages (not on barbeque)',
}

# where two sets spell a class differently, the later set is right
SPELLING_SETS = ('k700', 'k600', 'k400')


class Clip(NamedTuple):
    """One line of an official csv file.

    Attributes:
        dataset: Name of the set, one of :data:`SETS`.
        split: ``'train'`` or ``'val'``.
        label: Class as the file spells it.
        youtube_id: Eleven characters that name the source video.
        start, end: Seconds.
    """

    dataset: str
    split: str
    label: str
    youtube_id: str
    start: int
    end: int


def _letters(name: str) -> str:
    """Letters and digits of a name, in lower case."""
    return re.sub(r'[^a-z0-9]', '', name.lower())


_LATER_KEY = {_letters(old): _letters(new) for old, new in RENAMED.items()}


def class_key(name: str) -> str:
    """What all spellings of a class have in common: letters and digits of its name, of the later name if renamed."""
    key = _letters(name)
    return _LATER_KEY.get(key, key)


def read_annotations(path: Path, dataset: str, split: str) -> list[Clip]:
    """Read an official csv file; its columns may come in any order and others are left alone.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing, or a line has no label, id or times.
    """
    if not path.is_file():
        raise FileNotFoundError(f'There is no annotation file {path}: download the official csv of {dataset} {split}.')
    rows = read_csv(path)
    _, header = next(rows, (0, []))
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ValueError(
            f'{path} has no column {missing[0]!r} but {printable(str(header))}: give the official file with labels.'
        )
    clips = []
    for number, cells in rows:
        row = dict(zip(header, cells))
        if not cells:
            continue
        try:
            times = [int(float(row[name])) for name in COLUMNS[2:]]
        except (KeyError, ValueError, OverflowError):
            times = None
        if times is None or not row.get('label') or not row.get('youtube_id'):
            raise ValueError(
                f'Line {number} of {path} is incomplete: expected {", ".join(COLUMNS)}; download the file again.'
            )
        clips.append(Clip(dataset, split, row['label'].strip(), row['youtube_id'].strip(), *times))
    return clips


@dataclass
class Counts:
    """What was taken and what was left out, by list."""

    kept: Counter = field(default_factory=Counter)
    leaked: Counter = field(default_factory=Counter)
    duplicates: Counter = field(default_factory=Counter)
    relabelled: Counter = field(default_factory=Counter)
    no_file: Counter = field(default_factory=Counter)

    def table(self) -> str:
        """One line per list."""
        columns = list(self.__dict__)
        lines = [f'{"list":<12}' + ''.join(f'{name.replace("_", " "):>15}' for name in columns)]
        for name in sorted({name for counter in self.__dict__.values() for name in counter}):
            lines.append(f'{name:<12}' + ''.join(f'{getattr(self, column)[name]:>15,}' for column in columns))
        return '\n'.join(lines)


class Kinetics:
    """Class names and clips of the three sets, and what is made of them.

    Clips of a set are ordered by class name, as the release's folders are; within a class by their place in the file.

    Args:
        clips: By (set, split).

    Attributes:
        classes: Class names by set, ``'k722'`` among them, in the order of the labels.

    Raises:
        ValueError: One of :data:`SETS` has no clips.
    """

    def __init__(self, clips: Mapping[tuple[str, str], Sequence[Clip]]) -> None:
        self.clips = {key: sorted(some, key=lambda clip: clip.label) for key, some in clips.items()}
        self.counts = Counts()
        # key of a class -> spelling -> sets that have it
        self.spellings: dict[str, dict[str, set[str]]] = {}
        for clip in self._all(SETS, SPLITS):
            self.spellings.setdefault(class_key(clip.label), {}).setdefault(clip.label, set()).add(clip.dataset)
        self.classes: dict[str, list[str]] = {name: self._classes_of([name]) for name in SETS}
        for name in SETS:
            if not self.classes[name]:
                raise ValueError(f'No clips of {name}: K-722 has the classes of {", ".join(SETS)}; pass all csv files.')
        self.classes['k722'] = self._classes_of(SETS)

    def _all(self, sets: Iterable[str], splits: Iterable[str]) -> list[Clip]:
        return [clip for name in sets for split in splits for clip in self.clips.get((name, split), ())]

    def _spelling(self, key: str) -> str:
        for name in SPELLING_SETS:
            spelt = sorted(label for label, sets in self.spellings[key].items() if name in sets)
            if spelt:
                return spelt[0]
        raise KeyError(key)

    def _classes_of(self, sets: Collection[str]) -> list[str]:
        """Sorted class names of some sets."""
        keys = {key for key, labels in self.spellings.items() if any(s & set(sets) for s in labels.values())}
        return sorted(self._spelling(key) for key in keys)

    def variants(self) -> list[tuple[str, list[str]]]:
        """Classes that are spelt in several ways: the name taken, and all spellings."""
        return sorted(
            (self._spelling(key), sorted(labels)) for key, labels in self.spellings.items() if len(labels) > 1
        )

    def rows(self, dataset: str) -> list[int]:
        """For each class of ``dataset`` its row in the classifier of K-722."""
        row_of = {name: row for row, name in enumerate(self.classes['k722'])}
        return [row_of[name] for name in self.classes[dataset]]

    def ids(self, sets: Iterable[str], split: str) -> set[str]:
        """YouTube ids of some sets."""
        return {clip.youtube_id for clip in self._all(sets, [split])}

    def own_list(self, dataset: str, split: str, filter_leaks: bool = True) -> list[tuple[Clip, int]]:
        """Clips of one set with its own labels, each YouTube id once.

        Training clips of the set's own validation videos are dropped.
        """
        leaks = self.ids([dataset], 'val') if split == 'train' and filter_leaks else set()
        return self._label(f'{dataset} {split}', self.classes[dataset], self._all([dataset], [split]), leaks)

    def merged_list(self, split: str) -> list[tuple[Clip, int]]:
        """Clips of all sets with the labels of K-722, each YouTube id once: that of the first set, 400, 600, 700.

        Training clips of any validation video of any set are dropped.
        """
        leaks = self.ids(SETS, 'val') if split == 'train' else set()
        return self._label(f'k722 {split}', self.classes['k722'], self._all(SETS, [split]), leaks)

    def _label(
        self, name: str, classes: Sequence[str], clips: Sequence[Clip], leaks: Collection[str]
    ) -> list[tuple[Clip, int]]:
        label_of = {class_key(label): number for number, label in enumerate(classes)}
        taken: dict[str, str] = {}
        kept = []
        for clip in clips:
            key = class_key(clip.label)
            if clip.youtube_id in leaks:
                self.counts.leaked[name] += 1
            elif clip.youtube_id in taken:
                self.counts.duplicates[name] += 1
                self.counts.relabelled[name] += taken[clip.youtube_id] != key
            else:
                taken[clip.youtube_id] = key
                kept.append((clip, label_of[key]))
        self.counts.kept[name] += len(kept)
        return kept


def file_name(clip: Clip, template: str) -> str:
    """Path of a clip below the folder of all sets; ``template`` has the fields of :class:`Clip`.

    Raises:
        ValueError: The template has another field.
    """
    try:
        return template.format(**clip._asdict())
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f'The file name template {template!r} cannot be filled ({error}): its fields are '
            f'{", ".join(Clip._fields)}, for instance {{start:06d}}.'
        ) from error
