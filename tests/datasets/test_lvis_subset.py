import pytest

from eva_mm.datasets.lvis_subset import COCO_SYNSETS, common_images, restrict, with_coco_classes


def category(number, name, synset):
    return dict(id=number, name=name, synset=synset, frequency='f')


LVIS = dict(
    info={},
    images=[
        dict(id=8, neg_category_ids=[1, 4], not_exhaustive_category_ids=[6]),
        dict(id=9, neg_category_ids=[], not_exhaustive_category_ids=[]),
    ],
    categories=[
        category(1, 'cow', 'beef.n.01'),
        category(4, 'yoke', 'yoke.n.01'),
        category(6, 'hydrant', 'fireplug.n.01'),
        category(7, 'digit', 'digit.n.01'),
    ],
    annotations=[
        dict(id=1, image_id=8, category_id=1),
        dict(id=2, image_id=8, category_id=4),
        dict(id=3, image_id=9, category_id=6),
    ],
)
COCO = dict(
    images=[dict(id=8), dict(id=5)],
    categories=[dict(id=21, name='cow'), dict(id=11, name='fire hydrant'), dict(id=99, name='digit')],
)


def test_table_has_all_classes_of_coco():
    assert len(COCO_SYNSETS) == len(set(COCO_SYNSETS.values())) == 80
    assert min(COCO_SYNSETS) == 1 and max(COCO_SYNSETS) == 90


def test_only_common_images_are_kept():
    part = restrict(LVIS, common_images(LVIS, COCO))
    assert [image['id'] for image in part['images']] == [8]
    assert [each['id'] for each in part['annotations']] == [1, 2]
    assert part['categories'] == LVIS['categories']


def test_classes_and_ids_become_those_of_coco():
    part = with_coco_classes(LVIS, COCO)
    names = [(each['id'], each['name']) for each in part['categories']]
    assert names == [(11, 'fire hydrant'), (21, 'cow'), (99, 'digit')]
    assert [(each['id'], each['category_id']) for each in part['annotations']] == [(1, 21), (3, 11)]
    assert part['images'][0] == dict(id=8, neg_category_ids=[21], not_exhaustive_category_ids=[11])


def test_nothing_in_common():
    with pytest.raises(ValueError, match='None of the 2 images of the LVIS file is among the 1 of the COCO file'):
        common_images(LVIS, dict(images=[dict(id=1)]))
    with pytest.raises(ValueError, match="has no class for 'cat' of the COCO file .synset cat.n.01."):
        with_coco_classes(LVIS, dict(categories=[dict(id=17, name='cat')]))
