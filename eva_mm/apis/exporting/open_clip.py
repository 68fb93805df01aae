"""Giving models to other programs."""

from eva_mm.apis.config import load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.weights import load_weights
from eva_mm.registry import MODELS


def export_open_clip(config: str, checkpoint: str, folder: str, layout: str = 'auto') -> None:
    """Write an EVA-CLIP as a folder that open_clip opens with ``local-dir:FOLDER``.

    Args:
        config: Config of the model.
        checkpoint: Its weights: one of our runs or a released file.
        folder: Where to write.
        layout: See :func:`eva_mm.models.multimodal.open_clip_folder.save_open_clip_folder`.

    Raises:
        UserError: The config is not of an EVA-CLIP.
        ValueError: The layout cannot hold the model.
    """
    from eva_mm.models.multimodal.open_clip_folder import save_open_clip_folder

    cfg = load_config(config)
    if cfg.model.type != 'eva_mm.EVACLIP':
        raise UserError(f'{config} builds {cfg.model.type}, expected eva_mm.EVACLIP: give a config of configs/clip.')
    cfg.model.visual.init_cfg = cfg.model.text.init_cfg = None
    model = MODELS.build(cfg.model)
    load_weights(model, checkpoint)
    save_open_clip_folder(model, folder, layout)
