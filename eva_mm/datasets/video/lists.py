"""Lists of labelled videos: mmaction2's text lists, csv files, and folders named as the classes."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from eva_mm.safe_io.files import read_csv, read_lines
from eva_mm.safe_io.folders import Listing, list_files
from eva_mm.safe_io.printed import printable, quoted

SUFFIXES = ('.mp4', '.avi', '.mkv', '.webm', '.mov', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.ts')
PATH_COLUMNS = ('path', 'filename', 'file', 'video')
LABEL_COLUMNS = ('label', 'class', 'category')

# label of a video whose class is not known
NO_LABEL = -1

# a path and its class, by number or by name
Entry = tuple[str, int | str]


def _label(text: str) -> int | str:
    text = text.strip()
    return int(text) if re.fullmatch('-?[0-9]{1,9}', text) else text


def read_text_list(path: Path) -> list[Entry]:
    """Lines of ``path label``. The path may have spaces; a line without number at its end has no label."""
    entries: list[Entry] = []
    for line in read_lines(path):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(' ')
        has_label = bool(name) and isinstance(_label(label), int)
        entries.append((name.strip(), _label(label)) if has_label else (line.strip(), NO_LABEL))
    return entries


def read_csv_list(path: Path) -> list[Entry]:
    """A csv file with a column of :data:`PATH_COLUMNS` and one of :data:`LABEL_COLUMNS`, or two columns without names.

    Raises:
        ValueError: It has neither, or a line is too short.
    """
    numbered = [(number, row) for number, row in read_csv(path) if row]
    rows = [row for _, row in numbered]
    header = [name.strip().lower() for name in rows[0]] if rows else []
    paths = [header.index(name) for name in PATH_COLUMNS if name in header]
    labels = [header.index(name) for name in LABEL_COLUMNS if name in header]
    if paths and labels:
        columns, numbered = (paths[0], labels[0]), numbered[1:]
    elif len(header) == 2 and Path(rows[0][0]).suffix.lower() in SUFFIXES:
        columns = (0, 1)
    else:
        raise ValueError(
            f'{path} has the columns {printable(", ".join(header)) or "none"}: expected one of '
            f'{", ".join(PATH_COLUMNS)} and one of {", ".join(LABEL_COLUMNS)}.'
        )
    entries = []
    for number, row in numbered:
        if len(row) <= max(columns) or not row[columns[0]].strip() or not row[columns[1]].strip():
            raise ValueError(
                f'{path}, line {number}: {quoted(",".join(row))} lacks a path or a label; write "path,label".'
            )
        entries.append((row[columns[0]].strip(), _label(row[columns[1]])))
    return entries


def class_folders(root: Path) -> list[str]:
    """Names of the folders in ``root``, sorted; each is a class.

    Raises:
        FileNotFoundError: ``root`` does not exist or holds no folders.
    """
    folders = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    if not folders:
        raise FileNotFoundError(f'{root} holds no folders: expected one folder of videos for each class.')
    return folders


def read_class_folders(root: Path) -> list[Entry]:
    """Videos below the class folders of ``root``, paths relative to it; what is left out is logged."""
    listings = {name: list_files(root / name, SUFFIXES) for name in class_folders(root)}
    if remark := Listing.joined(listings.values()).remark():
        print_log(f'{root}: {remark}', logger='current', level=logging.WARNING)
    return [(str(file.relative_to(root)), name) for name, listing in listings.items() for file in listing.files]


def read_entries(source: Path) -> list[Entry]:
    """Videos and labels of a folder of classes, a csv file or a text list.

    Raises:
        FileNotFoundError: There is no such file or folder, or it holds no videos.
        ValueError: The csv file has other columns.
    """
    if source.is_dir():
        entries = read_class_folders(source)
    elif source.is_file():
        entries = read_csv_list(source) if source.suffix.lower() == '.csv' else read_text_list(source)
    else:
        raise FileNotFoundError(f'There is no list of videos {source}: give a list, a csv file or a folder of classes.')
    if not entries:
        raise FileNotFoundError(f'{source} holds no videos: expected files of the kinds {", ".join(SUFFIXES)}.')
    return entries


def class_names(entries: Sequence[Entry]) -> list[str]:
    """Sorted names of the classes that entries give by name."""
    return sorted({label for _, label in entries if isinstance(label, str)})


def number_labels(entries: Sequence[Entry], classes: Sequence[str]) -> list[tuple[str, int]]:
    """Entries with every label as a number into ``classes``.

    Raises:
        ValueError: A name is not among ``classes``, or a number goes beyond them.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    unknown = sorted({label for _, label in entries if isinstance(label, str) and label not in numbers})
    if unknown:
        raise ValueError(
            f'{len(unknown)} classes are not among the {len(numbers)} known ones, the first is {unknown[0]!r}: '
            'rename it, or train with a list of classes that has it.'
        )
    largest = max((label for _, label in entries if isinstance(label, int)), default=NO_LABEL)
    if classes and largest >= len(classes):
        raise ValueError(
            f'The list has class {largest}, but there are {len(classes)} classes, 0 to {len(classes) - 1}: '
            'give the list of classes that belongs to it.'
        )
    return [(path, numbers.get(label, label)) for path, label in entries]
