"""Trains a small residual network on CIFAR-10 in plain Keras, with the callbacks of this package.

    python scripts/train_cnn.py --out runs/cnn
    python scripts/train_cnn.py --dataset digits --epochs 5 --widths 16 32 32 --out runs/cnn-digits   # no download, seconds

`course-hw5 train cnn` has more: Muon, resuming, half precision, several devices. Its score, not this script's, is in
docs/results.md.
"""

import argparse

import course_hw5  # before Keras: it decides how TensorFlow runs on a CPU and what it logs

# isort: split
import keras

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dataset", choices=("cifar10", "digits"), default="cifar10")
parser.add_argument("--epochs", type=int, default=22)
parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256], help="channels of each stage")
parser.add_argument("--out", default="runs/cnn", help="folder for figures, report and model")
args = parser.parse_args()

keras.utils.set_random_seed(0)
data = course_hw5.load_images(args.dataset, batch_size=256, augmentation="flip,shift" if args.dataset == "cifar10" else None)
images, _ = next(iter(data.train))
model = course_hw5.cnn_classifier(widths=args.widths, num_classes=len(data.class_names), images=images.numpy())

rate = keras.optimizers.schedules.CosineDecay(initial_learning_rate=2e-3, decay_steps=args.epochs * len(data.train))
optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05)
optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
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
