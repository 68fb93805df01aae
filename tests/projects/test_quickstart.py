import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.nn import functional as F

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'projects' / 'quickstart')
    import plan
    import train_clip

    yield plan, train_clip
    for name in ('plan', 'steps', 'tasks', 'train_clip'):
        sys.modules.pop(name, None)


def test_scenes_show_both_images(scripts):
    _, train_clip = scripts
    generator = torch.Generator().manual_seed(0)
    behind, front = torch.zeros(4, 3, 84, 84), torch.full((4, 3, 84, 84), 200, dtype=torch.uint8)
    scenes = train_clip.paste(behind, front, generator)
    assert not behind.any(), 'the images themselves stay as they are'
    places = set()
    for scene in scenes:
        rows, columns = (scene[0].any(dim=axis).nonzero().flatten() for axis in (1, 0))
        assert len(rows) == len(columns), 'a square'
        assert train_clip.PASTED_SIDES[0] <= len(rows) < train_clip.PASTED_SIDES[1]
        pasted = scene[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert torch.allclose(pasted, torch.tensor(200.0), atol=1e-3)
        places.add((int(rows[0]), int(columns[0])))
    assert len(places) == 4, 'each at its own place'


def test_the_pasted_image_is_whole(scripts):
    _, train_clip = scripts
    front = torch.rand(1, 3, 84, 84, generator=torch.Generator().manual_seed(1)) + 1
    scene = train_clip.paste(torch.zeros(1, 3, 84, 84), front, torch.Generator().manual_seed(2))[0]
    rows, columns = (scene[0].any(dim=axis).nonzero().flatten() for axis in (1, 0))
    pasted = scene[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shrunk = F.interpolate(front, size=pasted.shape[1:], mode='bilinear', antialias=True)[0]
    assert torch.allclose(pasted, shrunk)


def test_a_study_starts_from_what_its_config_names(scripts):
    plan, _ = scripts
    teacher, student = plan.study_foundation(plan.STUDY)[-2:]
    config = Config.fromfile(ROOT / next(part for part in student.command if part.startswith('configs/')))
    assert config.model.target_generator.model == f'local-dir:{teacher.folder}'
    assert config.train_dataloader.dataset.sources.coco.endswith('train2017'), 'never what detectors are measured on'
