# What the recipes of EVA-02 on ImageNet-1K share, at 336 pixels. Source: the release's EVA-02/asuka, README and
# run_class_finetuning.py. Data, optimizer, initial classifier, averaged weights and the patch embedding, which gets no
# gradient, are EVA-g's. Attention is a fused kernel.
_base_ = ['../eva-g-p14_in21k-pre_in1k-336px.py']

model = dict(
    backbone=dict(drop_path_rate=0.1, attn_fp32=False, with_cp=False), head=dict(loss=dict(label_smooth_val=0.1))
)
