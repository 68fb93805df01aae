# What the retrieval configs share. Annotations: Karpathy's splits, dataset_coco.json and dataset_flickr30k.json.
_base_ = ['zero-shot_images.py']

test_dataloader = dict(
    dataset=dict(
        type='eva_mm.CaptionedImages',
        split='test',
        pipeline=[
            _base_.load_image,
            *_base_.resize,
            dict(type='eva_mm.CLIPTokenize', context_length=77),
            dict(type='eva_mm.PackImageText', meta_keys=('img_path', 'text')),
        ],
    )
)
test_evaluator = dict(_delete_=True, type='eva_mm.RetrievalRecall')
