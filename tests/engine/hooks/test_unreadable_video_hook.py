from types import SimpleNamespace

import pytest

from eva_mm.engine import UnreadableVideoHook


class Videos:
    def __init__(self):
        self.found = {}

    def __len__(self):
        return 20

    def unreadable(self):
        return self.found


@pytest.fixture
def run():
    lines = []
    loader = SimpleNamespace(dataset=Videos())
    logger = SimpleNamespace(warning=lines.append)
    return SimpleNamespace(logger=logger, lines=lines, train_dataloader=loader, val_dataloader=loader)


def test_counts_and_names_are_written_once_and_again_when_they_grow(run):
    hook, videos = UnreadableVideoHook(shown=2), run.train_dataloader.dataset
    hook.after_train_epoch(run)
    assert run.lines == []
    videos.found = {'a/x.mp4': 'broken', 'a/y.mp4': 'empty', 'a/z.mp4': 'broken'}
    hook.after_train_epoch(run)
    hook.after_train(run)
    assert run.lines == [
        '3 of 20 training videos could not be read and were replaced (2 broken, 1 empty): x.mp4, y.mp4, ...'
    ]
    hook.after_val_epoch(run, {})
    assert '3 of 20 validation videos' in run.lines[1]
    videos.found = {**videos.found, 'a/w.mp4': 'missing'}
    hook.after_train(run)
    assert run.lines[2].startswith('4 of 20 training videos')


def test_other_data_sets_are_left_alone(run):
    run.train_dataloader.dataset = [1, 2, 3]
    UnreadableVideoHook().after_train_epoch(run)
    assert run.lines == []
