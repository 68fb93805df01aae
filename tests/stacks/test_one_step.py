"""Every task on the host stack that is installed, by a config in a user's own folder that inherits ours by its name.

It trains, resumes from its own checkpoint, is tested and used, and runs no code of another checkpoint.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import evil_checkpoint
from mmengine.runner import Runner
from nano_pretraining import make_inputs
from PIL import Image

from eva_mm.apis import build_inferencer
from eva_mm.apis.options import TestOptions, TrainOptions, parse_cfg_options
from eva_mm.apis.test import prepare_test
from eva_mm.apis.train import prepare_training
from eva_mm.tasks import TASKS

# folder of one's own data, and a batch that it has one or two of
FOLDERS = {
    'classification': ('class_folders', 8),
    'detection': ('coco', 3),
    'segmentation': ('label_maps', 2),
    'video': ('video_folders', 3),
}
# what a schedule of two epochs or iterations is too short for
WARM_UP = {'classification': 'epochs', 'video': 'epochs', 'clip': 'iters'}
LIGHT = [
    f'{part}_dataloader.{option}'
    for part in ('train', 'val', 'test')
    for option in ('num_workers=0', 'persistent_workers=False')
]


@dataclass
class Case:
    """A task, and what ``eva-mm train`` and ``eva-mm test`` are given for it."""

    name: str
    config: Path
    options: list[str]
    data_root: str | None = None

    def common(self, work_dir: Path) -> dict:
        """Options of training and testing; the training is two epochs or iterations long, and saves after each."""
        iterations = self.name in ('detection', 'segmentation', 'clip')
        length = [
            f'train_cfg.max_{"iters" if iterations else "epochs"}=2',
            *('default_hooks.checkpoint.' + option for option in ('interval=1', 'max_keep_ckpts=-1')),
            f'default_hooks.checkpoint.by_epoch={not iterations}',
            *([f'param_scheduler.warmup_{WARM_UP[self.name]}=0'] if self.name in WARM_UP else []),
        ]
        return dict(
            config=str(self.config),
            data_root=self.data_root,
            work_dir=str(work_dir),
            cfg_options=parse_cfg_options([*self.options, *length]),
        )

    def train(self, work_dir: Path, **others) -> Runner:
        """The runner of a training, ready to run; without validation, which the data of some tasks are too few for."""
        return prepare_training(TrainOptions(**self.common(work_dir), validate=False, seed=0, **others))


def _shards(folder: Path) -> Path:
    """Eight images with captions in a tar file."""
    folder.mkdir()
    with tarfile.open(folder / 'train-0.tar', 'w') as tar:
        for number in range(8):
            image = io.BytesIO()
            Image.fromarray(np.random.default_rng(number).integers(0, 256, (84, 84, 3), np.uint8)).save(image, 'png')
            for suffix, content in (('png', image.getvalue()), ('txt', f'the number {number}'.encode())):
                member = tarfile.TarInfo(f'{number}.{suffix}')
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder


NANO = Path(__file__).parents[2] / 'configs' / 'nano'
STEMS = [stem for name, task in TASKS.items() if task.key_table for stem in (name, f'{name}_eva02')]


@pytest.fixture(scope='module', params=[stem for stem in STEMS if (NANO / f'{stem}.py').is_file()])
def case(request, own_folders, tmp_path_factory):
    stem, folder = request.param, tmp_path_factory.mktemp('data')
    name = stem.removesuffix('_eva02')
    pytest.importorskip(TASKS[name].host)
    config = folder / f'mine_{stem}.py'  # runs begun within a second must differ in name
    config.write_text(f"_base_ = 'eva_mm::nano/{stem}.py'\n")
    if name == 'pretrain':
        return Case(name, config, [*make_inputs(folder, images=4), 'train_dataloader.batch_size=4'])
    if name == 'clip':
        (folder / 'imagenet' / 'meta').mkdir(parents=True)
        (folder / 'imagenet' / 'meta' / 'val.txt').write_text('dog/0.jpg 1\nemu/0.jpg 2\n')
        data = dict(train=_shards(folder / 'shards'), test=own_folders.class_folders(folder / 'imagenet'))
        roots = [f'{part}_dataloader.dataset.data_root={root}' for part, root in data.items()]
        return Case(name, config, [*LIGHT, *roots, 'train_dataloader.batch_size=4', 'model.visual.init_cfg=None'])
    maker, batch = FOLDERS[name]
    options = [*LIGHT, f'train_dataloader.batch_size={batch}', 'model.backbone.init_cfg=None']
    return Case(name, config, options, str(getattr(own_folders, maker)(folder / 'own')))


@pytest.fixture(scope='module')
def whole(case, tmp_path_factory):
    """The work directory of an uninterrupted training, and its runner."""
    work_dir = tmp_path_factory.mktemp('whole')
    runner = case.train(work_dir)
    start = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    return work_dir, runner, start


def _saved(work_dir: Path) -> list[Path]:
    return sorted(path for path in work_dir.glob('*.pth') if path.stem.startswith(('epoch_', 'iter_')))


def test_trains(whole):
    work_dir, runner, start = whole
    losses = runner.message_hub.get_scalar('train/loss')._log_history
    assert len(losses) == runner.iter >= 2 and np.isfinite(losses).all()
    # the first rates of a warm-up are too small to move the ones of a norm
    parameters = runner.model.named_parameters()
    trained = {name for name, parameter in parameters if parameter.requires_grad and parameter.ndim > 1}
    changed = {name for name, value in runner.model.state_dict().items() if not torch.equal(value, start[name])}
    assert len(trained & changed) > 0.8 * len(trained), sorted(trained - changed)
    assert len(_saved(work_dir)) == 2


def test_goes_on_from_its_own_checkpoint(case, whole, tmp_path):
    work_dir, uninterrupted, _ = whole
    runner = case.train(tmp_path / 'rest', resume=str(_saved(work_dir)[0]))
    runner.train()
    assert runner.iter == uninterrupted.iter
    expected = uninterrupted.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in runner.model.state_dict().items())


def test_its_checkpoint_is_evaluated(case, whole, tmp_path):
    if case.name == 'pretrain':
        pytest.skip('is not evaluated')
    checkpoint = _saved(whole[0])[-1]
    metrics = prepare_test(TestOptions(**case.common(tmp_path), checkpoint=str(checkpoint))).test()
    assert metrics and all(np.isfinite(value) for value in metrics.values())


def test_its_checkpoint_is_used(case, whole, own_folders, tmp_path):
    if case.name == 'video':
        source = own_folders.video(tmp_path / 'one.mp4', 'cat')
    else:
        source = own_folders.save(tmp_path / 'one.png', own_folders.picture('cat'))
    options = parse_cfg_options([option for option in case.options if option.startswith('model.')])
    inferencer = build_inferencer(case.config, _saved(whole[0])[-1], data_root=case.data_root, cfg_options=options)
    (result,) = inferencer([source])
    assert result.error is None and result.prediction


def test_a_checkpoint_that_would_run_code_is_refused(case, tmp_path):
    canary = tmp_path / 'code-has-run'
    evil = str(evil_checkpoint(tmp_path / 'evil.pth', canary))
    for option in ('load_from', 'resume'):
        with pytest.raises(ValueError, match='evil.pth'):
            case.train(tmp_path / option, **{option: evil}).train()
    assert not canary.exists()
    if case.name == 'pretrain':  # is not evaluated
        return
    with pytest.raises(ValueError, match='evil.pth'):
        prepare_test(TestOptions(**case.common(tmp_path / 'test'), checkpoint=evil)).test()
    assert not canary.exists()
