import json
import os

import pytest
import torch

from eva_mm.engine.long_run.checkpoint_store import (
    POINTER,
    discard,
    newest_sound,
    publish,
    remove_leftovers,
    write_pointer,
    write_whole,
)
from eva_mm.engine.long_run.corruption import find_corruption


def _save(folder, step, size=1000):
    part = folder / f'.iter_{step}.pth.part'
    torch.save({'weights': torch.arange(size) + step}, part)
    publish(part, folder / f'iter_{step}.pth')
    write_pointer(folder, str(folder / f'iter_{step}.pth'))
    os.utime(folder / f'iter_{step}.pth', (step, step))
    return folder / f'iter_{step}.pth'


def _save_directory(folder, step):
    part = folder / f'.iter_{step}.pth.part'
    part.mkdir()
    for name in ('mp_rank_00_model_states.pt', 'zero_pp_rank_0_mp_rank_00_optim_states.pt'):
        torch.save({'weights': torch.arange(1000) + step}, part / name)
    publish(part, folder / f'iter_{step}.pth')
    write_pointer(folder, str(folder / f'iter_{step}.pth'))
    return folder / f'iter_{step}.pth'


def _flip(file, at=0.5):
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    file.write_bytes(content)


def test_a_published_checkpoint_is_sound_and_found(tmp_path):
    _save(tmp_path, 3)
    newest = _save(tmp_path, 6)
    assert find_corruption(newest) is None
    assert newest_sound(tmp_path) == str(newest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_3.pth', 'iter_6.pth', POINTER]


@pytest.mark.parametrize('what', ['truncated', 'flipped bit', 'zeros', 'empty', 'gone'])
def test_a_damaged_file_gives_way_to_the_one_before(tmp_path, what, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        'eva_mm.engine.long_run.checkpoint_store.print_log', lambda message, *_: warnings.append(message)
    )
    good, bad = _save(tmp_path, 3), _save(tmp_path, 6)
    if what == 'truncated':
        bad.write_bytes(bad.read_bytes()[:-100])
    elif what == 'flipped bit':
        _flip(bad)
    elif what == 'zeros':
        bad.write_bytes(bytes(bad.stat().st_size))
    elif what == 'empty':
        bad.write_bytes(b'')
    else:
        bad.unlink()
    assert newest_sound(tmp_path) == str(good)
    warning = ' '.join(warnings)
    assert f'{bad} is damaged' in warning and f'{good} is used instead' in warning


@pytest.mark.parametrize('what', ['truncated', 'flipped bit', 'missing', 'manifest'])
def test_a_damaged_directory_gives_way_to_the_one_before(tmp_path, what):
    good, bad = _save_directory(tmp_path, 3), _save_directory(tmp_path, 6)
    shard = bad / 'zero_pp_rank_0_mp_rank_00_optim_states.pt'
    if what == 'truncated':
        shard.write_bytes(shard.read_bytes()[:-1])
    elif what == 'flipped bit':
        _flip(shard)
    elif what == 'missing':
        shard.unlink()
    else:
        (bad / 'manifest.json').write_text('{')
    assert find_corruption(bad) is not None
    assert newest_sound(tmp_path) == str(good)


def test_only_damaged_ones_are_an_error_and_none_is_not(tmp_path):
    assert newest_sound(tmp_path) is None
    _flip(_save(tmp_path, 3))
    with pytest.raises(ValueError, match='No checkpoint of .* is sound: .*iter_3.pth .the check sum of'):
        newest_sound(tmp_path)


def test_those_that_did_not_help_are_left_out(tmp_path):
    first, second = _save(tmp_path, 3), _save(tmp_path, 6)
    assert newest_sound(tmp_path, [str(second)]) == str(first)
    assert newest_sound(tmp_path, [str(second), str(first)]) is None


def test_a_moved_folder_still_finds_its_checkpoint(tmp_path):
    (tmp_path / 'old').mkdir()
    _save(tmp_path / 'old', 3)
    (tmp_path / 'old').rename(tmp_path / 'new')
    assert newest_sound(tmp_path / 'new') == str(tmp_path / 'new/iter_3.pth')


def test_best_checkpoints_are_not_resumed_from(tmp_path):
    _save(tmp_path, 3).rename(tmp_path / 'best_accuracy_iter_3.pth')
    (tmp_path / POINTER).unlink()
    assert newest_sound(tmp_path) is None


def test_a_directory_is_replaced_and_a_kill_in_between_is_mended(tmp_path):
    _save_directory(tmp_path, 3)
    final = _save_directory(tmp_path, 3)
    assert json.loads((final / 'manifest.json').read_text()).keys() == {
        'mp_rank_00_model_states.pt',
        'zero_pp_rank_0_mp_rank_00_optim_states.pt',
    }
    final.rename(tmp_path / '.iter_3.pth.old')  # killed before the new one had its name
    (tmp_path / '.iter_9.pth.part').mkdir()
    remove_leftovers(tmp_path)
    assert find_corruption(final) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_3.pth', POINTER]


def test_what_is_discarded_is_no_checkpoint_at_any_moment(tmp_path, monkeypatch):
    old, new = _save_directory(tmp_path, 3), _save_directory(tmp_path, 6)
    monkeypatch.setattr('shutil.rmtree', lambda path: None)  # killed before anything was removed
    discard(old)
    assert not old.exists() and newest_sound(tmp_path) == str(new)
    assert newest_sound(tmp_path, [str(new)]) is None


def _save_run(folder, name, iteration, seconds):
    """A checkpoint as a runner saves it, with a file time of its own."""
    torch.save({'meta': dict(iter=iteration, epoch=0), 'state_dict': {}}, folder / name)
    os.utime(folder / name, (seconds, seconds))


def test_without_the_note_the_latest_iteration_counts_and_not_the_time_of_the_file(tmp_path):
    # copied back in any order; one was saved when the run was asked to stop, one at the end of an epoch
    for name, iteration, seconds in (('epoch_1.pth', 50, 900), ('iter_70.pth', 70, 100), ('iter_60.pth', 60, 500)):
        _save_run(tmp_path, name, iteration, seconds)
    assert newest_sound(tmp_path) == str(tmp_path / 'iter_70.pth')
    os.truncate(tmp_path / 'iter_70.pth', 300)
    assert newest_sound(tmp_path) == str(tmp_path / 'iter_60.pth')
    (tmp_path / 'iter_60.pth').unlink()
    assert newest_sound(tmp_path) == str(tmp_path / 'epoch_1.pth')


def test_of_ten_and_nine_ten_is_later(tmp_path):
    for step in (9, 10):
        torch.save({'state_dict': {}}, tmp_path / f'iter_{step}.pth')  # does not say its iteration
    assert newest_sound(tmp_path) == str(tmp_path / 'iter_10.pth')


def test_the_noted_one_comes_before_later_ones_of_a_lost_stretch(tmp_path):
    for step in (3, 6, 9):
        _save_run(tmp_path, f'iter_{step}.pth', step, step)
    write_pointer(tmp_path, str(tmp_path / 'iter_6.pth'))  # gone back to
    assert newest_sound(tmp_path) == str(tmp_path / 'iter_6.pth')


@pytest.mark.parametrize('note', [b'', b'\xff\xfe', b'../../etc/passwd', b'best_x_iter_9.pth', b'\x00'])
def test_a_broken_note_is_none(tmp_path, note):
    _save_run(tmp_path, 'iter_3.pth', 3, 3)
    (tmp_path / POINTER).write_bytes(note)
    assert newest_sound(tmp_path) == str(tmp_path / 'iter_3.pth')


def test_checkpoints_beside_the_noted_one_are_found_where_it_is(tmp_path):
    elsewhere = tmp_path / 'disk/run'
    elsewhere.mkdir(parents=True)
    for step in (3, 6):
        _save_run(elsewhere, f'iter_{step}.pth', step, 10 - step)
    (tmp_path / 'run').mkdir()
    write_pointer(tmp_path / 'run', str(elsewhere / 'iter_6.pth'))
    os.truncate(elsewhere / 'iter_6.pth', 300)
    assert newest_sound(tmp_path / 'run') == str(elsewhere / 'iter_3.pth')


def test_a_file_that_cannot_be_written_is_as_before(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, 'No space left on device')

    write_whole(tmp_path / 'metrics.json', 'old')
    monkeypatch.setattr('eva_mm.engine.long_run.checkpoint_store.flush', full)
    with pytest.raises(OSError, match='No space left'):
        write_whole(tmp_path / 'metrics.json', 'new')
    assert [path.read_text() for path in tmp_path.iterdir()] == ['old']
