import os

import pytest

from eva_mm.datasets.video.lists import class_names, number_labels, read_entries


def test_text_lists_take_paths_with_spaces_and_without_labels(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.mp4 3\nplaying guitar/b 1.mp4 0\n\nriding a bike/c.mp4\n')
    assert read_entries(path) == [('a.mp4', 3), ('playing guitar/b 1.mp4', 0), ('riding a bike/c.mp4', -1)]


@pytest.mark.parametrize(
    'text',
    [
        'path,label\na.mp4,run\nb.mp4,jump\n',
        'id,Class,video\n1,run,a.mp4\n2,jump,b.mp4\n',
        'a.mp4,run\nb.mp4,jump\n',
    ],
)
def test_csv_files_are_read_by_their_columns(tmp_path, text):
    path = tmp_path / 'list.csv'
    path.write_text(text)
    entries = read_entries(path)
    assert entries == [('a.mp4', 'run'), ('b.mp4', 'jump')]
    assert class_names(entries) == ['jump', 'run']
    assert number_labels(entries, ['jump', 'run']) == [('a.mp4', 1), ('b.mp4', 0)]


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / 'list.csv'
    path.write_text('youtube_id,label\nx,run\n')
    with pytest.raises(ValueError, match='has the columns youtube_id, label: expected one of path, filename'):
        read_entries(path)


def test_folders_are_classes(tmp_path):
    for name in ('run/b.mp4', 'jump/deep/a.MP4', 'jump/notes.txt'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert read_entries(tmp_path) == [('jump/deep/a.MP4', 'jump'), ('run/b.mp4', 'run')]


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no list of videos'):
        read_entries(tmp_path / 'list.txt')
    with pytest.raises(FileNotFoundError, match='holds no folders'):
        read_entries(tmp_path)
    (tmp_path / 'run').mkdir()
    with pytest.raises(FileNotFoundError, match='holds no videos'):
        read_entries(tmp_path)


def test_labels_beyond_the_classes_are_refused():
    with pytest.raises(ValueError, match="1 classes are not among the 1 known ones, the first is 'run'"):
        number_labels([('a.mp4', 'run')], ['jump'])
    with pytest.raises(ValueError, match='The list has class 2, but there are 2 classes, 0 to 1'):
        number_labels([('a.mp4', 2)], ['jump', 'run'])


@pytest.mark.parametrize('suffix, text', [('txt', 'a.mp4 3\n'), ('csv', 'path,label\na.mp4,3\n')])
def test_a_byte_order_mark_is_accepted(tmp_path, suffix, text):
    path = tmp_path / f'list.{suffix}'
    path.write_bytes(b'\xef\xbb\xbf' + text.encode())
    assert read_entries(path) == [('a.mp4', 3)]


def test_the_line_of_an_error_is_named(tmp_path):
    path = tmp_path / 'list.csv'
    path.write_text('path,label\n"a\nb.mp4",run\n\n\x1b[2J.mp4,\n')
    with pytest.raises(ValueError, match=r"list.csv, line 5: '\\x1b\[2J.mp4,' lacks a path or a label"):
        read_entries(path)


def test_numbers_that_python_alone_takes_for_digits_are_names(tmp_path):
    path = tmp_path / 'list.csv'
    path.write_text(f'path,label\na.mp4,\u00b2\nb.mp4,{"9" * 5000}\n')
    assert [label for _, label in read_entries(path)] == ['\u00b2', '9' * 5000]


def test_what_folders_hold_besides_videos_is_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr('eva_mm.datasets.video.lists.print_log', lambda message, **_: told.append(message))
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/a.mp4').touch()
    (tmp_path / 'run/again').symlink_to(tmp_path / 'run')
    os.mkfifo(tmp_path / 'run/pipe.mp4')
    assert read_entries(tmp_path) == [('run/a.mp4', 'run')]
    assert len(told) == 1 and 'pipe.mp4' in told[0] and 'again' in told[0]
