"""``eva-mm export-open-clip`` and ``tools/model_converters/export_open_clip.py``."""

import argparse

DESCRIPTION = """\
Write an EVA-CLIP as a folder that plain open_clip opens.

    eva-mm export-open-clip configs/nano/clip.py CHECKPOINT FOLDER
    python -c "import open_clip; open_clip.create_model_from_pretrained('local-dir:FOLDER')"

Such a folder is also a teacher for the next pre-training: model.target_generator.model=local-dir:FOLDER.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('config', help='config of the EVA-CLIP')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('folder', help='where to write')
    parser.add_argument(
        '--layout',
        choices=['auto', 'timm', 'native'],
        default='auto',
        help="timm: as open_clip's EVA01-g-14, for EVA-g alone; native: open_clip's own vision tower, for any size",
    )


def run(args: argparse.Namespace) -> None:
    """Run it."""
    from eva_mm.apis import user_errors
    from eva_mm.apis.exporting.open_clip import export_open_clip

    with user_errors():
        export_open_clip(args.config, args.checkpoint, args.folder, args.layout)
    print(f"{args.folder} is written: open_clip.create_model_from_pretrained('local-dir:{args.folder}')")
