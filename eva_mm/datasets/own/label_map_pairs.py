"""Which label map belongs to which image: one rule for the inspection and for the data set behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eva_mm.safe_io.folders import Listing, list_files
from eva_mm.safe_io.images import IMAGE_SUFFIXES
from eva_mm.safe_io.printed import quoted

# lossless formats: JPEG would blur the numbers
MAP_SUFFIXES = ('.png', '.tif', '.tiff', '.bmp', '.gif', '.webp')
# what may stand between the name of an image and the rest of its map's name
_JOINTS = '_-.'


@dataclass(frozen=True)
class Pairs:
    """Images with their label maps.

    Attributes:
        files: (image, map), sorted by image.
        listing: What else lies in the two folders, counted.
    """

    files: list[tuple[Path, Path]]
    listing: Listing


def _by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Files by their path below ``folder`` without suffix."""
    named: dict[str, Path] = {}
    for path in files:
        name = path.relative_to(folder).with_suffix('').as_posix()
        if name in named:
            raise ValueError(f'{named[name]} and {path} differ in their suffix alone: remove one of them.')
        named[name] = path
    return named


def _ending(images: dict[str, Path], maps: dict[str, Path], folder: Path) -> str:
    """What the names of all maps have behind those of their images, such as ``'_mask'``; usually nothing."""
    if all(name in maps for name in images):
        return ''
    first = next(iter(images))
    endings = {name.removeprefix(first) for name in maps if name.startswith(first)}
    endings = {each for each in endings if each and each[0] in _JOINTS}
    whole = sorted(each for each in endings if all(name + each in maps for name in images))
    if len(whole) > 1:
        raise ValueError(
            f'{folder} has several maps of each image, that end in {", ".join(map(quoted, whole))}: keep those of one '
            'kind there.'
        )
    return whole[0] if whole else ''


def pair_label_maps(images: Path, maps: Path) -> Pairs:
    """Find the label map of each image below a folder.

    A map has the path of its image, with any lossless suffix and one ending that all maps share (``x.jpg`` and
    ``x_mask.png``). Images may have different suffixes.

    Args:
        images: Folder of images.
        maps: Folder of their label maps.

    Raises:
        FileNotFoundError: There are no images, or one has no map.
        ValueError: Two files differ in their suffix alone, or images have several maps each.
    """
    found, known = list_files(images, IMAGE_SUFFIXES), list_files(maps, MAP_SUFFIXES)
    listing = Listing.joined((Listing([], found.skipped, found.examples), Listing([], known.skipped, known.examples)))
    if not found.files:
        raise FileNotFoundError(f'{images} holds no images ({", ".join(sorted(IMAGE_SUFFIXES))}). {listing.remark()}')
    by_image, by_map = _by_name(images, found.files), _by_name(maps, known.files)
    ending = _ending(by_image, by_map, maps)
    for name, image in by_image.items():
        if name + ending not in by_map:
            wanted = maps / f'{name}{ending}{MAP_SUFFIXES[0]}'
            raise FileNotFoundError(f'{image} has no label map: expected {wanted}. {listing.remark()}'.strip())
    for name, path in by_map.items():
        if name.removesuffix(ending) not in by_image:
            listing.skip('maps without an image', path)
    return Pairs([(image, by_map[name + ending]) for name, image in by_image.items()], listing)
