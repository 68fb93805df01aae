"""``eva-mm download``: released weights from the hub."""

import argparse

DESCRIPTION = """\
Download released weights by the name of a model or a file; each is checked and downloaded once.

    eva-mm download eva-l-p14_in21k-pre_in1k-196px
    eva-mm download eva02_L_pt_m38m_p14.pt
    eva-mm download hf://OWNER/REPOSITORY/FILE

Checkpoints may be written hf://OWNER/REPOSITORY[@REVISION]/FILE wherever a file of weights is expected, too. Needs the
extra hub.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('names', nargs='+', metavar='NAME', help='model, released file or hf:// address')
    parser.add_argument('--out-dir', help='default: $EVA_MM_WEIGHTS, else ./checkpoints')


def run(args: argparse.Namespace) -> None:
    """Run it."""
    from eva_mm.apis.download import download
    from eva_mm.apis.errors import user_errors
    from eva_mm.licences import LICENCES

    licences = {licence.source: licence.name for licence in LICENCES}
    with user_errors(OSError, ValueError, ModuleNotFoundError):
        for name in args.names:
            done = download(name, args.out_dir)
            compared = 'as its metafile says' if done.expected else 'its metafile has none to compare with'
            page = f'https://huggingface.co/{done.address.repository}'
            licence = licences.get(page, f'see {page}')
            print(f'{done.path}: {done.path.stat().st_size / 2**20:,.1f} MiB from {done.address}')
            print(f'  SHA-256 {done.sha256} ({compared}); licence: {licence}')
            if done.models:
                print(f'  for {", ".join(done.models)}: eva-mm test or eva-mm infer with that name')
