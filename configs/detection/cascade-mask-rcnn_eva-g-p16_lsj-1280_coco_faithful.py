"""The released recipe to the letter: no gradient clipping, no guard against losses that are not finite.

python tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco_faithful.py 8
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py'

optim_wrapper = dict(clip_grad=None)
long_run = dict(loss_guard=None)
