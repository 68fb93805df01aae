"""The command ``eva-mm``: one module per verb; what ``tools/*.py`` run.

A verb's module has ``DESCRIPTION``, ``add_arguments(parser)`` and ``run(args)``. Nothing heavy is imported before the
arguments are known, so that ``--help`` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

# verb -> what it does, in a line; its module has the name of the verb, with underscores
VERBS: dict[str, str] = {
    'train': 'train any task from its config',
    'test': 'evaluate a checkpoint with its config',
    'infer': 'use a model on images and videos',
    'list': 'list models by name, task and released file',
    'download': 'download released weights by the name of a model or a file',
    'copy': 'copy a shipped config to edit it',
    'new-config': 'write a config for your own data and GPUs',
    'plan': 'memory, FLOPs and days of a training run',
    'publish': 'one file for inference from a training run',
    'convert': 'convert a checkpoint to another layout or size',
    'average': 'average the weights of several checkpoints',
    'export': 'write a model as an ONNX, OpenVINO or torch.export graph',
    'export-open-clip': 'write an EVA-CLIP as a directory that open_clip opens',
    'index': 'index folders, shards and zip files for pre-training',
    'demo': 'serve a local web page (in a checkout)',
}


def _usage() -> str:
    width = max(map(len, VERBS))
    verbs = '\n'.join(f'  {verb:{width}}  {text}' for verb, text in VERBS.items())
    return (
        'usage: eva-mm VERB [options]\n\nEVA and other plain vision transformers in OpenMMLab.\n\n'
        f'verbs:\n{verbs}\n\noptions:\n  -h, --help     show this message; eva-mm VERB --help shows that of a verb\n'
        '  --version      show the version'
    )


def _parse_verb(arguments: Sequence[str]) -> str | None:
    """The verb, or ``None`` if all is said; ends the program where the call is invalid."""
    from eva_mm.version import __version__

    first = arguments[0] if arguments else '--help'
    if first in ('-h', '--help', '--version'):
        print(f'eva-mm {__version__}' if first == '--version' else _usage())
        return None
    if first not in VERBS:
        from difflib import get_close_matches

        near = get_close_matches(first, VERBS, n=1)
        hint = f'did you mean {near[0]}? ' if near else ''
        print(f'error: eva-mm has no verb {first!r}: {hint}eva-mm --help lists them.', file=sys.stderr)
        sys.exit(2)
    return first


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run a verb.

    Args:
        argv: The verb and its arguments; default: those of the command line.
        prog: How messages call the program; default: ``eva-mm VERB``.
    """
    # a verb's module may hide a builtin of its name here
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    verb = _parse_verb(arguments)
    if verb is None:
        return
    module = import_module(f'eva_mm.cli.{verb.replace("-", "_")}')
    parser = argparse.ArgumentParser(
        prog=prog or f'eva-mm {verb}',
        description=module.DESCRIPTION,
        epilog=getattr(module, 'EPILOG', None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    args = parser.parse_args(arguments[1:])
    from eva_mm.apis.errors import user_errors

    # a host that no extra was installed for
    with user_errors(ModuleNotFoundError):
        module.run(args)
