"""Packs configs/, tools/ and model-index.yml into the wheel as eva_mm/.mim, where OpenMMLab's mim looks for them."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PARTS = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        mim = Path(self.build_lib) / 'eva_mm' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, mim / part, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
            else:
                mim.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, mim / part)


setup(cmdclass={'build_py': BuildWithMim})
