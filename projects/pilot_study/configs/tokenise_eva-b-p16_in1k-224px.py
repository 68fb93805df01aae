"""Pilot study, the tokenised rival: classify hidden patches into 8192 codes of CLIP features.

    export PYTHONPATH=projects/pilot_study:$PYTHONPATH
    python projects/pilot_study/make_codebook.py projects/pilot_study/configs/regress_eva-b-p16_in1k-224px.py \
        work_dirs/pilot_study/codebook.pt
    bash tools/dist_train.sh projects/pilot_study/configs/tokenise_eva-b-p16_in1k-224px.py 8

8192 codes as in BEiT v2, from k-means instead of an autoencoder.
"""

_base_ = ['regress_eva-b-p16_in1k-224px.py']

custom_imports = dict(imports=['pilot_heads'])
model = dict(
    head=dict(type='eva_mm.TokenisedFeatureHead', out_channels=8192, codebook='work_dirs/pilot_study/codebook.pt')
)
