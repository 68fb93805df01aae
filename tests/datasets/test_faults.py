import json

import pytest
from torch.utils.data import DataLoader, Dataset

from eva_mm.datasets.faults import BROKEN, KINDS, ODD, FaultLog, make_policy, shown


class Noting(Dataset):
    """Every image is counted, every third one is empty and rotated."""

    def __init__(self):
        self.log = FaultLog(['a', 'b'], 60)

    def __len__(self):
        return 60

    def __getitem__(self, index):
        self.log.count(index % 2, 'samples')
        if index % 3 == 0:
            self.log.note(index, index % 2, ['empty', 'rotated'], f'{index}', '-')
        return index


@pytest.mark.parametrize('context', ['fork', None])
def test_counts_and_journals_of_all_workers_arrive(tmp_path, context):
    data = Noting()
    data.log.start_journal(tmp_path / 'journal')
    workers = dict(num_workers=2, multiprocessing_context=context, persistent_workers=True) if context else {}
    loader = DataLoader(data, 4, **workers)
    for epoch in (1, 2):
        assert len(list(loader)) == 15
        columns = data.log.columns.index
        counts = data.log.counts()
        assert counts[:, columns('samples')].tolist() == [30 * epoch] * 2
        assert counts[:, columns('empty')].tolist() == counts[:, columns('rotated')].tolist() == [10 * epoch] * 2
        entries = data.log.new_entries()
        # each image once, under both kinds, and never again
        expected = [(index, kind) for index in range(0, 60, 3) for kind in ('empty', 'rotated')] if epoch == 1 else []
        assert sorted((entry['index'], entry['kind']) for entry in entries) == expected


def test_what_another_rank_has_listed_is_not_written_again(tmp_path):
    data = Noting()
    data.log.start_journal(tmp_path)
    data.log.mark([0, 3, 57])
    for index in range(60):
        data[index]
    assert {entry['index'] for entry in data.log.new_entries()} == set(range(6, 57, 3))


def test_a_line_that_is_being_written_waits(tmp_path):
    data = Noting()
    data.log.start_journal(tmp_path)
    data[0]
    (path,) = tmp_path.iterdir()
    with open(path, 'a') as file:
        file.write(json.dumps(dict(index=99))[:5])
    assert len(data.log.new_entries()) == 2
    with open(path, 'a') as file:
        file.write(json.dumps(dict(index=99))[5:] + '\n')
    assert data.log.new_entries() == [dict(index=99)]


def test_a_new_run_starts_its_journals_anew(tmp_path):
    for _ in range(2):
        data = Noting()
        data.log.start_journal(tmp_path)
        data[0]
        assert len(data.log.new_entries()) == 2


def test_policies():
    assert make_policy('refuse') == dict.fromkeys(BROKEN, 'refuse') | dict.fromkeys(ODD, 'use')
    mixed = make_policy(dict(empty='refuse', tiny='replace'))
    assert [mixed[kind] for kind in ('empty', 'truncated', 'tiny', 'cmyk')] == ['refuse', 'replace', 'replace', 'use']
    assert set(mixed) == set(KINDS)


def test_names_with_bytes_that_are_no_text():
    assert shown(b'caf\xe9.jpg'.decode(errors='surrogateescape')) == 'caf\\xe9.jpg'
