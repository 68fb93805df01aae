"""The gap between LVIS and COCO: a COCO and a LVIS model on the images of both validation sets, with LVIS annotations.

    python tools/analysis_tools/lvis_coco_gap.py subset
    python tools/analysis_tools/lvis_coco_gap.py table --coco-checkpoint eva_coco_seg.pth --lvis-checkpoint eva_lvis.pth

`subset` writes two files, made of the two validation files: LVIS's annotations of the common images with COCO's 80
classes, and the same images with all of LVIS's classes. `table` runs tools/test.py on either (a result that is there
is not computed again) and prints average precision of boxes and masks, and what the larger vocabulary costs.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from eva_mm.apis import UserError, user_errors

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'detection'
METRICS = {'box AP': 'lvis/bbox_AP', 'mask AP': 'lvis/segm_AP'}
EIGHTY, ALL = 'lvis_v1_val_5k_cocofied.json', 'lvis_v1_val_5k.json'


def write_subsets(lvis_file: Path, coco_file: Path, out: Path) -> list[Path]:
    """Write both files.

    Raises:
        FileNotFoundError, ValueError: A file is not there, or the two have nothing in common.
    """
    # not at the top: the package of data sets takes seconds to import
    from eva_mm.datasets.lvis_subset import common_images, restrict, with_coco_classes

    lvis, coco = (json.loads(path.read_text()) for path in (lvis_file, coco_file))
    part = restrict(lvis, common_images(lvis, coco))
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in ((EIGHTY, with_coco_classes(part, coco)), (ALL, part)):
        (out / name).write_text(json.dumps(content))
        print(f'{out / name}: {len(content["images"])} images, {len(content["categories"])} classes')
        written.append(out / name)
    return written


def evaluate(name: str, config: Path, checkpoint: str, annotations: Path, args: argparse.Namespace) -> dict[str, float]:
    """Metrics of one model on one file, from the json file of an earlier run if that exists."""
    metrics = args.out / f'{name}.json'
    if not annotations.is_file():
        raise UserError(f'There is no {annotations}: write it with `lvis_coco_gap.py subset`.')
    if not metrics.is_file():
        command = [sys.executable, str(ROOT / 'tools' / 'test.py'), str(config), checkpoint, '--out', str(metrics)]
        command += ['--work-dir', str(args.out / name), *(['--tta'] if args.tta else []), '--cfg-options']
        command += [
            'test_dataloader.dataset.data_root=',
            f'test_dataloader.dataset.data_prefix.img={args.images}',
            f'test_dataloader.dataset.ann_file={annotations.resolve()}',
            f'test_evaluator.ann_file={annotations.resolve()}',
        ]
        if subprocess.run(command).returncode != 0:
            raise UserError(f'{config} failed, see above; mend it and run again.')
    return json.loads(metrics.read_text())


def table(coco: dict[str, float], lvis: dict[str, float]) -> str:
    """A Markdown table, in per cent."""
    rows = ['| | COCO model, classes of COCO | LVIS model, all classes | gap |', '|---|---|---|---|']
    for name, key in METRICS.items():
        first, second = 100 * coco[key], 100 * lvis[key]
        rows.append(f'| {name} | {first:.1f} | {second:.1f} | {first - second:.1f} |')
    return '\n'.join(rows) + '\n'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    subset = commands.add_parser('subset', help='write the two annotation files')
    subset.add_argument('--lvis', type=Path, default=Path('data/lvis_v1/annotations/lvis_v1_val.json'))
    subset.add_argument('--coco', type=Path, default=Path('data/coco/annotations/instances_val2017.json'))
    subset.add_argument('--out', type=Path, default=Path('data/coco/lvis'), help='folder to write to')
    gap = commands.add_parser('table', help='evaluate both models and print the table')
    gap.add_argument('--coco-checkpoint', required=True)
    gap.add_argument('--lvis-checkpoint', required=True)
    gap.add_argument(
        '--coco-config', type=Path, default=CONFIGS / 'cascade-mask-rcnn_eva-g-p16_1536_lvis-annotation.py'
    )
    gap.add_argument('--lvis-config', type=Path, default=CONFIGS / 'cascade-mask-rcnn_eva-g-p16_1536_lvis.py')
    gap.add_argument('--subsets', type=Path, default=Path('data/coco/lvis'), help='folder of the two files')
    gap.add_argument('--images', default='data/coco/', help='folder of val2017')
    gap.add_argument('--tta', action='store_true', help='with test-time augmentation')
    gap.add_argument('--out', type=Path, default=Path('work_dirs/lvis-coco-gap'), help='folder of the results')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with user_errors(UserError, OSError, ValueError, KeyError):
        if args.command == 'subset':
            write_subsets(args.lvis, args.coco, args.out)
            return
        args.out.mkdir(parents=True, exist_ok=True)
        coco = evaluate('coco', args.coco_config, args.coco_checkpoint, args.subsets / EIGHTY, args)
        lvis = evaluate('lvis', args.lvis_config, args.lvis_checkpoint, args.subsets / ALL, args)
        (args.out / 'table.md').write_text(table(coco, lvis))
    print(table(coco, lvis), end='')


if __name__ == '__main__':
    main()
