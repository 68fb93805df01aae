"""Pre-training on a folder of one's own: some images are held out, and the checkpoint is enough to infer with."""

import numpy as np
import pytest
from nano_pretraining import make_inputs

from eva_mm.apis import build_inferencer
from eva_mm.apis.options import TrainOptions, parse_cfg_options
from eva_mm.apis.train import prepare_training
from eva_mm.datasets.merged.dataset import MergedImages


def test_parts_are_apart_and_whole_and_stand_ins_stay_in_them(tmp_path):
    make_inputs(tmp_path, 23)
    train, held = (MergedImages(str(tmp_path / 'images'), held_out_every=10, held_out=part) for part in (False, True))
    names = [{part.get_data_info(i)['img_path'] for i in range(len(part))} for part in (train, held)]
    assert [len(each) for each in names] == [21, 2] and not names[0] & names[1]
    assert {held.stand_in(9, attempt) for attempt in range(20)} <= {9, 19}
    assert not {train.stand_in(0, attempt) for attempt in range(50)} & {9, 19}
    with pytest.raises(ValueError, match='needs held_out_every'):
        MergedImages(str(tmp_path / 'images'), held_out=True)


@pytest.mark.parametrize('images', [20, 8])
def test_a_checkpoint_of_ones_own_images_infers_alone(tmp_path, images):
    options = [option for option in make_inputs(tmp_path, images) if not option.startswith('val_')]
    options += ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=4']
    options += [] if images < 20 else ['val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False']
    runner = prepare_training(
        TrainOptions(
            config='configs/nano/pretrain.py',
            data_root=str(tmp_path / 'images'),
            work_dir=str(tmp_path / 'run'),
            cfg_options=parse_cfg_options(options),
        )
    )
    runner.train()
    assert len(runner.train_dataloader.dataset) == (18 if images == 20 else 8)
    if images == 20:
        assert len(runner.val_dataloader.dataset) == 2
        assert list((tmp_path / 'run').glob('best_mim*'))
    infer = build_inferencer(tmp_path / 'run' / 'epoch_1.pth')
    (result,) = infer(np.zeros((90, 100, 3), np.uint8))
    assert result.error is None and -1 <= result.prediction['mean'] <= 1
