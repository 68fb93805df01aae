import json

import open_clip
import pytest
import torch


@pytest.fixture
def teacher_folder(reference, tmp_path):
    """An open_clip folder whose image tower has the golden weights of the released teacher."""
    data = reference('clip_teacher_a.pt')
    config = data['config']
    model_config = dict(
        embed_dim=config['output_dim'],
        quick_gelu=True,
        vision_cfg=dict(
            image_size=config['input_resolution'],
            layers=config['layers'],
            width=config['width'],
            head_width=config['width'] // config['heads'],
            patch_size=config['patch_size'],
        ),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    model = open_clip.CLIP(**model_config)
    model.visual.load_state_dict(data['state_dict'])
    (tmp_path / 'open_clip_config.json').write_text(json.dumps({'model_cfg': model_config, 'preprocess_cfg': {}}))
    torch.save(model.state_dict(), tmp_path / 'open_clip_pytorch_model.bin')
    return tmp_path
