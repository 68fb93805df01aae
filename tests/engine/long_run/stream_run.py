"""Train a tiny EVA-CLIP on tar shards, alone or under torchrun, and print loss and keys of each step."""

import argparse
import json
import os

import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from eva_mm.apis import build_runner
from eva_mm.process import begin_rank


class Record(Hook):
    """Keep loss and keys of every step."""

    def __init__(self) -> None:
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Add one step."""
        keys = [sample.key for sample in data_batch['data_samples']]
        self.steps.append(dict(loss=outputs['loss'].item(), keys=keys))


def config(args: argparse.Namespace) -> Config:
    """The config of the run."""
    return Config(
        dict(
            default_scope='mmengine',
            launcher='pytorch' if 'RANK' in os.environ else 'none',
            work_dir=args.work_dir,
            randomness=dict(seed=0),
            log_level='ERROR',
            model=dict(
                type='eva_mm.EVACLIP',
                embed_dim=16,
                visual=dict(
                    type='eva_mm.EVACLIPViT',
                    arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
                    img_size=28,
                ),
                text=dict(type='eva_mm.CLIPTextTower', context_length=6, width=32, heads=2, layers=1),
                data_preprocessor=dict(type='ImgDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3),
            ),
            train_dataloader=dict(
                batch_size=args.batch_size,
                num_workers=0,
                sampler=None,
                dataset=dict(
                    type='eva_mm.ImageTextShards',
                    data_root=args.shards,
                    shards='*.tar',
                    num_streams=2,
                    shuffle_buffer=5,
                    pipeline=[
                        dict(type='eva_mm.CLIPTokenize', context_length=6),
                        dict(type='eva_mm.PackImageText'),
                    ],
                ),
            ),
            train_cfg=dict(type='eva_mm.StreamTrainLoop', max_iters=args.steps),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            default_hooks=dict(
                logger=None, checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=args.save_at)
            ),
            load_from=args.resume,
            resume=args.resume is not None,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('shards')
    parser.add_argument('work_dir')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--save-at', type=int, default=1000)
    parser.add_argument('--resume')
    args = parser.parse_args()
    torch.set_num_threads(1)
    runner = build_runner(config(args))
    record = Record()
    runner.register_hook(record)
    runner.train()
    if runner.rank == 0:
        print('STEPS ' + json.dumps(record.steps))


if __name__ == '__main__':
    begin_rank()
    main()
