import os

import pytest

from eva_mm.safe_io.folders import list_files


def test_everything_that_is_left_out_is_counted_and_named(tmp_path):
    root, elsewhere = tmp_path / 'root', tmp_path / 'elsewhere'
    for folder in (root / 'a', root / 'b', elsewhere):
        folder.mkdir(parents=True)
    for name in ('a/1.jpg', 'b/2.PNG', '.hidden.jpg', 'notes.txt'):
        (root / name).touch()
    (root / 'linked.jpg').symlink_to(root / 'a' / '1.jpg')
    (root / 'loop').symlink_to(root)
    (root / 'a' / 'self.jpg').symlink_to(root / 'a' / 'self.jpg')
    (root / 'other').symlink_to(elsewhere)
    (root / 'gone.jpg').symlink_to(root / 'nowhere')
    os.mkfifo(root / 'pipe.jpg')
    found = list_files(root, {'.jpg', '.png'})
    assert [str(path.relative_to(root)) for path in found.files] == ['a/1.jpg', 'b/2.PNG', 'linked.jpg']
    assert found.skipped == {
        'links to directories': 2, 'links to themselves': 1, 'hidden files': 1, 'files with other suffixes': 1,
        'broken links': 1, 'pipes, sockets or devices': 1,
    }  # fmt: skip
    remark = found.remark()
    assert remark.startswith('Skipped: 2 links to directories (') and '/root/loop)' in remark and 'notes.txt' in remark


def test_a_folder_that_cannot_be_read_costs_no_other(tmp_path, monkeypatch):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / '1.jpg').touch()
    (tmp_path / 'b').mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith('b'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refusing)
    found = list_files(tmp_path, {'.jpg'})
    assert len(found.files) == 1 and found.skipped == {'unreadable directories': 1}


def test_a_root_that_is_absent_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list_files(tmp_path / 'gone', {'.jpg'})
