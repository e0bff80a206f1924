"""Trains the perceptron of question 3-2 in plain Keras, with the callbacks of this package.

    python scripts/train_mlp.py --out runs/mlp   # CIFAR-10: 8 epochs of a minute on two cores, test accuracy 0.573
    python scripts/train_mlp.py --dataset digits --epochs 5 --out runs/mlp-digits   # no download, seconds

`course-hw5 train mlp` has more: resuming, half precision, several devices, and the recipes `tuned` (0.680) and
`distilled` (0.728).
"""

import argparse

import course_hw5  # before Keras: it decides how TensorFlow runs on a CPU and what it logs

# isort: split
import keras

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dataset", choices=("cifar10", "digits"), default="cifar10")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--out", default="runs/mlp", help="folder for figures, report and model")
args = parser.parse_args()

keras.utils.set_random_seed(0)
data = course_hw5.load_images(args.dataset, batch_size=256)
model = course_hw5.mlp_classifier(num_classes=len(data.class_names))

steps = len(data.train)
warmup = steps if args.epochs > 1 else 0  # the rate rises for an epoch, then falls along a cosine
rate = keras.optimizers.schedules.CosineDecay(
    initial_learning_rate=0.0 if warmup else 3e-4,
    decay_steps=args.epochs * steps - warmup,
    warmup_target=3e-4 if warmup else None,
    warmup_steps=warmup,
)
model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    data.train,
    validation_data=data.validation,
    epochs=args.epochs,
    shuffle=False,  # the data set shuffles itself
    callbacks=[
        course_hw5.HistoryPlots(args.out),
        # the test images are read by the best epoch's weights
        keras.callbacks.EarlyStopping("val_accuracy", patience=args.epochs, restore_best_weights=True),
        course_hw5.ClassificationReport(data.test, data.class_names, args.out),
    ],
)
model.save(f"{args.out}/model.keras")
print(f"See {args.out}/classification_report.txt")
