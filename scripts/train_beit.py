"""Trains a small BEiT from scratch in plain Keras, with the callbacks of this package.

    python scripts/train_beit.py --out runs/beit-24   # CIFAR-10 at 24x24 pixels, 8 epochs
    python scripts/train_beit.py --dataset digits --epochs 2 --out runs/beit-digits   # no download

`course-hw5 train beit` has more: going on with 32x32 pixels (test accuracy 0.855), a teacher (0.902), fine-tuning,
half precision.
"""

import argparse

import course_hw5  # before Keras: it decides how TensorFlow runs on a CPU and what it logs

# isort: split
import keras

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dataset", choices=("cifar10", "digits"), default="cifar10")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--out", default="runs/beit-24", help="folder for figures, report and model")
args = parser.parse_args()

keras.utils.set_random_seed(0)
data = course_hw5.load_images(args.dataset, batch_size=128, augmentation="flip,shift")
# Images are resized to 24x24: half the tokens, half the time. Each head starts by looking at one neighbour.
backbone = course_hw5.beit_backbone("tiny", image_shape=(24, 24, 3), convolution_like_initialization=True)
model = course_hw5.beit_classifier(backbone, len(data.class_names), class_names=data.class_names, input_shape=(32, 32, 3))

# Muon for the matrices of hidden layers, AdamW for all else
optimizer = keras.optimizers.Muon(4e-3, weight_decay=0.05, adam_weight_decay=0.05, exclude_layers=["bias", "logits"])
optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
images, labels = next(iter(data.validation))
model.fit(
    data.train,
    validation_data=data.validation,
    epochs=args.epochs,
    shuffle=False,  # the data set shuffles itself
    callbacks=[
        course_hw5.HistoryPlots(args.out),
        course_hw5.AttentionTimeLapse(args.out, {"first": images[0].numpy()}, course_hw5.explain, every=2),
        # the test images are read by the best epoch's weights
        keras.callbacks.EarlyStopping("val_accuracy", patience=args.epochs, restore_best_weights=True),
        course_hw5.ClassificationReport(data.test, data.class_names, args.out),
    ],
)
model.save(f"{args.out}/model.keras")
print(f"See {args.out}/classification_report.txt")
