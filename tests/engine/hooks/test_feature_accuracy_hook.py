import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from eva_mm.engine.hooks.feature_accuracy_hook import knn_accuracy, linear_accuracy


def _blobs(seed, distance):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(90) % 3
    centres = distance * torch.eye(3, 5)
    return centres[labels] + torch.randn(90, 5, generator=generator), labels


def test_neighbours_vote_with_their_similarity():
    (train, labels), (val, val_labels) = _blobs(0, 3), _blobs(1, 3)
    votes = np.zeros((90, 3))
    for row, image in enumerate(val.numpy()):
        similarity = train.numpy() @ image / np.linalg.norm(train.numpy(), axis=1) / np.linalg.norm(image)
        for neighbour in np.argsort(-similarity)[:7]:
            votes[row, labels[neighbour]] += np.exp(similarity[neighbour] / 0.07)
    expected = 100 * (votes.argmax(1) == val_labels.numpy()).mean()
    assert knn_accuracy(train, labels, val, val_labels, k=7) == pytest.approx(expected, abs=1e-4)
    assert 60 < expected < 100


def test_a_linear_probe_finds_what_is_linear_and_nothing_else():
    (train, labels), (val, val_labels) = _blobs(0, 8), _blobs(1, 8)
    assert linear_accuracy(train * 1e3 + 5e3, labels, val * 1e3 + 5e3, val_labels) > 99
    ring = torch.linspace(0, 2 * torch.pi, 200)
    points = torch.stack((ring.cos(), ring.sin()), 1)
    inside = torch.cat((points, 3 * points))
    kinds = torch.arange(400) // 200
    assert linear_accuracy(inside, kinds, inside, kinds) < 60 and knn_accuracy(inside, kinds, inside + 1, kinds) > 0


def _colours(folder):
    for split, count in (('train', 6), ('val', 3)):
        for name, colour in (('red', (200, 20, 20)), ('blue', (20, 20, 200))):
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                noise = np.random.default_rng(index).integers(0, 20, (84, 84, 3))
                Image.fromarray((np.array(colour) + noise).astype(np.uint8)).save(
                    folder / split / name / f'{index}.png'
                )


def test_a_pre_training_logs_both_and_its_losses_stay_the_same(tmp_path):
    pytest.importorskip('mmpretrain')
    pytest.importorskip('open_clip')
    from nano_pretraining import make_inputs

    from eva_mm.apis.options import TrainOptions, parse_cfg_options
    from eva_mm.apis.train import prepare_training

    _colours(tmp_path / 'mine')
    inputs = make_inputs(tmp_path / 'inputs', 8)
    steps = "[dict(type='LoadImageFromFile'), dict(type='PackInputs')]"
    parts = ', '.join(
        f"{part}=dict(type='CustomDataset', data_prefix='{tmp_path}/mine/{part}', pipeline={steps})"
        for part in ('train', 'val')
    )
    hook = f"custom_hooks = [dict(type='eva_mm.FeatureAccuracyHook', k=3, {parts})]"
    losses = {}
    for name, text in (('with', hook), ('without', '')):
        (tmp_path / f'{name}.py').write_text(f"_base_ = 'eva_mm::nano/pretrain.py'\n{text}\n")
        options = [
            *inputs,
            'train_dataloader.batch_size=4',
            'train_cfg.max_epochs=2',
            'param_scheduler.warmup_epochs=0',
        ]
        runner = prepare_training(
            TrainOptions(
                config=str(tmp_path / f'{name}.py'),
                work_dir=str(tmp_path / name),
                cfg_options=parse_cfg_options([*options, 'default_hooks.logger.interval=1']),
                seed=0,
            )
        )
        runner.train()
        (log,) = (tmp_path / name).glob('*/vis_data/scalars.json')
        records = [json.loads(line) for line in log.read_text().splitlines()]
        losses[name] = [record['loss'] for record in records if 'loss' in record]
        if name == 'with':
            found = [record for record in records if 'knn_top1' in record]
            # red and blue patches differ before anything is learned
            assert [record['step'] for record in found] == [1, 2] and found[-1]['knn_top1'] == 100
            (text,) = (tmp_path / name).glob('*/*.log')
            assert len(re.findall(r'% by 3 nearest neighbours, 100.00 % by a linear probe', text.read_text())) == 2
    assert losses['with'] == losses['without'] and len(losses['with']) == 4
