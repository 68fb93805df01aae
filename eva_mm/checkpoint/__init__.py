"""State-dict surgery as plain functions; no host library, no mmengine."""

from eva_mm.checkpoint.convert import Conversion, convert_state_dict
from eva_mm.checkpoint.export import EXPORTS, export_state_dict
from eva_mm.checkpoint.file import Checkpoint
from eva_mm.checkpoint.load import load_model, load_pretrained, read_checkpoint
from eva_mm.checkpoint.report import Report
from eva_mm.safe_io.weights import UnsafeCheckpointError

__all__ = [
    'EXPORTS',
    'Checkpoint',
    'Conversion',
    'Report',
    'UnsafeCheckpointError',
    'convert_state_dict',
    'export_state_dict',
    'load_model',
    'load_pretrained',
    'read_checkpoint',
]
