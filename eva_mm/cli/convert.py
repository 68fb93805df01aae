"""``eva-mm convert`` and ``tools/model_converters/convert_eva.py``."""

import argparse
import json
from pathlib import Path

from eva_mm.cli.run_options import add_weights_option

OURS = 'eva_mm'
# under which each layout has its weights in a .pt or .pth file
WRAPPERS = {OURS: 'state_dict', 'released': 'model', 'timm': '', 'open_clip': ''}

DESCRIPTION = """\
Convert any published EVA checkpoint, or one of ours, to another layout or size.

    eva-mm convert eva_psz14.pt eva_psz14_cls.pth --task classification
    eva-mm convert eva_psz14.pt eva_psz14to16.pt --to released --patch-size 16 --img-size 224
    eva-mm convert work_dirs/ft/published.pth timm.safetensors --to timm
    eva-mm convert eva_clip_psz14.pt eva_clip_psz14_open_clip --to open_clip

The layout of the source is detected. What happened to every weight is printed. The last command makes a folder that
open_clip loads as ``local-dir:eva_clip_psz14_open_clip``; EVA-L's pre-training takes it as its teacher.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('src', help='.pt, .pth or .safetensors file')
    parser.add_argument('dst', help='.pt, .pth or .safetensors file; with --to open_clip also a new folder')
    parser.add_argument('--task', help='task whose model the weights are for; needed unless --to names another layout')
    parser.add_argument('--to', default=OURS, choices=WRAPPERS, help='layout to write (default: that of this package)')
    parser.add_argument('--source', default='auto', help='layout of the source, if it is not to be detected')
    add_weights_option(parser)
    parser.add_argument('--patch-size', type=int, help='resize the patch kernel to this many pixels')
    parser.add_argument('--img-size', type=int, help='resize the positions to square images of this many pixels')


def open_clip_folder(dst: str) -> Path:
    """Make a folder for open_clip and give the weights' place in it."""
    import open_clip

    from eva_mm.apis import UserError

    folder = Path(dst)
    if folder.exists():
        raise UserError(f'{folder} exists and is not overwritten: remove it or give another name.')
    folder.mkdir(parents=True)
    config = {'model_cfg': open_clip.get_model_config('EVA01-g-14'), 'preprocess_cfg': {}}
    (folder / 'open_clip_config.json').write_text(json.dumps(config, indent=2))
    return folder / 'open_clip_model.safetensors'


def run(args: argparse.Namespace) -> None:
    """Run it."""
    # after the arguments are known: the libraries take seconds to import
    from eva_mm.apis import UserError, user_errors
    from eva_mm.checkpoint import Checkpoint, convert_state_dict, export_state_dict
    from eva_mm.checkpoint.file_grid import recorded_grid
    from eva_mm.checkpoint.fit import fit_to_size
    from eva_mm.checkpoint.save import check_destination, write_weights

    with user_errors():
        as_folder = args.to == 'open_clip' and not Path(args.dst).suffix
        if not as_folder:
            check_destination(args.dst)
        if args.to == OURS and args.task is None:
            raise UserError('Say with --task what the weights are for, for instance --task classification.')
        checkpoint = Checkpoint.open(args.src).content
        if args.to == OURS:
            weights, report = convert_state_dict(checkpoint, args.task, args.source, which=args.weights)
        else:
            weights, report = export_state_dict(checkpoint, args.to, args.source, args.weights)
        if report.unexpected:
            raise UserError(f'{args.src} holds weights that nothing is known about: {", ".join(report.unexpected)}.')
        grid = recorded_grid(checkpoint)
        if args.patch_size or args.img_size:
            weights = fit_to_size(weights, report, args.patch_size, args.img_size, grid)
            # square now, which needs no record
            grid = None if args.img_size else grid
        print(report)
        dst = open_clip_folder(args.dst) if as_folder else args.dst
        print('wrote', write_weights(weights, dst, WRAPPERS[args.to], grid=grid))
