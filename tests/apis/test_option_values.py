"""Values of --cfg-options."""

import argparse

import pytest

from eva_mm.apis.option_values import parse_value
from eva_mm.apis.options import parse_cfg_options
from eva_mm.cli.run_options import add_cfg_options

VALUES = {
    '3': 3,
    '1e-4': 1e-4,
    'true': True,
    'None': None,
    '': '',
    'abc': 'abc',
    '/data/my dir/x': '/data/my dir/x',
    "'3'": '3',
    'a,b': ['a', 'b'],
    '1, 2': [1, 2],
    '[1]': [1],
    '[]': [],
    '(1,2.5)': (1, 2.5),
    '(1,)': (1,),
    '[(1,2),[a,b]]': [(1, 2), ['a', 'b']],
    'a photo of the digit {}': 'a photo of the digit {}',
    "['a photo of the digit {}', 'one, two', \"it's {}\"]": ['a photo of the digit {}', 'one, two', "it's {}"],
    "[it's a {}, a {}]": ["it's a {}", 'a {}'],
    '(a) and (b)': '(a) and (b)',
    'a smile :(': 'a smile :(',
    'b]': 'b]',
    "{'a': 1, b: [x, y]}": {'a': 1, 'b': ['x', 'y']},
    'dict(type=A,x=dict(y=1))': {'type': 'A', 'x': {'y': 1}},
    '[dict(type=A, file=C:/a b), {type: B, 1: 2}]': [{'type': 'A', 'file': 'C:/a b'}, {'type': 'B', 1: 2}],
    '{} painting, {} photo': ['{} painting', '{} photo'],
    'https://a/b?c=d': 'https://a/b?c=d',
}


@pytest.mark.parametrize('text', VALUES)
def test_value(text):
    assert parse_value(text) == VALUES[text] and type(parse_value(text)) is type(VALUES[text])


def test_given_twice_the_options_add_up():
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    args = parser.parse_args(['--cfg-options', 'a.b=1', 'c= x y', '--cfg-options', 'd=[dict(e=f)]', 'a.b=2'])
    assert parse_cfg_options(args.cfg_options) == {'a.b': 2, 'c': 'x y', 'd': [{'e': 'f'}]}
