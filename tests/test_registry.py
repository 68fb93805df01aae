import subprocess
import sys
from importlib import import_module

import pytest

from eva_mm import registry
from eva_mm.registry import HOST_TYPES, MODELS, HostAwareRegistry

REGISTRIES = [value for value in vars(registry).values() if isinstance(value, HostAwareRegistry)]


@pytest.mark.parametrize('module', HOST_TYPES)
def test_the_table_of_host_types_is_complete(module):
    names = HOST_TYPES[module][2]
    import_module(module)
    registered = {
        name: cls for one in REGISTRIES for name, cls in one.module_dict.items() if cls.__module__.startswith(module)
    }
    assert set(names) == set(registered)


@pytest.mark.parametrize('name', [name for _, _, names in HOST_TYPES.values() for name in names])
def test_no_registered_name_is_a_host_s_own(name):
    from mmengine.registry import MODELS as ROOT

    assert ROOT.get(name) is None


def test_a_missing_host_is_one_sentence_when_its_type_is_asked_for(monkeypatch):
    monkeypatch.setitem(HOST_TYPES, 'eva_mm.nowhere', ('no_such_host', 'pretrain', ('NoSuchThing',)))
    with pytest.raises(ImportError, match=r'needs no_such_host, .* pip install "eva_mm\[pretrain\]"'):
        MODELS.get('NoSuchThing')


def test_a_backbone_needs_no_host():
    """The backbone is found from the root scope, and neither it nor `import eva_mm` imports a host."""
    code = (
        'import sys, eva_mm\n'
        'assert "torch" not in sys.modules\n'
        'from mmengine.registry import MODELS\n'
        'assert MODELS.get("eva_mm.EVAViT").__name__ == "EVAViT"\n'
        'assert not {"mmpretrain", "mmdet", "mmseg", "mmaction", "open_clip"} & set(sys.modules)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
