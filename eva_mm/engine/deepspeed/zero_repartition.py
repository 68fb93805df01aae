"""ZeRO checkpoints of one number of processes, cut anew for another.

ZeRO-1 and 2 flatten each parameter group, cut it into as many parts as there are processes, and save every process's
part of the fp32 weights and of the optimizer's moments. A file says which stretch of which parameter lies where in its
part, so the parts are put together parameter by parameter and cut by the layout of the running optimizer: no value
changes.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eva_mm.safe_io.weights import read_weights

PARTS = 'single_partition_of_fp32_groups'
STATE = 'base_optimizer_state'


def saved_processes(directory: str | Path) -> int | None:
    """For how many processes a DeepSpeed checkpoint directory was cut; ``None`` under ZeRO-3."""
    whole_model = Path(directory) / 'mp_rank_00_model_states.pt'
    if not whole_model.exists():
        return None
    return read_weights(whole_model)['dp_world_size']


def load_repartitioned(directory: str | Path, optimizer: Any, rank: int, processes: int) -> None:
    """Load fp32 weights, moments and loss scale of a checkpoint that was saved by another number of processes.

    Args:
        directory: The checkpoint, checked by :func:`~eva_mm.engine.deepspeed.checkpoint.check_directory`.
        optimizer: DeepSpeed's optimizer of ZeRO stage 1 or 2.
        rank: That of this process.
        processes: How many there are now.

    Raises:
        ValueError: The optimizer is of another kind, or the checkpoint is of another model.
    """
    if not hasattr(optimizer, '_param_slice_mappings') or not hasattr(optimizer, 'single_partition_of_fp32_groups'):
        raise ValueError(
            f'{directory} was saved by another number of processes, and {type(optimizer).__name__} cannot take it '
            'over: that takes ZeRO stage 1 or 2. Resume with as many processes, or use --load-from.'
        )
    shards = _read_shards(Path(directory))
    new = dict(shards[0])
    new[PARTS], new[STATE] = [], {**shards[0][STATE], 'state': {}}
    for group, current in enumerate(optimizer.single_partition_of_fp32_groups):
        params = {optimizer.param_names[param]: param for param in optimizer.bit16_groups[group]}
        if params.keys() != set().union(*(shard['param_slice_mappings'][group] for shard in shards)):
            raise ValueError(f'{directory} has other parameters in group {group} than this run: give its own config.')
        new[PARTS].append(_cut(_join([shard[PARTS][group] for shard in shards], shards, group), params, current))
        old = [shard[STATE]['state'].get(group, {}) for shard in shards]
        new[STATE]['state'][group] = {
            name: _cut(_join([each[name] for each in old], shards, group), params, current) if value.dim() else value
            for name, value in old[0].items()
        }
    new['param_alignment_paddings'] = optimizer.round_robin_bit16_padding
    everyone: list[dict | None] = [None] * processes
    everyone[rank] = new
    optimizer.load_state_dict(everyone, load_optimizer_states=True, load_from_fp32_weights=True)


def _read_shards(directory: Path) -> list[dict]:
    def rank_of(file: Path) -> int:
        return int(file.name.split('pp_rank_')[1].split('_')[0])

    files = sorted(directory.glob('*zero_pp_rank_*_optim_states.pt'), key=rank_of)
    # `check_directory` has allowed the classes that DeepSpeed keeps in them
    return [read_weights(file)['optimizer_state_dict'] for file in files]


def _join(parts: list[Tensor], shards: list[dict], group: int) -> dict[str, Tensor]:
    """Whole flat parameters (or their moments) by name, of the parts of all processes in order."""
    pieces: dict[str, list[Tensor]] = {}
    for part, shard in zip(parts, shards, strict=True):
        for name, place in shard['param_slice_mappings'][group].items():
            pieces.setdefault(name, []).append(part[place.start : place.start + place.numel])
    return {name: torch.cat(each) for name, each in pieces.items()}


def _cut(wholes: dict[str, Tensor], params: dict[str, Any], like: Tensor) -> Tensor:
    """The part of this process, zero where the layout pads."""
    part = torch.zeros(like.shape, dtype=like.dtype)
    for name, param in params.items():
        if wholes[name].numel() != param.numel():
            raise ValueError(
                f'The checkpoint has {wholes[name].numel():,} values of {name}, this run has {param.numel():,}: resume '
                'with the config it was saved with.'
            )
        mapping = param._hp_mapping
        if mapping is not None:
            here, there = mapping.hp_fragment_address, mapping.lp_fragment_address
            part[here.start : here.start + here.numel] = wholes[name][there.start : there.start + there.numel]
    return part
