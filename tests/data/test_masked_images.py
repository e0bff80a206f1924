import itertools

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

import course_hw5
from course_hw5.data.masked_images import block_masks

GRIDS = [(6, 6), (8, 8), (14, 14), (5, 9), (2, 2)]


def masks_of(grid, seed=(1, 2), count=200, share=0.4):
    return block_masks(count, grid, tf.constant(seed), share).numpy()


@pytest.mark.parametrize("grid", GRIDS)
def test_masks_hide_the_share_or_little_more(grid):
    masks, patches = masks_of(grid), grid[0] * grid[1]
    hidden, wanted = masks.sum((1, 2)), max(1, round(0.4 * patches))
    assert masks.shape == (200, *grid) and {*np.unique(masks)} == {0, 1}
    assert hidden.min() >= wanted and hidden.mean() < 1.2 * wanted + 1 and hidden.max() < patches


def test_masks_are_blocks_and_not_scattered_patches():
    masks = masks_of((14, 14))
    blocks = [scipy.ndimage.label(mask)[1] for mask in masks]
    random = np.random.default_rng(0).random(masks.shape).argsort(axis=-1) < 0.4 * 14
    assert np.mean(blocks) < 4 < np.mean([scipy.ndimage.label(mask)[1] for mask in random])


def test_no_block_is_smaller_than_eight_percent_of_the_patches():
    first = masks_of((14, 14), share=0.05)  # one block is enough
    assert first.sum((1, 2)).min() >= 12  # of 16; sides are rounded
    height, width = first.any(2).sum(1), first.any(1).sum(1)
    np.testing.assert_array_equal(height * width, first.sum((1, 2)))
    ratios = height / width
    assert ratios.min() < 0.6 and ratios.max() > 1.6 and 0.8 < np.exp(np.log(ratios).mean()) < 1.25


@pytest.mark.parametrize("grid", GRIDS)
def test_every_patch_is_hidden_now_and_then(grid):
    share = masks_of(grid, count=1000).mean(0)
    assert share.min() > 0.01 and share.max() < 0.8  # corners are in few rectangles


def test_the_same_seed_gives_the_same_masks_and_another_seed_others():
    np.testing.assert_array_equal(masks_of((6, 6)), masks_of((6, 6)))
    assert (masks_of((6, 6)) != masks_of((6, 6), (1, 3))).any()


def load(grid, augmentation="flip,shift", **options):
    return course_hw5.load_images("digits", batch_size=64, augmentation=augmentation, mask_grid=grid, **options)


def test_masks_of_training_follow_the_global_generator_and_others_are_fixed():
    data, generator, found = load((4, 8)), tf.random.get_global_generator(), {}
    for seed in (7, 7, 8):
        generator.reset_from_seed(seed)
        found.setdefault(seed, []).append([[*part.take(3)] for part in (data.train, data.validation, data.test)])
    (first, again), (other,) = found[7], found[8]
    for (images, masks), (same_images, same_masks) in zip(itertools.chain(*first), itertools.chain(*again)):
        assert masks.shape == (len(images), 4, 8) and masks.dtype == "int32"
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(masks, same_masks)
    differ = [bool((part[0][1].numpy() != there[0][1].numpy()).any()) for part, there in zip(first, other)]
    assert differ == [True, False, False]
    assert all((part[0][1].numpy() != part[1][1].numpy()).any() for part in first), "each batch has masks of its own"


def test_masked_images_have_no_classes_and_as_many_batches(digits):
    data = load((4, 4), seed=0)
    assert data.class_names == [] and "40 % of the patches are hidden" in data.note
    for split in ("train", "validation", "test"):
        assert getattr(data, split).cardinality() == getattr(digits, split).cardinality()
    np.testing.assert_array_equal(*(next(iter(one.validation))[0] for one in (data, digits)))


@pytest.mark.parametrize("grid", [(4,), (0, 4), (1, 1), 4])
def test_a_grid_that_cannot_be_is_refused(grid):
    with pytest.raises(ValueError, match=r"`mask_grid` must be \(rows, columns\), 2 patches or more, or None. Received"):
        load(grid)
