"""Train a nano CLIP from scratch: the teacher that the quickstart's masked image modelling learns from.

EVA's pre-training regresses the features of a CLIP that somebody trained before (arXiv 2211.07636, section 2.1). Here
that CLIP is trained first, with open_clip's own model, tokenizer and loss, on the image-text shards that
``projects/nano_world/make_nano_data.py`` writes:

    python projects/quickstart/train_clip.py --shards data/nano/clip --out work_dirs/quickstart/teacher

Two things make it learn in minutes on a CPU. Image features are the mean over patches, so each patch, which is what
the student will have to predict, says what is there. And beside the contrastive loss the image predicts the words of
its caption, rare words counting more (SuperClass, arXiv 2411.03313): at first neither tower knows a digit, so contrast
alone teaches none for long. A longer training goes on, after the first epochs, with scenes: pairs of which one, shrunk,
is pasted somewhere onto the other, and the image predicts the words of both captions. So patches come to know a digit
of any size at any place beside another one, which is what a detector asks of them.

The result is a folder that ``open_clip.create_model('local-dir:OUT')`` opens. A finished folder is left as it is.
"""

import argparse
import io
import json
import math
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.loss import ClipLoss
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

CONFIG, WEIGHTS = 'open_clip_config.json', 'open_clip_model.safetensors'
IMAGE_SIZE = 84
MODEL_CFG = {
    'embed_dim': 64,
    'vision_cfg': {
        'image_size': IMAGE_SIZE,
        'patch_size': 14,
        'width': 96,
        'layers': 4,
        'head_width': 24,
        'pool_type': 'avg',
    },
    'text_cfg': {'context_length': 20, 'vocab_size': 49408, 'width': 96, 'heads': 4, 'layers': 2},
}
PREPROCESS_CFG = {'mean': list(OPENAI_DATASET_MEAN), 'std': list(OPENAI_DATASET_STD)}
MAX_SHIFT = 6
# from this epoch on scenes of two pairs are shown, once the digits themselves are known
SCENES_FROM_EPOCH = 8
SCENE_SHARE = 2 / 3
PASTED_SIDES = (38, 64)
WARM_UP_SHARE = 0.1
# words in more captions than this say nothing about the image
COMMON_WORD = 0.4
MAX_LOGIT_SCALE = math.log(100)
WORDS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
PROMPTS = ('a photo of the digit {}', 'the number {}', 'a handwritten {}')


def read_shards(shards: Sequence[Path]) -> tuple[Tensor, list[str], Tensor]:
    """Decode all pairs of some tar files.

    Returns:
        Images (N, 3, H, W) uint8 with H = W = 84, N captions, and the digits on the images (N,).
    """
    images, captions, digits = [], [], []
    for shard in shards:
        with tarfile.open(shard) as tar:
            files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
        for stem in (name.removesuffix('.jpg') for name in files if name.endswith('.jpg')):
            picture = Image.open(io.BytesIO(files[f'{stem}.jpg'])).convert('RGB')
            images.append(np.asarray(picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)))
            captions.append(files[f'{stem}.txt'].decode())
            digits.append(json.loads(files[f'{stem}.json'])['digit'])
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return pixels, captions, torch.tensor(digits)


def find_shards(folder: Path, split: str) -> list[Path]:
    """The tar files of a split.

    Raises:
        FileNotFoundError: There are none.
    """
    shards = sorted(folder.glob(f'{split}-*.tar'))
    if not shards:
        raise FileNotFoundError(
            f'No {split}-*.tar was found in {folder}: run projects/nano_world/make_nano_data.py first.'
        )
    return shards


def normalize(pixels: Tensor) -> Tensor:
    """uint8 (B, 3, H, W) to float with CLIP's mean and standard deviation."""
    mean, std = (torch.tensor(stat).view(1, 3, 1, 1) * 255 for stat in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
    return (pixels.float() - mean) / std


def random_shift(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Move a batch by up to ``MAX_SHIFT`` pixels, repeating the border."""
    top, left = torch.randint(0, 2 * MAX_SHIFT + 1, (2,), generator=generator).tolist()
    padded = F.pad(pixels.float(), (MAX_SHIFT,) * 4, mode='replicate')
    return padded[:, :, top : top + pixels.shape[2], left : left + pixels.shape[3]]


def paste(pixels: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """Scenes of two images each: float (B, 3, H, W) with ``others`` on top, all shrunk alike, each at its own place."""
    side = int(torch.randint(*PASTED_SIDES, (1,), generator=generator))
    corners = torch.randint(0, pixels.shape[-1] - side + 1, (len(pixels), 2), generator=generator).tolist()
    scenes = pixels.clone()
    shrunk = F.interpolate(others.float(), size=(side, side), mode='bilinear', antialias=True)
    for scene, thing, (top, left) in zip(scenes, shrunk, corners, strict=True):
        scene[:, top : top + side, left : left + side] = thing
    return scenes


def learning_rate(progress: float, peak: float) -> float:
    """Linear warm-up, then a half cosine to zero; ``progress`` runs from 0 to 1."""
    if progress < WARM_UP_SHARE:
        return peak * progress / WARM_UP_SHARE
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))


@torch.no_grad()
def zero_shot_accuracy(model: nn.Module, tokenizer: open_clip.SimpleTokenizer, images: Tensor, digits: Tensor) -> float:
    """Share of the images (N, 3, H, W) uint8 whose digit (N,) is the nearest class in words."""
    model.eval()
    classifier = open_clip.build_zero_shot_classifier(model, tokenizer, WORDS, PROMPTS)
    features = torch.cat([model.encode_image(normalize(batch), normalize=True) for batch in images.split(256)])
    return ((features @ classifier).argmax(dim=1) == digits).float().mean().item()


def word_targets(tokens: Tensor) -> Tensor:
    """What an image is to say of its caption's words: token indices (N, L) to probabilities (N, W).

    Each telling word of a caption weighs as much as it is rare, the logarithm of its inverse frequency.
    """
    vocabulary, index = tokens.unique(return_inverse=True)
    present = torch.zeros(len(tokens), len(vocabulary)).scatter_(1, index, 1.0)
    frequency = present.mean(dim=0)
    telling = frequency < COMMON_WORD
    weighted = present[:, telling] * frequency[telling].reciprocal().log()
    return weighted / weighted.sum(dim=1, keepdim=True)


def make_optimizer(modules: Sequence[nn.Module], lr: float) -> torch.optim.Optimizer:
    """AdamW without weight decay of biases, norms and the logit scale."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    groups = [
        {'params': [p for p in parameters if p.ndim >= 2], 'weight_decay': 0.1},
        {'params': [p for p in parameters if p.ndim < 2], 'weight_decay': 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), eps=1e-6, fused=True)


def train(model: nn.Module, images: Tensor, tokens: Tensor, epochs: int, batch_size: int, lr: float, seed: int) -> None:
    """Contrastive training in place; from epoch ``SCENES_FROM_EPOCH`` on most batches are scenes of two pairs.

    Args:
        model: open_clip's model.
        images: (N, 3, H, W) uint8.
        tokens: (N, L) token indices.
        epochs: Passes over the pairs.
        batch_size: Pairs per step.
        lr: Peak learning rate.
        seed: Seed of the order, the shifts and the scenes.
    """
    generator = torch.Generator().manual_seed(seed)
    words = word_targets(tokens)
    word_head = nn.Linear(MODEL_CFG['embed_dim'], words.shape[1])
    optimizer = make_optimizer((model, word_head), lr)
    contrast = ClipLoss()
    batches = [
        (epoch, index)
        for epoch in range(epochs)
        for index in torch.randperm(len(images), generator=generator).split(batch_size)
        if len(index) == batch_size
    ]
    start = time.monotonic()
    model.train()
    for step, (epoch, index) in enumerate(batches):
        for group in optimizer.param_groups:
            group['lr'] = learning_rate((step + 1) / len(batches), lr)
        shown, said = random_shift(images[index], generator), words[index]
        are_scenes = epoch >= SCENES_FROM_EPOCH and torch.rand(1, generator=generator).item() < SCENE_SHARE
        if are_scenes:
            shown = paste(shown, images[index.roll(1)], generator)
            said = (said + said.roll(1, dims=0)) / 2
        image_features = model.encode_image(normalize(shown))
        loss = F.cross_entropy(word_head(image_features), said)
        if not are_scenes:  # no caption speaks of both
            captions, place = tokens[index].unique(dim=0, return_inverse=True)
            text_features = model.encode_text(captions, normalize=True)[place]
            loss = loss + contrast(F.normalize(image_features, dim=-1), text_features, model.logit_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        model.logit_scale.data.clamp_(0, MAX_LOGIT_SCALE)
        if (step + 1) % 100 == 0:
            left = (time.monotonic() - start) / (step + 1) * (len(batches) - step - 1)
            print(f'step {step + 1}/{len(batches)}  loss {loss.item():.3f}  about {left:.0f} s left', flush=True)


def save(model: nn.Module, out: Path) -> None:
    """Write an open_clip folder; the configuration comes last, so its presence says that the folder is complete."""
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, out / WEIGHTS)
    config = {'model_cfg': MODEL_CFG, 'preprocess_cfg': PREPROCESS_CFG}
    (out / CONFIG).write_text(json.dumps(config, indent=2))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--shards', type=Path, default='data/nano/clip', help='folder of {train,val}-*.tar')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--lr', type=float, default=1.5e-3)
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if (args.out / CONFIG).is_file():
        print(f'{args.out} is complete; remove it to train again.')
        return
    torch.manual_seed(args.seed)
    images, captions, _ = read_shards(find_shards(args.shards, 'train'))
    model = open_clip.CLIP(**MODEL_CFG)
    tokenizer = open_clip.SimpleTokenizer(context_length=MODEL_CFG['text_cfg']['context_length'])
    print(f'{len(images)} pairs, {sum(p.numel() for p in model.parameters()):,} parameters', flush=True)
    train(model, images, tokenizer(captions), args.epochs, args.batch_size, args.lr, args.seed)
    images, _, digits = read_shards(find_shards(args.shards, 'val'))
    accuracy = zero_shot_accuracy(model, tokenizer, images, digits)
    print(f'Zero-shot accuracy on {len(images)} held-out pairs: {accuracy:.3f}')
    save(model, args.out)


if __name__ == '__main__':
    main()
