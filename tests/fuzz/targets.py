"""What is fuzzed: for each kind of file sound examples, how they are damaged, and every reader that takes them."""

import csv
import gzip
import io
import json
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hostile import Call, saved
from mutate import damaged_bytes, damaged_tree
from PIL import Image

ROOT = Path(__file__).parents[2]
ARCH = dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16)


def host(read: Callable[[], Any]) -> Callable[[], Any]:
    """A reader of a host, which may raise what it likes; the process has to live, and end in time, and run no code."""

    def quiet() -> Any:
        try:
            return read()
        except Exception as error:
            raise ValueError(f'{type(error).__name__} of a host') from error

    return quiet


def _image(kind: str = 'PNG', size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(size).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def _refuse(problem: str) -> None:
    if problem:
        raise ValueError(problem)


class Target:
    """One kind of file.

    Args:
        folder: Where its files are written; the working directory of the cases.
        canary: What hostile files would make.
    """

    name = ''

    def __init__(self, folder: Path, canary: Path) -> None:
        self.folder, self.canary = folder, canary

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        """Write the file of a case, and give what reads it. A reader may raise ``ValueError`` or ``OSError``."""
        raise NotImplementedError

    def write(self, name: str, content: bytes) -> Path:
        """A new file: a mapped one must not be written to."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        return path


@cache
def _small_model() -> Any:
    from eva_mm.models.backbones import EVAViT

    return EVAViT(arch=ARCH, img_size=28, patch_size=14)


class Checkpoints(Target):
    """Files of torch, old and new, safetensors, checkpoints of a runner, and pickles with calls in them."""

    name = 'checkpoint'

    def __init__(self, folder: Path, canary: Path) -> None:
        super().__init__(folder, canary)
        from mmengine.logging.history_buffer import HistoryBuffer
        from safetensors.torch import save

        weights = {name: tensor.clone() for name, tensor in _small_model().state_dict().items()}
        run = {'state_dict': weights, 'meta': {'iter': 3, 'epoch': 1, 'cfg': 'a = 1'}, 'optimizer': {'state': {}},
               'message_hub': {'log_scalars': {'loss': HistoryBuffer([1, 2], [1, 1])}}}  # fmt: skip
        old = io.BytesIO()
        torch.save({'model': weights}, old, _use_new_zipfile_serialization=False)
        calls = [Call(os.mkdir, str(canary)), Call(os.system, f'touch {canary}'),
                 Call(eval, f'open({str(canary)!r}, "w")')]  # fmt: skip
        self.sound = [saved({'model': weights}), saved(run), old.getvalue(), save(weights),
                      save(weights, {'checksum': 'crc32:00000000'}),
                      *(saved({'state_dict': weights, 'x': call}) for call in calls)]  # fmt: skip

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from mmengine.runner.checkpoint import _load_checkpoint

        from eva_mm.checkpoint import convert_state_dict, read_checkpoint
        from eva_mm.safe_io.weights import find_corruption

        suffix = rng.choice(('.pth', '.pt', '.safetensors'))
        path = self.write(f'x{suffix}', damaged_bytes(rng, rng.choice(self.sound)))
        target = _small_model().state_dict()
        yield lambda: convert_state_dict(read_checkpoint(path), 'classification', target=target, grid=(2, 2))
        yield lambda: _refuse(find_corruption(path))
        yield lambda: _load_checkpoint(str(path), map_location='cpu')


class CarriedConfigs(Target):
    """Configs in checkpoints: damaged text, and trees in which types and values are replaced by hostile ones."""

    name = 'config'
    commands = (
        dict(type='os.mkdir', path='canary'), dict(type='os.system', command='touch canary'), 'os.system',
        dict(type='builtins.eval', source='__import__("os").mkdir("canary")'), "__import__('os').mkdir('canary')",
        dict(type='Pretrained', checkpoint='http://127.0.0.1:1/x.pth'), dict(type='eva_mm.EVAViT', arch='nano'),
        dict(type='mmengine.utils.call_command', cmd=['touch', 'canary']), dict(_scope_='os', type='system'), 10**9,
        'x.pkl', 'builtins.exec',
    )  # fmt: skip

    def __init__(self, folder: Path, canary: Path) -> None:
        super().__init__(folder, canary)
        from eva_mm.apis import get_model
        from eva_mm.apis.config import load_config

        paths = [ROOT / f'configs/nano/{name}.py' for name in ('classification', 'detection', 'segmentation')]
        configs = [load_config(str(path)) for path in paths]
        self.texts = [cfg.pretty_text for cfg in configs]
        keys = ('default_scope', 'model', 'test_dataloader', 'test_evaluator')
        plain = ({key: cfg.to_dict()[key] for key in keys if key in cfg} for cfg in configs)
        self.trees = [json.loads(json.dumps(tree)) for tree in plain]
        self.weights = get_model(paths[0]).state_dict()

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from eva_mm.apis import build_inferencer
        from eva_mm.apis.publish import publish

        if rng.random() < 0.3:
            text = damaged_bytes(rng, rng.choice(self.texts).encode()).decode(errors='replace')
        else:
            tree = damaged_tree(rng, rng.choice(self.trees), self.commands)
            lines = (f'{key} = {value!r}' for key, value in tree.items()) if isinstance(tree, dict) else [repr(tree)]
            text = '\n'.join(lines).replace('nan', '-1').replace('inf', '9')
        content = {'state_dict': self.weights, 'meta': {'cfg': text, 'dataset_meta': {'classes': tuple('0123456789')}}}
        path = self.write('x.pth', saved(content))
        out = self.folder / 'out.pth'
        out.unlink(missing_ok=True)
        yield lambda: publish(path, out)
        yield lambda: build_inferencer(path)


class CocoFiles(Target):
    """Annotation files of COCO and LVIS; masks are made of those that are accepted."""

    name = 'coco'
    content = {
        'images': [{'id': 1, 'file_name': 'a.png', 'height': 20, 'width': 30, 'coco_url': 'x/a.png',
                    'neg_category_ids': [5], 'not_exhaustive_category_ids': []}],
        'annotations': [
            {'id': 1, 'image_id': 1, 'category_id': 5, 'bbox': [1, 2, 5.5, 4], 'area': 22.0, 'iscrowd': 0,
             'segmentation': [[1, 2, 6, 2, 6, 6, 1, 6]]},
            {'id': 2, 'image_id': 1, 'category_id': 5, 'bbox': [0, 0, 3, 3], 'area': 9, 'iscrowd': 1,
             'segmentation': {'counts': [0, 9, 591], 'size': [20, 30]}},
            {'id': 3, 'image_id': 1, 'category_id': 5, 'bbox': [0, 0, 3, 3], 'area': 9, 'iscrowd': 0,
             'segmentation': {'counts': 'n15?000000000000000V;', 'size': [20, 30]}},
        ],
        'categories': [{'id': 5, 'name': 'cat', 'frequency': 'f', 'synset': 'cat.n.01'}],
    }  # fmt: skip

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from lvis import LVIS
        from pycocotools.coco import COCO

        from eva_mm.datasets.own.coco import inspect_coco

        if rng.random() < 0.3:
            content = damaged_bytes(rng, json.dumps(self.content).encode())
        else:
            content = json.dumps(damaged_tree(rng, self.content)).encode()
        path = self.write('x.json', content)

        def masks(kind: type) -> None:
            parsed = kind(str(path))
            to_mask = parsed.annToMask if kind is COCO else parsed.ann_to_mask
            for annotation in parsed.anns.values():
                to_mask(annotation)

        yield lambda: inspect_coco(path, with_masks=True, evaluated=True)
        yield host(lambda: masks(COCO))
        yield host(lambda: masks(LVIS))


class RunLengths(Target):
    """Run-length codes and polygons; what is accepted goes to pycocotools' C code."""

    name = 'rle'

    def _code(self, rng: random.Random) -> dict:
        from pycocotools import mask

        odd = (1, 3, 8, 40, 0, -1, 2**31)
        size = [rng.choice(odd) if rng.random() < 0.2 else rng.randrange(1, 30) for _ in range(2)]
        kind = rng.randrange(4)
        if kind == 0:
            text = bytes(rng.randrange(46, 114) for _ in range(rng.randrange(12)))
            return dict(size=size, counts=rng.choice((text, text.decode())))
        if kind == 1 and 0 < size[0] < 99 and 0 < size[1] < 99:
            drawn = np.asfortranarray(np.frombuffer(rng.randbytes(size[0] * size[1]), np.uint8).reshape(size) > 99)
            text = bytearray(mask.encode(drawn.astype(np.uint8))['counts'])
            if rng.random() < 0.5:
                text[rng.randrange(len(text))] = rng.randrange(46, 114)
            return dict(size=size, counts=bytes(text))
        left, counts = max(size[0] * size[1], 0), []
        while left > 0 and len(counts) < 9:
            counts.append(min(left, rng.randrange(0, 40)))
            left -= counts[-1]
        counts.append(left)
        if rng.random() < 0.5:
            counts[rng.randrange(len(counts))] = rng.choice((-1, 0, 5, 2**31, 2**32, 2**64, 1.5, True))
        return dict(size=size, counts=counts)

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from pycocotools import mask

        from eva_mm.safe_io.coco import segmentation_problem

        codes = [self._code(rng) for _ in range(2)]
        numbers = (0, 1, 5.5, 30, -4, 1e5, 1e9, float('nan'), float('inf'), 10**400, 'x', None)
        polygon = [rng.choice(numbers) if rng.random() < 0.1 else rng.uniform(-5, 40) for _ in range(rng.randrange(14))]

        def use(code: dict) -> None:
            packed = mask.frPyObjects(code, *code['size']) if isinstance(code['counts'], list) else code
            mask.decode(packed)
            mask.area(packed)
            mask.toBbox(packed)
            mask.merge([packed, packed])
            mask.iou([packed], [packed], [0])

        for code in codes:
            problem = segmentation_problem(code)
            yield lambda problem=problem: _refuse(problem)
            if not problem:
                yield host(lambda code=code: use(code))
        yield host(lambda: mask.decode(mask.frPyObjects([polygon], 20, 30)))


def tar_of(form: int) -> bytes:
    """Three pairs and a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=form) as archive:
        for number, kind in enumerate(('JPEG', 'PNG', 'WEBP')):
            for name, content in ((f'{number}.{kind.lower()}', _image(kind)), (f'{number}.txt', b'a digit')):
                member = tarfile.TarInfo(
                    name if number else name.rjust(90 if form == tarfile.USTAR_FORMAT else 150, 'x')
                )
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo('link.jpg')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
        archive.addfile(link)
    return buffer.getvalue()


def _read_container(folder: Path, name: str, kind: int) -> None:
    from eva_mm.datasets.merged.containers import Container
    from eva_mm.datasets.merged.decode import decode
    from eva_mm.datasets.merged.files import Files
    from eva_mm.datasets.merged.index import name_of, read_place
    from eva_mm.datasets.merged.pack import index_in_memory
    from eva_mm.datasets.merged.scan import scan

    container = Container(0, kind, name)
    index, files = index_in_memory(['a'], [(container, scan(str(folder), container))]), Files()
    decoded = 0
    for number in range(min(len(index), 8)):
        place = index.locate(number)
        with suppress(ValueError):
            shown, suffix = name_of(str(folder), place, files)
            decode(read_place(str(folder), place, files), shown, suffix)
            decoded += 1
    _refuse('' if decoded else 'no image')


class Shards(Target):
    """Tar shards, plain and compressed, read as pairs and as images."""

    name = 'shard'

    def __init__(self, folder: Path, canary: Path) -> None:
        super().__init__(folder, canary)
        plain = [tar_of(form) for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]
        self.plain = plain

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from eva_mm.datasets.image_text.shards import ImageTextShards
        from eva_mm.datasets.image_text.stream import unpack
        from eva_mm.datasets.merged.containers import TAR

        content = damaged_bytes(rng, rng.choice(self.plain))
        if rng.random() < 0.3:
            content = gzip.compress(content, 1)
            content = damaged_bytes(rng, content) if rng.random() < 0.5 else content
        name = rng.choice(('x.tar', 'pipe:touch canary.tar'))
        path = self.write(name, content)

        def pairs() -> None:
            found = [unpack(raw) for raw in ImageTextShards.__new__(ImageTextShards).read_shard(str(path))]
            _refuse('' if any(found) else 'no pair')

        yield pairs
        yield lambda: _read_container(self.folder, name, TAR)


class Zips(Target):
    """Zip archives: of images, of torch and of TorchScript."""

    name = 'zip'

    def __init__(self, folder: Path, canary: Path) -> None:
        super().__init__(folder, canary)
        images, script = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(images, 'w') as archive:
            for number, kind in enumerate(('JPEG', 'PNG', 'WEBP')):
                how = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2]
                archive.writestr(f'{number}.{kind.lower()}', _image(kind), how)
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), script)
        self.sound = [images.getvalue(), images.getvalue(), saved({'w': torch.ones(9)}), script.getvalue()]

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from eva_mm.checkpoint.torchscript import is_torchscript, read_torchscript
        from eva_mm.datasets.merged.containers import ZIP
        from eva_mm.safe_io.weights import read_weights

        path = self.write('x.zip', damaged_bytes(rng, rng.choice(self.sound)))
        yield lambda: _read_container(self.folder, 'x.zip', ZIP)
        yield lambda: read_weights(path)
        if is_torchscript(path):
            yield lambda: read_torchscript(path)


class Tables(Target):
    """Csv files and lists, read as pairs, videos, annotations of Kinetics, row maps and class lists."""

    name = 'csv'
    rows = [
        ['filepath', 'title', 'label', 'youtube_id', 'time_start', 'time_end'],
        *([f'{number}.mp4', f'number "{number}"', str(number % 2), 'x' * 11, '1', '2'] for number in range(4)),
    ]

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        from eva_mm.checkpoint.class_rows import read_class_rows
        from eva_mm.datasets.image_text.csv_pairs import ImageTextCSV
        from eva_mm.datasets.k722 import read_annotations
        from eva_mm.datasets.merged.containers import find_containers
        from eva_mm.datasets.own.segmentation import _class_list
        from eva_mm.datasets.video.lists import read_csv_list, read_text_list

        text = io.StringIO()
        csv.writer(text, delimiter=rng.choice(',\t;')).writerows(self.rows)
        encoding = rng.choice(('utf-8', 'utf-8-sig', 'utf-16', 'latin-1'))
        content = text.getvalue().encode(encoding)
        content = rng.choice((content, b'0 archery\n1 bowling\n', b'road\t1 2 3\nsky\t4 5 6\n'))
        path = self.write('classes.txt', damaged_bytes(rng, content))
        yield lambda: ImageTextCSV('classes.txt', [], data_root=str(self.folder), delimiter=rng.choice(',\t'))
        yield lambda: read_csv_list(path)
        yield lambda: read_text_list(path)
        yield lambda: read_annotations(path, 'k400', 'train')
        yield lambda: read_class_rows(path)
        yield lambda: _class_list(self.folder)
        yield lambda: list(find_containers(str(self.folder), {'a': 'classes.txt'}))


class Images(Target):
    """Images of every format, decoded by Pillow and by OpenCV."""

    name = 'image'

    def __init__(self, folder: Path, canary: Path) -> None:
        super().__init__(folder, canary)
        self.sound = [_image(kind, 16) for kind in ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM')]

    def readers(self, rng: random.Random) -> Iterator[Callable[[], Any]]:
        import mmcv

        from eva_mm.datasets.merged.decode import decode

        content = damaged_bytes(rng, rng.choice(self.sound))
        yield lambda: decode(content, 'x.jpg', '.jpg', exif='apply')
        yield host(lambda: mmcv.imfrombytes(content))


_KINDS = (Checkpoints, CarriedConfigs, CocoFiles, RunLengths, Shards, Zips, Tables, Images)
TARGETS = {kind.name: kind for kind in _KINDS}
