# Pixels as CLIP normalises them: pre-training and classification (facts of the release: CLIP mean and std, RGB).
clip_preprocessor = dict(
    mean=[255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073],
    std=[255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711],
    to_rgb=True,
)
