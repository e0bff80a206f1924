"""Trains BEiT + UPerNet to label every pixel, in plain Keras with the callbacks, loss and metrics of this package.

    python scripts/train_segmenter.py --out runs/scenes   # scattered digits: no download, 4 epochs
    python scripts/train_segmenter.py --dataset camvid --epochs 60 --out runs/camvid-96

`course-hw5 train segmenter` has more: going on with larger images (the bundled model: mIoU 0.549 on CamVid's test), other
starts, resuming.
"""

import argparse

import course_hw5  # before Keras: it decides how TensorFlow runs on a CPU and what it logs

# isort: split
import keras

from course_hw5.reports.segmentation_report import SceneTimeLapse, evaluate_segmenter
from course_hw5.segmentation.losses import PixelCrossentropy
from course_hw5.segmentation.metrics import MeanIoU, PixelAccuracy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dataset", choices=("digits", "camvid", "scene_parse150"), default="digits")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--out", default="runs/scenes", help="folder for figures, scores and model")
args = parser.parse_args()

keras.utils.set_random_seed(0)
data = course_hw5.load_scenes(args.dataset, image_shape=(96, 128, 3), batch_size=8)
classes = len(data.class_names)
backbone = course_hw5.beit_backbone(
    "tiny", image_shape=(96, 128, 3), patch_size=8, feature_layers=(0, 2, 3, 5), convolution_like_initialization=True
)
model = course_hw5.upernet_segmenter(
    backbone, classes, class_names=data.class_names, channels=64, auxiliary_head=False, mean=0.5, std=0.5
)

optimizer = keras.optimizers.Muon(2e-3, weight_decay=0.05, adam_weight_decay=0.05, exclude_layers=["bias", "logits"])
optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
model.compile(optimizer, loss=PixelCrossentropy(), metrics=[MeanIoU(classes), PixelAccuracy(classes)])
images, labels = next(iter(data.validation))
model.fit(
    data.train,
    validation_data=data.validation,
    epochs=args.epochs,
    shuffle=False,  # the data set shuffles itself
    callbacks=[
        course_hw5.HistoryPlots(args.out),
        SceneTimeLapse(args.out, [(images[0], labels[0])]),
        keras.callbacks.EarlyStopping("val_mean_iou", mode="max", patience=args.epochs, restore_best_weights=True),
    ],
)
scores = evaluate_segmenter(course_hw5.SceneSegmenter(model), data).write(args.out)
model.save(f"{args.out}/model.keras")
print(f"mIoU {scores['mean_iou']:.4f}; see {args.out}/class_scores.csv")
