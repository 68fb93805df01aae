"""Synthetic annotations in the official columns, with one planted case of everything."""

import pytest

from eva_mm.datasets.k722 import NO_ROW, Clip, Kinetics, class_key, file_name, read_annotations

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
    ('bull fighting', 'b600_______'),  # a class that only Kinetics-600 has
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


def test_classes_are_the_sorted_union_without_spelling_variants(kinetics):
    """Kinetics-700's spelling counts, then 600's, then 400's."""
    assert kinetics.classes['k722'] == [
        'archery', 'arresting', 'passing american football (in game)', 'tai chi', 'vault'
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
    assert kinetics.rows('k400') == [0, 2, 4]
    assert kinetics.rows('k600') == [0, NO_ROW, 2, 3]
    assert kinetics.rows('k700') == [0, 1, 3]
    classes = kinetics.classes
    for name in TRAIN:
        for label, row in zip(classes[name], kinetics.rows(name)):
            assert row == NO_ROW or class_key(classes['k722'][row]) == class_key(label)


def test_merged_training_has_each_video_once_and_none_of_any_validation_set(kinetics):
    merged = kinetics.merged_list('train')
    assert ids(merged) == ['a400', 'b400', 'c400', 'dup', 'a600', 'moved', 'c600', 'a700', 'b700']
    assert [label for _, label in merged] == [0, 2, 4, 0, 2, 3, 3, 3, 0]
    counts = kinetics.counts
    assert counts.kept['k722 train'] == 9
    assert counts.leaked['k722 train'] == 5  # leak4 twice, leak6 twice, leak7
    assert counts.duplicates['k722 train'] == 4  # dup three times more, moved once
    assert counts.relabelled['k722 train'] == 1
    assert counts.unknown_class['k722 train'] == 1
    assert sum(counter['k722 train'] for counter in (counts.kept, counts.leaked, counts.duplicates,
                                                     counts.unknown_class)) == 19  # fmt: skip


def test_merged_validation_has_each_video_once(kinetics):
    assert ids(kinetics.merged_list('val')) == ['leak4', 'v400', 'leak6', 'leak7', 'v700']
    assert kinetics.counts.duplicates['k722 val'] == 1 and kinetics.counts.relabelled['k722 val'] == 1


def test_own_lists_lose_only_their_own_validation_videos(kinetics):
    assert 'leak4' not in ids(kinetics.own_list('k400', 'train'))
    assert 'leak6' in ids(kinetics.own_list('k400', 'train'))
    assert ids(kinetics.own_list('k700', 'train')).count('dup') == 2
    assert kinetics.counts.leaked == {'k400 train': 2, 'k700 train': 1}
    # the release left them in Kinetics-400
    assert 'leak4' in ids(kinetics.own_list('k400', 'train', filter_leaks=False))
    assert len(kinetics.own_list('k400', 'val')) == 2


def test_classes_can_come_from_all_sets(folder):
    clips = {(name, 'train'): read_annotations(folder / f'{name}_train.csv', name, 'train') for name in TRAIN}
    kinetics = Kinetics(clips, class_sets=('k400', 'k600', 'k700'))
    assert 'bull fighting' in kinetics.classes['k722'] and NO_ROW not in kinetics.rows('k600')
    assert kinetics.counts.unknown_class.total() == 0
    with pytest.raises(ValueError, match='takes classes from k700, which has no clips'):
        Kinetics({('k400', 'train'): clips['k400', 'train']})


def test_the_count_table_has_a_line_for_each_list(kinetics):
    kinetics.merged_list('train')
    kinetics.own_list('k600', 'train')
    header, *lines = kinetics.counts.table().splitlines()
    assert header.split() == ['list', 'kept', 'leaked', 'duplicates', 'relabelled', 'unknown', 'class', 'no', 'file']
    assert [line.split() for line in lines] == [
        ['k600', 'train', '5', '1', '0', '0', '0', '0'],
        ['k722', 'train', '9', '5', '4', '1', '1', '0'],
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
