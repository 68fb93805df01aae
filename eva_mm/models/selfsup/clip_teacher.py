"""The frozen CLIP whose patch features EVA regresses."""

from pathlib import Path

import open_clip
import timm
import torch
from torch import Tensor, nn

from eva_mm.checkpoint import Checkpoint
from eva_mm.checkpoint.torchscript import is_torchscript, read_torchscript
from eva_mm.registry import MODELS
from eva_mm.safe_io.files import read_json
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import value_problem

_LOCAL = 'local-dir:'


def _model_config(model: str) -> dict:
    """open_clip's config of a model given by name or by folder.

    Raises:
        FileNotFoundError: The folder has no ``open_clip_config.json``.
        ValueError: open_clip does not know the name.
    """
    if model.startswith(_LOCAL):
        folder = Path(model.removeprefix(_LOCAL))
        if not (folder / 'open_clip_config.json').is_file():
            raise FileNotFoundError(
                f'The CLIP teacher {model!r} was expected to be a folder with open_clip_config.json and weights: '
                'train or export it first, or name another teacher.'
            )
        _check_folder(folder)
        return {}
    config = open_clip.get_model_config(model)
    if config is None:
        raise ValueError(
            f'open_clip knows no model {model!r}: give a name of open_clip.list_models(), for instance '
            f"'ViT-L-14-quickgelu', or '{_LOCAL}FOLDER'."
        )
    return config


def _check_folder(folder: Path) -> None:
    """Refuse a folder whose config would make open_clip fetch towers by their names; its weights need no trust.

    Raises:
        ValueError: The config names a tower of the Hugging Face hub or one that timm does not have, or a file of
            weights is damaged or unsafe.
    """
    path = folder / 'open_clip_config.json'
    content = read_json(path)
    config = content.get('model_cfg') if isinstance(content, dict) else None
    towers = [config.get(f'{name}_cfg') for name in ('vision', 'text')] if isinstance(config, dict) else [None]
    if not all(isinstance(tower, dict) for tower in towers):
        raise ValueError(f'{path} has no model_cfg with vision_cfg and text_cfg: export the model again.')
    vision, text = towers
    hub = sorted(key for tower in towers for key in tower if key.startswith('hf_'))
    timm_name = vision.get('timm_model_name')
    if hub or (timm_name and not timm.is_model(str(timm_name))):
        what = hub[0] if hub else f'timm_model_name {timm_name!r}'
        raise ValueError(f'{path} has {printable(what)}, which would be fetched from a hub: use a folder without it.')
    chosen = open_clip.factory._find_checkpoint_in_dir(folder)
    if chosen:
        _check_weights(chosen)


def _check_weights(path: str | Path) -> None:
    """Verify a file before open_clip reads it, without running code either.

    Raises:
        ValueError: It is damaged, unsafe, or holds values that no weight can have.
    """
    if problem := value_problem(Checkpoint.open(path).weights):
        raise ValueError(f'{path} cannot be used: {problem}.')


def _check_quick_gelu(model: str, pretrained: str, quick_gelu: bool) -> None:
    """Refuse weights trained with the other GELU: open_clip only warns, and the features would be silently wrong."""
    if Path(pretrained).is_file():
        # OpenAI ships TorchScript archives, and all its models have QuickGELU; other files do not tell
        if not is_torchscript(pretrained):
            return
        trained_with = True
    else:
        tags = open_clip.list_pretrained_tags_by_model(model)
        if pretrained not in tags:
            raise ValueError(
                f'pretrained={pretrained!r} is neither a file nor a tag that open_clip has for {model!r}: give a file, '
                f'or one of {", ".join(tags) or "(none)"}.'
            )
        trained_with = bool(open_clip.get_pretrained_cfg(model, pretrained).get('quick_gelu', False))
    if trained_with != quick_gelu:
        name = model.removesuffix('-quickgelu') + ('-quickgelu' if trained_with else '')
        raise ValueError(
            f'The weights {pretrained!r} were trained with {"QuickGELU" if trained_with else "the exact GELU"} but '
            f'{model!r} computes the other one: name the model {name!r}.'
        )


@MODELS.register_module()
class CLIPTeacher:
    """Image tower of any open_clip model, giving projected patch tokens.

    Each patch token goes through the final norm and the image projection, as the class token does in CLIP itself; the
    class token is dropped; nothing is normalised. This is the released target, for OpenAI's CLIP-L (EVA-g) as for
    EVA-CLIP (EVA-L).

    This is no ``nn.Module``, so that no host finds its weights: they are in no optimizer, checkpoint, DDP bucket or
    ZeRO partition. They are fp32, frozen, always in evaluation mode, and follow the images to their device. Half
    precision images are seen under autocast.

    Args:
        model: A name that open_clip knows, or ``'local-dir:FOLDER'`` with ``open_clip_config.json`` and the weights.
        pretrained: A tag that open_clip has for this name, or a file: a state dict or OpenAI's own archive.
            Ignored for a folder.
        cache_dir: Where open_clip keeps what it downloads.

    Raises:
        ValueError: Unknown name or tag, or weights trained with another GELU than the model computes.
        FileNotFoundError: The folder has no ``open_clip_config.json`` (when the weights are loaded).
    """

    def __init__(
        self, model: str = 'ViT-L-14-quickgelu', pretrained: str | None = 'openai', cache_dir: str | None = None
    ) -> None:
        self.model = model
        self.pretrained = pretrained
        self.cache_dir = cache_dir
        self.visual: nn.Module | None = None
        if not model.startswith(_LOCAL):
            quick_gelu = bool(_model_config(model).get('quick_gelu', False))
            if pretrained is None:
                raise ValueError(f'The CLIP teacher {model!r} needs weights: set pretrained to a tag or a file.')
            _check_quick_gelu(model, pretrained, quick_gelu)

    def load(self) -> None:
        """Build the tower and load its weights; a second call does nothing."""
        if self.visual is not None:
            return
        _model_config(self.model)
        if Path(self.pretrained or '').is_file() and Path(self.pretrained).suffix in ('.npz', '.npy'):
            raise ValueError(f'{self.pretrained} holds NumPy arrays: convert it to safetensors or .pt first.')
        archive = Path(self.pretrained or '').is_file() and is_torchscript(self.pretrained)
        if not archive and Path(self.pretrained or '').is_file():
            _check_weights(self.pretrained)
        model = open_clip.create_model(
            self.model,
            pretrained=None if archive or self.model.startswith(_LOCAL) else self.pretrained,
            cache_dir=self.cache_dir,
            pretrained_text=False,
        )
        if archive:
            state_dict, own = read_torchscript(self.pretrained), model.state_dict()
            model.load_state_dict({key: value for key, value in state_dict.items() if key in own})
        self.visual = model.visual.float().requires_grad_(False).eval()

    def _project(self, tokens: Tensor) -> Tensor:
        """Normed patch tokens (B, N, C) through the projection that the class token has: (B, N, D)."""
        if hasattr(self.visual, 'trunk'):
            # a timm tower: the projection is the trunk's classifier, or sits in open_clip's head
            return self.visual.head(self.visual.trunk.head(tokens))
        return tokens if self.visual.proj is None else tokens @ self.visual.proj

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to features of their patches (B, N, D)."""
        self.load()
        device = images.device
        if next(self.visual.parameters()).device != device:
            self.visual.to(device)
        half = images.dtype in (torch.float16, torch.bfloat16)
        enabled = half or torch.is_autocast_enabled(device.type)
        with torch.autocast(device.type, dtype=images.dtype if half else None, enabled=enabled):
            out = self.visual.forward_intermediates(
                images, indices=1, normalize_intermediates=True, intermediates_only=True, output_fmt='NLC'
            )
            return self._project(out['image_intermediates'][-1])
