"""How well the features of a pre-training separate labelled images, measured on the way."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, FUNCTIONS
from mmengine.runner import Runner
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from eva_mm.registry import HOOKS


def knn_accuracy(train: Tensor, labels: Tensor, val: Tensor, val_labels: Tensor, k: int = 20) -> float:
    """Top-1 accuracy in per cent of weighted nearest neighbours.

    The k training images of the largest cosine similarity s vote with exp(s / 0.07), as in arXiv 1805.01978.

    Args:
        train, val: Features (N, C) and (M, C).
        labels, val_labels: (N,) and (M,) int64.
        k: Neighbours; all images if there are fewer.
    """
    train, val = F.normalize(train.float(), dim=1), F.normalize(val.float(), dim=1)
    votes = torch.zeros(len(val), int(labels.max()) + 1)
    for rows in torch.arange(len(val)).split(1024):
        similarity, neighbours = (val[rows] @ train.T).topk(min(k, len(train)), dim=1)
        votes[rows] = votes[rows].scatter_add(1, labels[neighbours], (similarity / 0.07).exp())
    return 100 * (votes.argmax(1) == val_labels).float().mean().item()


def linear_accuracy(train: Tensor, labels: Tensor, val: Tensor, val_labels: Tensor, decay: float = 1e-3) -> float:
    """Top-1 accuracy in per cent of a logistic regression on standardised features, by L-BFGS.

    Args:
        train, val: Features (N, C) and (M, C).
        labels, val_labels: (N,) and (M,) int64.
        decay: Of the mean loss, half the squared norm of the weights counts this much.
    """
    mean, std = train.float().mean(0), train.float().std(0).clamp(min=1e-6)
    train, val = (train.float() - mean) / std, (val.float() - mean) / std
    weight = torch.zeros(int(labels.max()) + 1, train.shape[1], requires_grad=True)
    bias = torch.zeros(len(weight), requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn='strong_wolfe')

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(F.linear(train, weight, bias), labels) + decay / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(loss)
    with torch.no_grad():
        return 100 * (F.linear(val, weight, bias).argmax(1) == val_labels).float().mean().item()


@HOOKS.register_module()
class FeatureAccuracyHook(Hook):
    """Log the accuracy of nearest neighbours and of a linear probe on the mean patch token of the last block.

    Every rank computes all of it, since the model may be spread over them. The random state of the training is not
    touched: losses are the same with and without the hook.

    Args:
        train, val: Data sets of labelled images; their samples have ``gt_label`` and the size of the pre-training.
        batch_size: Images at once.
        interval: Epochs between measurements; iterations if ``by_epoch`` is false. The end is measured in any case.
        by_epoch: See ``interval``.
        k: Neighbours.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        train: Mapping[str, Any],
        val: Mapping[str, Any],
        batch_size: int = 64,
        interval: int = 1,
        by_epoch: bool = True,
        k: int = 20,
    ) -> None:
        self.parts = {'train': dict(train), 'val': dict(val)}
        self.batch_size, self.interval, self.by_epoch, self.k = batch_size, interval, by_epoch, k
        self._measured = -1

    def before_train(self, runner: Runner) -> None:
        """Build the data sets, so that a missing folder is found before training."""
        collate = FUNCTIONS.get('default_collate')
        # not a sampler of mmengine, which would give each rank a part
        self._loaders = {
            part: DataLoader(DATASETS.build(dict(cfg)), self.batch_size, collate_fn=collate)
            for part, cfg in self.parts.items()
        }

    @torch.no_grad()
    def _features(self, runner: Runner, part: str) -> tuple[Tensor, Tensor]:
        model: Any = runner.model
        while hasattr(model, 'module'):
            model = model.module
        features, labels = [], []
        for batch in self._loaders[part]:
            data = model.data_preprocessor(batch, False)
            tokens = model.extract_feat(data['inputs'])
            front = getattr(model.backbone, 'num_extra_tokens', 1)
            features.append(tokens[:, front:].float().mean(1).cpu())
            labels += [int(sample.gt_label) for sample in data['data_samples']]
        return torch.cat(features), torch.tensor(labels)

    def measure(self, runner: Runner) -> dict[str, float]:
        """``knn_top1`` and ``linear_top1``, in per cent."""
        training = runner.model.training
        runner.model.eval()
        with torch.random.fork_rng():
            sets = (*self._features(runner, 'train'), *self._features(runner, 'val'))
            found = {'knn_top1': knn_accuracy(*sets, k=self.k), 'linear_top1': linear_accuracy(*sets)}
        runner.model.train(training)
        return found

    def _log(self, runner: Runner, iterations: int, step: int) -> None:
        if self._measured == iterations:
            return
        self._measured = iterations
        found = self.measure(runner)
        if is_main_process():
            runner.visualizer.add_scalars(found, step=step)
        runner.logger.info(
            f'features after {iterations:,} iterations: {found["knn_top1"]:.2f} % by {self.k} nearest neighbours, '
            f'{found["linear_top1"]:.2f} % by a linear probe'
        )

    def after_train_epoch(self, runner: Runner) -> None:
        """Measure at the end of every ``interval``-th epoch."""
        if self.by_epoch and self.every_n_epochs(runner, self.interval):
            self._log(runner, runner.iter, runner.epoch + 1)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Measure after every ``interval``-th iteration."""
        if not self.by_epoch and self.every_n_train_iters(runner, self.interval):
            self._log(runner, runner.iter + 1, runner.iter + 1)

    def after_train(self, runner: Runner) -> None:
        """Measure the end."""
        self._log(runner, runner.iter, runner.epoch if self.by_epoch else runner.iter)
