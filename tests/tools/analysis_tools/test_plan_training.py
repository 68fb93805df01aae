"""The plan against the published run of EVA, and what the tool says about other configs."""

import re
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')

from eva_mm.apis import load_config
from eva_mm.apis.planning.plan import GIB, plan_training
from eva_mm.cli import main

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / 'configs'
EVA = CONFIGS / 'pretrain' / 'eva-g-p14_mim-clip-l_merged30m-224px.py'
IMAGES = 29_663_232


@pytest.fixture(scope='module')
def eva():
    """The published run: its attention computed fp32 logits."""
    cfg = load_config(str(EVA))
    cfg.model.backbone.attn_fp32 = True
    return plan_training(cfg, 128, images_per_epoch=IMAGES)


def test_memory_of_the_published_run(eva):
    assert eva.stage == 1
    # about 26.5 GB; binary or decimal is not said, so both must hold
    for unit in (GIB, 1e9):
        assert eva.memory[1, False].peak / unit == pytest.approx(26.5, rel=0.15)


def test_sizes_and_days_of_the_published_run(eva):
    assert eva.weights.trained == 1_012_229_632
    assert eva.images == 150 * IMAGES
    text = eva.describe_days(312, 0.157, days=14.5)
    days = float(re.search(r'days +([\d.]+) at', text)[1])
    assert days == pytest.approx(14.5, rel=0.01)
    assert '14.5 days are an MFU of 15.7%' in text


def test_checkpointing_and_stages_only_save(eva):
    for stage in range(4):
        assert eva.memory[stage, True].peak < eva.memory[stage, False].peak
    peaks = [eva.memory[stage, False].peak for stage in range(3)]
    assert peaks == sorted(peaks, reverse=True)
    # the last product of a block need not be computed again
    again = eva.train_flops(True) - eva.train_flops()
    assert 0.6 * eva.student_flops < again < eva.student_flops


def run(capsys, *options):
    main(['plan', *map(str, options)])
    return capsys.readouterr().out


def test_the_table(capsys):
    out = run(capsys, EVA, '--gpus', 8, '--gpu-memory', 16, '--batch', 16)
    assert 'batch             16 on each of 8 GPUs = 128, 16 x 16 patches' in out
    assert 'parameters        1,012,229,632 trained, 0 frozen, 303,966,208 of the teacher' in out
    rows = re.findall(r'^(\*?) +([0-3]) +half +(yes|no)', out, re.M)
    assert [row[1:] for row in rows] == [(str(s), cp) for s in range(4) for cp in ('no', 'yes')]
    assert [row[0] for row in rows] == ['', '', '*', '*', '', '', '', '']
    assert 'does not fit' in out
    assert 'give --images-per-epoch' in out


def test_detection_counts_windows_and_iterations(capsys):
    pytest.importorskip('mmdet')
    config = CONFIGS / 'detection' / 'cascade-mask-rcnn_eva-b-p16_lsj-1024_coco.py'
    out = run(capsys, config, '--gpus', 16, '--gpu-memory', 40, '--image-size', 640)
    assert '40 x 40 patches' in out and 'for 46,906,400 images' in out
    assert re.search(r'^\* +0 +amp +no', out, re.M)


def test_mixed_clips_can_be_planned(capsys):
    pytest.importorskip('mmaction')
    config = CONFIGS / 'video' / 'eva-g-p14_8f-224_k722.py'
    out = run(capsys, config, '--gpus', 8, '--gpu-memory', 80)
    assert '8 x 16 x 16 patches' in out and 'parameters        1,014,686,546 trained' in out


@pytest.mark.parametrize(
    ('config', 'options', 'sentence'),
    [
        (EVA, ['--image-size', '225'], 'not divisible by the patch size'),
        (EVA, ['--mfu', '2'], '0 < mfu <= 1'),
        ('configs/none.py', [], 'Config not found'),
        (CONFIGS / 'clip' / 'zero-shot_in1k.py', [], 'a config that trains'),
    ],
)
def test_wrong_input_is_one_sentence(config, options, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        run(capsys, config, '--gpus', 1, '--gpu-memory', 40, '--images-per-epoch', 10, *options)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
