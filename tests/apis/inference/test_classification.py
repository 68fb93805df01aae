"""Classification, video and zero-shot: the hosts' own numbers, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import build_inferencer


@pytest.fixture(scope='module')
def inferencer(nano):
    return nano('classification', topk=3)


def test_scores_are_those_of_mmpretrains_own_inferencer(inferencer, photos, tmp_path):
    from mmpretrain import ImageClassificationInferencer

    torch.save({'state_dict': inferencer.model.state_dict()}, tmp_path / 'run.pth')
    inferencer.cfg.dump(tmp_path / 'config.py')
    theirs = ImageClassificationInferencer(str(tmp_path / 'config.py'), str(tmp_path / 'run.pth'), device='cpu')
    path = str(photos / 'china.png')
    expected = theirs(path)[0]
    (result,) = inferencer(path)
    best = result.prediction['top'][0]
    assert best['label'] == expected['pred_label']
    assert best['score'] == pytest.approx(expected['pred_score'], abs=1e-6)
    assert best['name'] == inferencer.classes[best['label']]


def test_results_do_not_depend_on_batches_nor_on_who_reads(inferencer, photos):
    paths = [photos / 'china.png', photos / 'more' / 'flower.png']
    pixels = [np.asarray(Image.open(path)) for path in paths]
    one = inferencer(paths)
    for other in (inferencer(paths, batch_size=2), inferencer(pixels)):
        for left, right in zip(one, other):
            for first, second in zip(left.prediction['top'], right.prediction['top'], strict=True):
                assert first['label'] == second['label']
                assert first['score'] == pytest.approx(second['score'], abs=1e-5)
    assert one[0].prediction != one[1].prediction


def test_a_result_has_a_picture_of_the_input_with_a_caption(inferencer, photos):
    (result,) = inferencer(photos / 'china.png')
    original = np.asarray(Image.open(photos / 'china.png'))
    assert len(result.prediction['top']) == 3
    # enlarged threefold, and three lines below
    assert result.picture.shape[1] == 3 * original.shape[1] and result.picture.shape[0] > 3 * original.shape[0]
    assert np.array_equal(result.picture[1 : 3 * original.shape[0] : 3, 1::3], original)
    (bare,) = inferencer(photos / 'china.png', pictures=False)
    assert bare.picture is None and bare.prediction == result.prediction


def test_unreadable_files_are_sentences_in_their_place(inferencer, photos, damaged):
    inputs = [damaged / 'cut.jpg', photos / 'china.png', damaged / 'text.jpg', damaged / 'empty.png', 'gone.jpg']
    results = inferencer(inputs, batch_size=3)
    assert [result.error is None for result in results] == [False, True, False, False, False]
    for result, path in zip(results, inputs):
        assert result.input == str(path)
        if result.error:
            assert str(path) in result.error and result.prediction is None and '\n' not in result.error
    assert 'truncated' in results[0].error


def test_images_of_pillow_are_taken(inferencer, photos):
    path = photos / 'china.png'
    with Image.open(path) as image:
        (single,), (listed,) = inferencer(image), inferencer([image.convert('P').convert('RGB')])
    (expected,) = inferencer(path)
    assert single.prediction == expected.prediction and listed.prediction['top']


@pytest.mark.parametrize('pixels', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_pixels_of_another_kind_are_refused(inferencer, pixels):
    assert 'expected (H, W, 3) and uint8, RGB' in inferencer(pixels)[0].error


def test_half_precision_changes_little(inferencer, photos):
    exact = {each['label']: each['score'] for each in inferencer(photos / 'china.png')[0].prediction['top']}
    inferencer.half = True
    half = {each['label']: each['score'] for each in inferencer(photos / 'china.png')[0].prediction['top']}
    inferencer.half = False
    assert exact != half
    assert all(half[label] == pytest.approx(exact[label], abs=1e-2) for label in exact.keys() & half.keys())


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(topk=0), 'topk=0 must be positive'),
        (dict(score_thr=0.5), "classification has no option 'score_thr'"),
        (dict(task='depth'), "task='depth' is unknown"),
        (dict(classes=['a', 'b']), 'has 10 classes, and 2 names were given'),
        (dict(task='segmentation'), 'is a classification model, not for segmentation'),
    ],
)
def test_wrong_options_are_one_sentence(nano, options, message):
    with pytest.raises(UserError, match=message):
        nano('classification', **options)


def test_a_batch_of_nothing_is_refused(inferencer, photos):
    with pytest.raises(UserError, match='batch_size=0'):
        inferencer(photos / 'china.png', batch_size=0)


def test_class_names_come_from_the_checkpoint_first(inferencer, photos, tmp_path):
    names = [f'digit {index}' for index in range(10)]
    meta = dict(cfg=inferencer.cfg.pretty_text, dataset_meta=dict(classes=names))
    torch.save(dict(state_dict=inferencer.model.state_dict(), meta=meta), tmp_path / 'run.pth')
    alone = build_inferencer(tmp_path / 'run.pth')
    assert alone.classes == tuple(names)
    assert build_inferencer(tmp_path / 'run.pth', classes=list('abcdefghij')).classes == tuple('abcdefghij')
    assert alone(photos / 'china.png')[0].prediction['top'][0]['name'].startswith('digit ')


def test_a_video_is_classified_as_mmaction_does(nano, clip, photos):
    from mmaction.apis import inference_recognizer

    inferencer = nano('video', topk=100)
    inferencer.model.cfg = inferencer.cfg
    expected = inference_recognizer(
        inferencer.model, dict(filename=str(clip), label=-1, start_index=0, modality='RGB', num_frames=4),
        lambda data: _run(inferencer.pipeline, data),
    ).pred_score  # fmt: skip
    result, bad = inferencer([clip, photos / 'china.png'])
    scores = {each['label']: each['score'] for each in result.prediction['top']}
    assert [scores[label] for label in range(len(scores))] == pytest.approx(expected.tolist(), abs=1e-6)
    # four frames side by side, the later the brighter
    frames = np.split(result.picture[:32, : 4 * (result.picture.shape[1] // 4)], 4, axis=1)
    assert [frame.mean() for frame in frames] == sorted(frame.mean() for frame in frames)
    assert bad.error and 'china.png' in bad.error


def _run(pipeline, data):
    for step in (pipeline.reader, *pipeline.steps):
        data = step(data)
    return data


def test_zero_shot_scores_are_the_softmax_of_cosines(nano, photos):
    texts = ['a temple', 'a flower', 'nothing at all']
    inferencer = nano('clip', text_labels=texts)
    model = inferencer.model
    (result,) = inferencer(photos / 'china.png')
    sample = inferencer.pipeline(next(iter(_as_inputs(photos / 'china.png'))))
    with torch.no_grad():
        images = model.data_preprocessor({'inputs': sample.data['inputs'][None]}, False)['inputs']
        cosines = model.encode_image(images) @ model.encode_text(model.text.tokenize(texts)).T
    expected = (100 * cosines).softmax(dim=-1)[0]
    scores = {each['name']: each['score'] for each in result.prediction['top']}
    assert [scores[text] for text in texts] == pytest.approx(expected.tolist(), abs=1e-4)
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)


def _as_inputs(path):
    from eva_mm.apis.inference import find_inputs

    return find_inputs([path])


@pytest.mark.parametrize('texts', [['a dog'], ['a dog', 'a dog']])
def test_zero_shot_needs_different_texts(nano, texts):
    with pytest.raises(UserError, match='two or more different texts'):
        nano('clip', text_labels=texts)


def test_a_template_without_a_place_is_refused(nano):
    with pytest.raises(ValueError, match='needs {} where'):
        nano('clip', text_labels=['a', 'b'], templates=['a photo'])
