"""Cluster the teacher's patch features into codes: the targets of the tokenised rival.

    python projects/pilot_study/make_codebook.py projects/pilot_study/configs/regress_eva-b-p16_in1k-224px.py \
        work_dirs/pilot_study/codebook.pt --codes 8192 --images 20000

Spherical k-means over the features of some training images. The config says which teacher and which images.
"""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor
from torch.nn import functional as F

import eva_mm  # noqa: F401
from eva_mm.apis.options import parse_cfg_options
from eva_mm.cli.run_options import add_cfg_options


def features_of(cfg: Config, images: int) -> Tensor:
    """Unit-length features (M, D) of all patches of so many training images."""
    from mmpretrain.registry import MODELS
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope(cfg.default_scope)
    preprocess = MODELS.build(cfg.model.data_preprocessor)
    teacher = MODELS.build(cfg.model.target_generator)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    features, seen = [], 0
    for batch in Runner.build_dataloader(cfg.train_dataloader, seed=0):
        pixels = preprocess.to(device)(batch)['inputs']
        pixels = pixels[0] if isinstance(pixels, list) else pixels
        features.append(F.normalize(teacher(pixels).flatten(0, 1).float(), dim=-1))
        seen += len(pixels)
        if seen >= images:
            break
    return torch.cat(features)


def spherical_kmeans(features: Tensor, codes: int, iterations: int = 20) -> Tensor:
    """Cluster centres (K, D) of unit length.

    Args:
        features: (M, D) of unit length, M >= K.
        codes: K.
        iterations: Rounds of assignment and averaging; an empty cluster restarts at a random feature.
    """
    generator = torch.Generator(features.device).manual_seed(0)

    def draw(count: int) -> Tensor:
        order = torch.randperm(len(features), generator=generator, device=features.device)
        return features[order[:count]]

    centres = draw(codes)
    for _ in range(iterations):
        nearest = torch.cat([(part @ centres.T).argmax(dim=-1) for part in features.split(65536)])
        sums = torch.zeros_like(centres).index_add_(0, nearest, features)
        empty = torch.bincount(nearest, minlength=codes) == 0
        sums[empty] = draw(int(empty.sum()))
        centres = F.normalize(sums, dim=-1)
    return centres


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config with the teacher and the images')
    parser.add_argument('out', type=Path, help='.pt file to write')
    parser.add_argument('--codes', type=int, default=8192)
    parser.add_argument('--images', type=int, default=20000)
    add_cfg_options(parser)
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(parse_cfg_options(args.cfg_options))
    features = features_of(cfg, args.images)
    if len(features) < args.codes:
        parser.error(f'{len(features)} patches cannot make {args.codes} codes: raise --images or lower --codes')
    centres = spherical_kmeans(features, args.codes)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(centres.cpu(), args.out)
    similarity = torch.cat([(part @ centres.T).amax(dim=-1) for part in features.split(65536)]).mean()
    print(f'{args.out}: {args.codes} codes of {len(features):,} patches, mean similarity {similarity:.3f}')


if __name__ == '__main__':
    main()
