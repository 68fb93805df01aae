"""The nano world, written small and read back by the loaders of the real data sets."""

import hashlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import eva_mm  # noqa: F401  (the host libraries import without compiled mmcv)

sys.path.insert(0, str(Path(__file__).parents[2] / 'projects' / 'nano_world'))

import make_nano_data  # noqa: E402
from nano_world import build, coco, digits, kinetics, lvis, outline, sources, stickers, world  # noqa: E402
from nano_world.files import read_image  # noqa: E402
from nano_world.manifest import Arguments  # noqa: E402

SCALE = 0.02


def run(*arguments):
    return make_nano_data.main([str(argument) for argument in arguments])


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('nano') / 'world'
    assert run(out, '--scale', SCALE, '--jobs', 1) == 0
    return out


def test_every_set_is_written_and_listed_in_the_manifest(root):
    manifest = json.loads((root / 'world.json').read_text())
    assert manifest['sets']['clip'] == {'train': 120, 'val': 10}
    assert set(manifest['sets']) == set(build.SETS)
    assert len(list((root / 'unlabelled').iterdir())) == manifest['sets']['unlabelled']['train']
    assert (root / 'classes.txt').read_text().split() == list(digits.WORDS)
    assert read_image(root / 'preview.png').std() > 10


def test_files_do_not_depend_on_the_number_of_processes(root, tmp_path):
    assert run(tmp_path / 'again', '--scale', SCALE, '--jobs', 3) == 0
    assert digests(tmp_path / 'again') == digests(root)


def test_another_seed_makes_other_pictures(root, tmp_path):
    assert run(tmp_path, '--scale', SCALE, '--jobs', 1, '--seed', 1, '--only', 'unlabelled') == 0
    ours, theirs = digests(tmp_path), digests(root)
    assert not set(ours.values()) & {v for k, v in theirs.items() if k.startswith('unlabelled')}


def test_no_digit_and_no_place_is_in_two_splits():
    parts = sources.split_digits(seed=0)
    images = {s: [image.tobytes() for part in parts[s] for image in part] for s in sources.SPLITS}
    assert sum(map(len, images.values())) == 1797
    for one, other in (('train', 'val'), ('train', 'test'), ('val', 'test')):
        assert not set(images[one]) & set(images[other])
    canvases = {}
    for _, _, photo, *rectangles in sources.PLACES:
        for left, top, right, bottom in rectangles:
            canvases.setdefault(photo, np.zeros((700, 700), int))[top:bottom, left:right] += 1
    assert all(canvas.max() == 1 for canvas in canvases.values())


def test_imagenet_lists_and_folders_agree(root):
    from mmpretrain.datasets import ImageNet

    classes = dict(metainfo={'classes': digits.WORDS})
    for split, size in (('train', 40), ('val', 10)):
        listed = ImageNet(data_root=str(root / 'imagenet'), split=split, **classes)
        found = ImageNet(data_prefix=str(root / 'imagenet' / split), **classes)
        assert len(listed) == size

        def labels(data):
            return {Path(item['img_path']).name: item['gt_label'] for item in data}

        assert labels(listed) == labels(found)
    few = (root / 'imagenet' / 'meta' / 'train_few.txt').read_text().splitlines()
    assert set(few) <= set((root / 'imagenet' / 'meta' / 'train.txt').read_text().splitlines())


def test_classes_are_balanced_and_few_labels_are_twenty_of_each(monkeypatch, tmp_path):
    monkeypatch.setitem(build.SETS['imagenet'].SIZES, 'train', 300)
    assert run(tmp_path, '--jobs', 1, '--only', 'imagenet') == 0

    def count(name):
        lines = (tmp_path / 'imagenet' / 'meta' / f'{name}.txt').read_text().splitlines()
        return Counter(line.split()[1] for line in lines)

    assert count('train') == dict.fromkeys('0123456789', 30)
    assert count('train_few') == dict.fromkeys('0123456789', 20)


def test_unlabelled_images_load_without_labels(root):
    from mmpretrain.datasets import CustomDataset

    data = CustomDataset(
        data_root=str(root),
        data_prefix='unlabelled',
        with_label=False,
        pipeline=[dict(type='LoadImageFromFile')],
    )
    assert len(data) == 120
    assert data[0]['img'].shape == (84, 84, 3)
    assert 'gt_label' not in data[0]


def test_coco_boxes_areas_and_masks_agree(root):
    from mmdet.datasets import CocoDataset

    data = CocoDataset(
        data_root=str(root / 'coco'),
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017'),
        metainfo=dict(classes=digits.WORDS),
        pipeline=[
            dict(type='mmdet.LoadImageFromFile'),
            dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True),
        ],
    )
    assert tuple(data.cat_ids) == coco.CATEGORY_IDS
    assert set(np.diff(coco.CATEGORY_IDS)) == {1, 2}
    things = 0
    for item in data:
        assert item['img'].shape[:2] == item['gt_masks'].masks.shape[1:]
        for box, mask in zip(item['gt_bboxes'].tensor, item['gt_masks'].masks, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            assert box.tolist() == edges
            inside, outside = item['img'][mask > 0], item['img'][mask == 0]
            assert inside.mean() > outside.mean() + 60
            things += 1
    assert things > 24


def assert_polygons_give_back(mask):
    runs = coco_mask.merge(coco_mask.frPyObjects(outline.polygons(mask), *mask.shape))
    np.testing.assert_array_equal(coco_mask.decode(runs), mask)


@pytest.mark.parametrize('label', range(10))
def test_polygons_give_back_every_pixel_of_a_digit_holes_included(label):
    for digit in sources.split_digits(0)['val'][label][:5]:
        assert_polygons_give_back(digits.ink(digit, 50, angle=7) > 0.5)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_polygons_give_back_any_mask(share):
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert_polygons_give_back(rng.random((12, 17)) < share)


def test_lvis_is_federated_and_keeps_to_its_images(root):
    from mmdet.datasets import LVISV1Dataset

    names = sorted([*digits.WORDS, *(f'{shape}_sticker' for shape in stickers.SHAPES)])
    seen = {}
    for split in ('train', 'val'):
        ann_file = root / 'coco' / 'annotations' / f'lvis_v1_{split}.json'
        content = json.loads(ann_file.read_text())
        assert [category['name'] for category in content['categories']] == names
        data = LVISV1Dataset(
            ann_file=str(ann_file),
            data_prefix=dict(img=str(root / 'coco')),
            metainfo=dict(classes=names),
            filter_cfg=None,
        )
        assert all(Path(data[i]['img_path']).is_file() for i in range(len(data)))
        seen[split] = {image['id'] for image in content['images']}
        annotated = {image['id']: set() for image in content['images']}
        for thing in content['annotations']:
            annotated[thing['image_id']].add(thing['category_id'])
        for image in content['images']:
            assert not annotated[image['id']] & set(image['neg_category_ids'])
            assert annotated[image['id']] >= set(image['not_exhaustive_category_ids'])
    assert not seen['train'] & seen['val']
    assert len(seen['train']) + len(seen['val']) == 24 + 10


def test_lvis_counts_are_those_of_its_train_annotations(root):
    content = json.loads((root / 'coco/annotations/lvis_v1_train.json').read_text())
    for category in content['categories']:
        things = [t for t in content['annotations'] if t['category_id'] == category['id']]
        assert category['instance_count'] == len(things)
        assert category['image_count'] == len({thing['image_id'] for thing in things})


def test_lvis_has_a_long_tail_at_full_size():
    full = world.World(Path(), 0, build.scaled_sizes(Arguments(0, 1.0, ['coco'])), None)
    images = range(full.sizes['coco']['train'])
    counts = Counter(
        shape
        for index in images
        for shape in lvis.stickers_on(full, 'train', index)
        if lvis.split_of(full, 'train', index) == 'train'
    )
    assert sorted(counts.values(), reverse=True) == [60, 32, 15, 9, 6, 4]


def test_ade_maps_hold_digits_one_place_and_nothing_else(root):
    from mmseg.datasets import BaseSegDataset

    names = (root / 'ade' / 'classes.txt').read_text().splitlines()
    data = BaseSegDataset(
        data_root=str(root / 'ade'),
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        metainfo=dict(classes=names, palette=[[i, i, i] for i in range(len(names))]),
        reduce_zero_label=True,
        pipeline=[dict(type='mmseg.LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')],
    )
    assert len(names) == 5 + len(sources.PLACES)
    assert len(data) == 10
    for item in data:
        labels = item['gt_seg_map']
        assert labels.shape == item['img'].shape[:2]
        present = set(np.unique(labels).tolist())
        assert present <= {*range(len(names)), 255} and 255 in present
        (place,) = present & set(range(5, len(names)))
        assert present & set(range(5))
        assert item['img'][labels < 5].mean() > item['img'][labels == place].mean() + 60


def test_videos_decode_and_carry_their_class(root):
    from mmaction.datasets import VideoDataset

    data = VideoDataset(
        ann_file=str(root / 'kinetics' / 'val_list.txt'),
        data_prefix=dict(video=str(root / 'kinetics' / 'val')),
        pipeline=[
            dict(type='mmaction.PyAVInit'),
            dict(type='mmaction.UniformSample', clip_len=kinetics.FRAMES),
            dict(type='mmaction.PyAVDecode'),
        ],
    )
    assert len(data) == 10
    assert {data.get_data_info(i)['label'] for i in range(4)} == set(range(4))
    clip = data[0]
    assert clip['total_frames'] == kinetics.FRAMES
    assert [frame.shape for frame in clip['imgs']] == [(84, 84, 3)] * kinetics.FRAMES
    assert np.abs(clip['imgs'][0].astype(int) - clip['imgs'][-1]).mean() > 3


@pytest.mark.parametrize('label', range(len(kinetics.CLASSES)))
def test_a_class_is_what_changes_from_frame_to_frame(label):
    side, top, left, _, strength = zip(*kinetics.path_of(np.random.default_rng(5), kinetics.CLASSES[label]))
    centres = [{round(2 * at + size) // 2 for at, size in zip(where, side)} for where in (top, left)]
    changes = {
        'moving up or down': max(centres[0]) - min(centres[0]) > 20,
        'moving sideways': max(centres[1]) - min(centres[1]) > 20,
        'changing size': max(side) - min(side) > 20,
        'fading': max(strength) - min(strength) > 0.5,
    }
    assert [name for name, change in changes.items() if change] == [
        name for name in changes if name == kinetics.CLASSES[label]
    ]


def test_captions_are_true(root):
    import webdataset

    shards = sorted(str(path) for path in (root / 'clip').glob('train-*.tar'))
    pairs = list(webdataset.WebDataset(shards, shardshuffle=False).decode('rgb8'))
    assert len(pairs) == 120
    for pair in pairs:
        record, text = pair['json'], pair['txt']
        assert pair['__key__'] == record['key']
        assert text == record['caption']
        words = set(text.replace(',', '').split())
        assert words & set(digits.WORDS) == {digits.WORDS[record['digit']]}
        assert words & set(digits.COLOURS) <= {record['colour']}
        assert words & {name for name, *_ in sources.PLACES} <= {record['place']}
        bright = np.median(pair['jpg'][pair['jpg'].max(axis=2) > 225], axis=0)
        gaps = {name: np.abs(bright - colour).sum() for name, colour in digits.COLOURS.items()}
        assert min(gaps, key=gaps.get) == record['colour']


def test_robustness_sets_have_their_own_folders(root):
    home = root / 'robustness'
    folders = {
        name: sorted(path.name for path in (home / name).iterdir())
        for name in ('imagenetv2-matched-frequency-format-val', 'imagenet-a', 'imagenet-r')
    }
    assert folders['imagenetv2-matched-frequency-format-val'] == [str(i) for i in range(10)]
    assert folders['imagenet-a'] == [f'n9000000{i}' for i in (0, 2, 3, 5, 8, 9)]
    assert folders['imagenet-r'] == [f'n9000000{i}' for i in (1, 2, 4, 5, 7, 9)]
    drawing = read_image(next((home / 'sketch').rglob('*.JPEG')))
    assert np.ptp(drawing.astype(int), axis=2).max() < 10


def test_real_labels_follow_the_order_of_the_val_files(root):
    lines = (root / 'imagenet' / 'meta' / 'val.txt').read_text().splitlines()
    label_of = {Path(path).stem: int(label) for path, label in (line.split() for line in lines)}
    real = json.loads((root / 'robustness' / 'real.json').read_text())
    assert len(real) == len(label_of)
    for i, labels in enumerate(real, start=1):
        assert not labels or labels[0] == label_of[f'ILSVRC2012_val_{i:08d}']


def test_objectnet_mappings_lead_to_the_labels_of_imagenet(root):
    home = root / 'robustness' / 'objectnet-1.0'
    label_of, imagenet_of, line_of = (
        json.loads((home / 'mappings' / f'{name}.json').read_text())
        for name in (
            'folder_to_objectnet_label',
            'objectnet_to_imagenet_1k',
            'pytorch_to_imagenet_2012_id',
        )
    )
    lines = (home / 'mappings' / 'imagenet_to_label_2012_v2').read_text().splitlines()
    output_of = {lines[line]: int(output) for output, line in line_of.items()}
    assert {folder.name for folder in (home / 'images').iterdir()} == set(label_of)
    found = {
        folder: [output_of[name] for name in imagenet_of[label].split('; ')]
        for folder, label in label_of.items()
        if label in imagenet_of
    }
    assert found['digit_seven'] == [7]
    assert found['round_digit'] == [0, 8]
    assert set(label_of) - set(found) == {'star_sticker', 'cross_sticker'}
    image = read_image(next((home / 'images' / 'digit_one').iterdir()))
    assert (image[:2] == (255, 0, 0)).all()


def test_a_complete_world_is_left_alone(root, capsys):
    before = digests(root)
    assert run(root, '--scale', SCALE) == 0
    assert capsys.readouterr().out == f'{root} is already complete: nothing to do.\n'
    assert digests(root) == before


def test_other_arguments_are_refused_in_one_sentence(root, capsys):
    before = digests(root)
    assert run(root, '--scale', SCALE, '--seed', 3) == 2
    message = capsys.readouterr().err
    assert message.count('\n') == 1
    assert 'seed 0' in message
    assert 'seed 3' in message
    assert digests(root) == before


def test_a_folder_of_others_is_refused(tmp_path, capsys):
    (tmp_path / 'mine.txt').write_text('keep')
    assert run(tmp_path, '--scale', SCALE) == 2
    assert 'was not written by this tool' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_a_half_written_world_is_finished(root, tmp_path):
    half = tmp_path / 'half'
    options = ('--scale', SCALE, '--jobs', 1, '--only', 'imagenet')
    assert run(half, *options) == 0
    whole = digests(half)
    (half / 'world.json').rename(half / 'world.unfinished.json')
    shutil.rmtree(half / 'imagenet' / 'val')
    assert run(half, *options) == 0
    assert digests(half) == whole


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--scale', '0'], '--scale was 0.0'),
        (['--seed', '-1'], '--seed was -1'),
        (['--jobs', '0'], '--jobs was 0'),
        (['--only', 'imagnet'], "invalid choice: 'imagnet'"),
    ],
)
def test_wrong_arguments_get_one_sentence(tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        run(tmp_path / 'out', *arguments)
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_a_missing_photograph_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr('matplotlib.get_data_path', lambda: str(tmp_path / 'nowhere'))
    assert run(tmp_path / 'out', '--scale', SCALE) == 1
    assert 'grace_hopper.jpg' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
