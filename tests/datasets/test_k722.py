"""The official class names, and synthetic annotations in the official columns with one planted case of everything."""

import hashlib
from pathlib import Path

import pytest

from eva_mm.datasets.k722 import Clip, Kinetics, class_key, file_name, read_annotations

# names of the classes as the official annotations of the three sets spell them
NAMES = Path(__file__).parents[1] / 'data' / 'kinetics'
# SHA-256 of the 722 names of the release's own list, joined by line feeds
RELEASED_LIST = '86a6cdd8039e3447b93d16116f997dcb111cf8a44949ee68767cb9360d95100e'

# label, id; K400's official files have one more column than the others
K400_TRAIN = [
    ('archery', 'a400_______'),
    ('passing American football (in game)', 'b400_______'),
    ('vault', 'c400_______'),  # a class that only Kinetics-400 has
    ('archery', 'dup_________'),  # again in Kinetics-600 and 700
    ('archery', 'leak4______'),  # validates Kinetics-400 itself
    ('archery', 'leak6______'),  # validates Kinetics-600
]
K600_TRAIN = [
    ('archery', 'dup_________'),
    ('passing american football (in game)', 'a600_______'),  # another case
    ('bull fighting', 'b600_______'),  # a class that only Kinetics-600 has, out of order
    ('archery', 'leak6______'),
    ('tai chi', 'moved______'),  # another class in Kinetics-700
    ('tai  chi', 'c600_______'),  # another spacing
]
K700_TRAIN = [
    ('archery', 'dup_________'),
    ('archery', 'dup_________'),  # twice in one file
    ('tai-chi', 'a700_______'),  # another punctuation
    ('arresting', 'moved______'),
    ('arresting', 'leak7______'),
    ('arresting', 'leak4______'),
    ('archery', 'b700_______'),
]
VAL = {
    'k400': [('archery', 'leak4______'), ('vault', 'v400_______')],
    'k600': [('archery', 'leak6______'), ('bull fighting', 'v600_______'), ('archery', 'v400_______')],
    'k700': [('arresting', 'leak7______'), ('tai chi', 'v700_______')],
}
TRAIN = {'k400': K400_TRAIN, 'k600': K600_TRAIN, 'k700': K700_TRAIN}


def write_csv(path, rows, extra=False):
    header = 'label,youtube_id,time_start,time_end,split' + (',is_cc' if extra else '')
    lines = [f'"{label}",{youtube_id},5,15,train' + (',0' if extra else '') for label, youtube_id in rows]
    path.write_text('\n'.join([header, *lines]) + '\n')


@pytest.fixture
def folder(tmp_path):
    for name in TRAIN:
        write_csv(tmp_path / f'{name}_train.csv', TRAIN[name], extra=name == 'k400')
        write_csv(tmp_path / f'{name}_val.csv', VAL[name], extra=name == 'k400')
    return tmp_path


@pytest.fixture
def kinetics(folder):
    return Kinetics({
        (name, split): read_annotations(folder / f'{name}_{split}.csv', name, split)
        for name in TRAIN for split in ('train', 'val')
    })  # fmt: skip


def ids(clips):
    return [clip.youtube_id.strip('_') for clip, _ in clips]


@pytest.fixture(scope='module')
def official():
    return Kinetics({
        (name, 'val'): [Clip(name, 'val', label, f'{name}{index:07d}', 0, 10) for index, label in
                        enumerate((NAMES / f'{name}.txt').read_text().splitlines())]
        for name in TRAIN
    })  # fmt: skip


def test_the_722_classes_are_those_of_the_release(official):
    """The sorted union of the three sets, two classes of Kinetics-400 under their later names."""
    classes = official.classes['k722']
    assert len(classes) == 722
    assert hashlib.sha256('\n'.join(classes).encode()).hexdigest() == RELEASED_LIST
    assert classes[67] == 'bull fighting' and classes[103] == 'chopping vegetables'
    assert 'changing wheel' not in classes and 'cooking sausages' not in classes


@pytest.mark.parametrize(
    ('dataset', 'known'),
    [
        ('k400', {'abseiling': 0, 'changing wheel (not on bike)': 94, 'vault': 684, 'zumba': 721}),
        ('k600', {'bull fighting': 67, 'chopping vegetables': 103, 'passing American football (not in game)': 366}),
        ('k700', {'acting in play': 1, 'cooking sausages (not on barbeque)': 126, 'zumba': 721}),
    ],
)
def test_every_class_of_the_three_sets_has_its_row_in_the_released_classifier(official, dataset, known):
    """Rows ascend, as in the release's mapping files: labels of a set follow the order of the 722 names."""
    rows = official.rows(dataset)
    assert len(rows) == int(dataset[1:]) and rows == sorted(set(rows))
    assert {name: rows[official.classes[dataset].index(name)] for name in known} == known
    spelt = (NAMES / f'{dataset}.txt').read_text().splitlines()
    assert [class_key(official.classes['k722'][row]) for row in rows] == [class_key(name) for name in spelt]


def test_classes_are_the_sorted_union_without_spelling_variants(kinetics):
    """Kinetics-700's spelling counts, then 600's, then 400's."""
    assert kinetics.classes['k722'] == [
        'archery', 'arresting', 'bull fighting', 'passing american football (in game)', 'tai chi', 'vault'
    ]  # fmt: skip
    assert kinetics.classes['k600'] == [
        'archery', 'bull fighting', 'passing american football (in game)', 'tai chi'
    ]  # fmt: skip
    assert kinetics.variants() == [
        ('passing american football (in game)',
         ['passing American football (in game)', 'passing american football (in game)']),
        ('tai chi', ['tai  chi', 'tai chi', 'tai-chi']),
    ]  # fmt: skip


def test_rows_point_to_the_same_class(kinetics):
    assert kinetics.rows('k400') == [0, 3, 5]
    assert kinetics.rows('k600') == [0, 2, 3, 4]
    assert kinetics.rows('k700') == [0, 1, 4]
    classes = kinetics.classes
    for name in TRAIN:
        for label, row in zip(classes[name], kinetics.rows(name)):
            assert class_key(classes['k722'][row]) == class_key(label)


def test_merged_training_has_each_video_once_and_none_of_any_validation_set(kinetics):
    """By class within a set, as the release goes through its folders."""
    merged = kinetics.merged_list('train')
    assert ids(merged) == ['a400', 'dup', 'b400', 'c400', 'b600', 'a600', 'c600', 'moved', 'b700', 'a700']
    assert [label for _, label in merged] == [0, 0, 3, 5, 2, 3, 4, 4, 0, 4]
    counts = kinetics.counts
    assert counts.kept['k722 train'] == 10
    assert counts.leaked['k722 train'] == 5  # leak4 twice, leak6 twice, leak7
    assert counts.duplicates['k722 train'] == 4  # dup three times more, moved once
    assert counts.relabelled['k722 train'] == 1
    assert sum(counter['k722 train'] for counter in (counts.kept, counts.leaked, counts.duplicates)) == 19


def test_merged_validation_has_each_video_once(kinetics):
    assert ids(kinetics.merged_list('val')) == ['leak4', 'v400', 'leak6', 'v600', 'leak7', 'v700']
    assert kinetics.counts.duplicates['k722 val'] == 1 and kinetics.counts.relabelled['k722 val'] == 1


def test_own_lists_have_each_video_once_and_lose_only_their_own_validation_videos(kinetics):
    assert 'leak4' not in ids(kinetics.own_list('k400', 'train'))
    assert 'leak6' in ids(kinetics.own_list('k400', 'train'))
    assert ids(kinetics.own_list('k700', 'train')).count('dup') == 1
    assert kinetics.counts.leaked == {'k400 train': 2, 'k700 train': 1}
    assert kinetics.counts.duplicates['k700 train'] == 1
    # the release left them in Kinetics-400
    assert 'leak4' in ids(kinetics.own_list('k400', 'train', filter_leaks=False))
    assert len(kinetics.own_list('k400', 'val')) == 2


def test_a_video_in_two_classes_of_one_set_keeps_the_first_class_by_name():
    clips = {(name, 'train'): [Clip(name, 'train', 'archery', f'{name}_______', 0, 10)] for name in TRAIN}
    clips['k700', 'train'] += [Clip('k700', 'train', label, 'twice______', 0, 10) for label in ('yoga', 'digging')]
    kinetics = Kinetics(clips)
    assert [(clip.label, label) for clip, label in kinetics.own_list('k700', 'train')] == [
        ('archery', 0), ('digging', 1)
    ]  # fmt: skip
    assert kinetics.counts.relabelled['k700 train'] == 1


@pytest.mark.parametrize('missing', ['k400', 'k600', 'k700'])
def test_all_three_sets_are_needed(official, missing):
    with pytest.raises(ValueError, match=f'No clips of {missing}: .*; pass all csv files'):
        Kinetics({key: clips for key, clips in official.clips.items() if key[0] != missing})


def test_the_count_table_has_a_line_for_each_list(kinetics):
    kinetics.merged_list('train')
    kinetics.own_list('k600', 'train')
    header, *lines = kinetics.counts.table().splitlines()
    assert header.split() == ['list', 'kept', 'leaked', 'duplicates', 'relabelled', 'no', 'file']
    assert [line.split() for line in lines] == [
        ['k600', 'train', '5', '1', '0', '0', '0'],
        ['k722', 'train', '10', '5', '4', '1', '0'],
    ]


def test_files_that_are_not_official_are_refused(tmp_path):
    path = tmp_path / 'k400_train.csv'
    with pytest.raises(FileNotFoundError, match='download the official csv of k400 train'):
        read_annotations(path, 'k400', 'train')
    path.write_text('youtube_id,time_start,time_end,split\nx,1,2,test\n')
    with pytest.raises(ValueError, match="has no column 'label' but .* give the official file with labels"):
        read_annotations(path, 'k400', 'train')
    write_csv(path, [('archery', 'x'), ('', 'y')])
    with pytest.raises(ValueError, match='Line 3 of .*k400_train.csv is incomplete'):
        read_annotations(path, 'k400', 'train')


def test_file_names_follow_the_template():
    clip = Clip('k400', 'train', 'archery', '-abc', 5, 15)
    assert file_name(clip, '{dataset}/{split}/{youtube_id}_{start:06d}_{end:06d}.mp4') == (
        'k400/train/-abc_000005_000015.mp4'
    )
    with pytest.raises(ValueError, match="template '{id}' cannot be filled .*its fields are dataset, split, label"):
        file_name(clip, '{id}')
