"""Photographs as JPEG files of the size that training sets have, made of what scikit-learn brings along."""

from pathlib import Path

SIZE = (500, 375)
QUALITY = 90
# of the side of a photograph: the views overlap, and none is enlarged
SHARE = 0.8


def write_photographs(folder: Path) -> list[Path]:
    """Write the four corners of each of two photographs, 500 x 375 pixels; returns the files.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    from PIL import Image

    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise ImportError(
            'The photographs are those of scikit-learn: install it (pip install scikit-learn), or give --images FOLDER.'
        ) from error
    files = []
    for photograph in map(Image.fromarray, load_sample_images().images):
        width, height = (round(SHARE * side) for side in photograph.size)
        for left in (0, photograph.width - width):
            for top in (0, photograph.height - height):
                view = photograph.crop((left, top, left + width, top + height))
                files.append(folder / f'{len(files)}.jpg')
                view.resize(SIZE, Image.Resampling.BICUBIC).save(files[-1], quality=QUALITY)
    return files


def find_images(folder: Path) -> list[Path]:
    """All image files below a folder, in order.

    Raises:
        FileNotFoundError: There is none.
    """
    from eva_mm.safe_io.images import IMAGE_SUFFIXES

    files = sorted(path for path in folder.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise FileNotFoundError(f'There is no image below {str(folder)!r}: give another folder with --images.')
    return files
