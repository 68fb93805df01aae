import json

import numpy as np
import pytest

pytest.importorskip('lvis')
from lvis import LVIS, LVISEval, LVISResults  # noqa: E402
from lvis import eval as lvis_eval  # noqa: E402


def test_evaluation_runs_on_the_installed_numpy(tmp_path):
    box = [10, 10, 20, 30]
    truth = dict(
        images=[dict(id=1, height=64, width=64, not_exhaustive_category_ids=[], neg_category_ids=[])],
        categories=[dict(id=1, name='cup', frequency='f', image_count=1)],
        annotations=[dict(id=1, image_id=1, category_id=1, bbox=box, area=600, segmentation=[])],
    )
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    lvis = LVIS(str(tmp_path / 'truth.json'))
    found = LVISResults(lvis, [dict(image_id=1, category_id=1, bbox=box, score=0.9)])
    evaluation = LVISEval(lvis, found, 'bbox')
    evaluation.run()
    assert evaluation.get_results()['AP'] == pytest.approx(1.0)


def test_numpy_itself_is_left_alone():
    assert lvis_eval.np.float is float
    assert lvis_eval.np.zeros is np.zeros
    if int(np.__version__.split('.')[0]) >= 2:
        assert not hasattr(np, 'float')
