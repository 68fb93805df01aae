"""Licences of weights: one for every family, the same in the documentation and in the command."""

from pathlib import Path

import pytest

from eva_mm.apis.model_index import model_index
from eva_mm.cli import main
from eva_mm.licences import LICENCES, licence_of
from eva_mm.models.backbones.arch_zoo import ARCH_ZOO

WEIGHTS = (Path(__file__).parents[1] / 'docs' / 'weights.md').read_text()


@pytest.mark.parametrize('arch', ARCH_ZOO)
def test_every_architecture_has_a_licence(arch):
    assert licence_of(arch) in LICENCES


@pytest.mark.parametrize(
    ('arch', 'family', 'identifier'),
    [
        ('giant', 'EVA', 'mit'),
        ('eva02-base', 'EVA-02', 'mit'),
        ('eva02-clip-base', 'EVA-CLIP, EVA-02-CLIP', 'mit'),
        ('dinov2-base-reg', 'DINOv2', 'apache-2.0'),
        ('dinov3-7b', 'DINOv3', 'other'),
        ('open-clip-huge', 'CLIP of LAION', 'mit'),
        ('siglip2-giant', 'SigLIP, SigLIP 2', 'apache-2.0'),
    ],
)
def test_the_licence_of_a_family(arch, family, identifier):
    assert (licence_of(arch).family, licence_of(arch).identifier) == (family, identifier)


def test_an_unknown_architecture_has_none():
    assert licence_of('dinov4-base') is None and licence_of('basement') is None


def test_every_released_file_is_listed_with_its_licence(capsys):
    main(['list'])
    models, licences = capsys.readouterr().out.split('\n\n')
    lines = {line.split()[0]: line for line in models.splitlines()}
    for name, info in model_index().items():
        assert lines[name].split()[1:] == [info.task, info.weights or '-', 'MIT' if info.weights else '-']
    assert 'DINOv3 License' in licences


def test_the_documentation_has_the_same_table():
    for each in LICENCES:
        assert f'| {each.family} | {each.name} | {each.source} |' in WEIGHTS
