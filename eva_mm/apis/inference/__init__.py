"""Using models: one inferencer per task, one interface for all.

    from eva_mm.apis import build_inferencer

    inferencer = build_inferencer('classification')                     # the released file in ./checkpoints
    inferencer = build_inferencer('configs/nano/detection.py', 'work_dirs/detection/iter_300.pth', score_thr=0.5)
    for result in inferencer(['photo.jpg', array], batch_size=2):
        result.error or result.prediction, result.picture

========================================================================================================================
task            options                       ``Result.prediction``
========================================================================================================================
classification  ``topk=5``                    ``top``: list of ``label``, ``name``, ``score``, best first
zero-shot       ``text_labels``,              the same; the classes are the texts
                ``templates``, ``topk=5``
video           ``topk=5``                    the same; inputs are video files
detection       ``score_thr=0.3``             ``height``, ``width``, ``detections``: list of ``category_id``, ``name``,
                                              ``bbox`` [x, y, w, h], ``score``, ``segmentation`` (COCO's RLE)
segmentation                                  ``height``, ``width``, ``classes``: list of ``label``, ``name``,
                                              ``share``; ``Result.arrays['labels']``: (H, W) labels
features        ``zoom=1``                    ``grid``, ``channels``, ``explained``: variance shares of the three
                                              colours; ``Result.arrays['features']``: (h, w, C) float32
mim                                           ``grid``, ``mean``, ``similarity``: (h, w) cosines of student and
                                              teacher at patches that were hidden from the student
========================================================================================================================

``score_thr`` only limits what is drawn; the prediction has all that the model's own ``test_cfg`` keeps.
"""

from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.build import build_inferencer
from eva_mm.apis.inference.sources import Input, check_inputs, find_inputs
from eva_mm.apis.inference.write import ResultWriter

__all__ = ['Inferencer', 'Input', 'Result', 'ResultWriter', 'build_inferencer', 'check_inputs', 'find_inputs']
