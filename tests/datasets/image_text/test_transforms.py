import numpy as np

from eva_mm.datasets.image_text.transforms import CLIPTokenize, PackImageText


def test_one_text_and_several():
    tokenize = CLIPTokenize(context_length=6)
    assert tokenize(dict(text='a cat'))['tokens'].tolist() == [49406, 320, 2368, 49407, 0, 0]
    assert tokenize(dict(text=['a cat', 'a dog']))['tokens'].shape == (2, 6)


def test_a_long_text_keeps_its_end_token():
    tokens = CLIPTokenize(context_length=4)(dict(text='a cat and a dog'))['tokens']
    assert len(tokens) == 4 and tokens[-1] == 49407


def test_packing():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    packed = PackImageText()(dict(img=image, tokens='tokens', text='a cat', key='7'))
    assert packed['inputs'].shape == (3, 2, 4) and packed['inputs'][2, 1, 0] == image[1, 0, 2]
    assert packed['data_samples'].text == 'a cat' and packed['data_samples'].key == '7'
