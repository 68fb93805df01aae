from mmengine.config import Config

from eva_mm.apis.runner import WORKER_TIMEOUT, _limit_waiting


def test_a_worker_that_hangs_ends_the_run():
    cfg = Config(
        dict(
            train_dataloader=dict(num_workers=2),
            val_dataloader=[dict(num_workers=1), dict(num_workers=0)],
            test_dataloader=dict(num_workers=2, timeout=7),
        )
    )
    _limit_waiting(cfg)
    assert cfg.train_dataloader.timeout == cfg.val_dataloader[0].timeout == WORKER_TIMEOUT
    # torch refuses one without workers
    assert 'timeout' not in cfg.val_dataloader[1] and cfg.test_dataloader.timeout == 7
