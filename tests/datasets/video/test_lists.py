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
