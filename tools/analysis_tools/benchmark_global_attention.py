"""Time and peak memory of one global attention with decomposed relative position, in three forms.

``plain`` holds logits, bias and softmax as whole N x N matrices, as released; ``bias`` hands the N x N bias to torch's
fused attention; ``channels`` is what eva_mm does, extra channels of queries and keys instead of a bias.

    python tools/analysis_tools/benchmark_global_attention.py --side 80 --heads 4 --head-dims 88

Each form runs in a process of its own, forward only. On a CPU the peak is the growth of the resident set, on a GPU
that of torch's allocator.
"""

import argparse
import multiprocessing
import resource
import time

import torch
from torch import Tensor

from eva_mm.layers import Attention
from eva_mm.layers.relative_position import DecomposedRelativePosition, relative_offsets


class PlainRelativePosition(DecomposedRelativePosition):
    """The same tables as an N x N bias."""

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys unchanged, and the bias (B, h, N, N)."""
        height, width = grid
        q_map = q.unflatten(2, grid)
        rows = torch.einsum('bnhwd,hkd->bnhwk', q_map, relative_offsets(self.h, height))
        columns = torch.einsum('bnhwd,wkd->bnhwk', q_map, relative_offsets(self.w, width))
        bias = rows[..., :, None] + columns[..., None, :]
        return q, k, bias.reshape(*q.shape[:3], k.shape[2])


def build(form: str, args: argparse.Namespace) -> Attention:
    """An attention with random tables; the same numbers for every form."""
    torch.manual_seed(0)
    kind = DecomposedRelativePosition if form == 'channels' else PlainRelativePosition
    relative = kind(args.head_dims, (args.side, args.side))
    for table in relative.parameters():
        torch.nn.init.normal_(table, std=0.1)
    attention = Attention(args.heads * args.head_dims, args.heads, relative_position=relative, fp32=form == 'plain')
    return attention.to(args.device).eval()


@torch.no_grad()
def measure(form: str, args: argparse.Namespace) -> tuple[float, float, Tensor]:
    """Seconds of the best forward, peak of memory in MB above the inputs and weights, and the output."""
    torch.set_num_threads(args.threads)
    attention = build(form, args)
    x = torch.randn(1, args.side**2, args.heads * args.head_dims, device=args.device)
    on_gpu = torch.device(args.device).type == 'cuda'
    attention(x[:, :256], (16, 16))
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        out = attention(x, (args.side, args.side))
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    if on_gpu:
        peak = torch.cuda.max_memory_allocated() - before
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return min(seconds), peak / 2**20, out.cpu()


def main() -> None:
    """Print one line per form and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--side', type=int, default=80, help='tokens along each side of the map')
    parser.add_argument('--heads', type=int, default=4)
    parser.add_argument('--head-dims', type=int, default=88)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    results = {}
    for form in ('plain', 'bias', 'channels'):
        # a fresh process, because the peak of the resident set never falls again
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            results[form] = pool.apply(measure, (form, args))
        print(f'{form:9s} {results[form][0]:8.3f} s {results[form][1]:9.1f} MB')
    (plain_time, plain_peak, plain), (time_, peak, folded) = results['plain'], results['channels']
    print(f'time x {time_ / plain_time:.2f}, peak memory x {peak / plain_peak:.3f} of the plain form')
    print(f'largest difference {(plain - folded).abs().max():.1e}, largest value {plain.abs().max():.1e}')


if __name__ == '__main__':
    main()
