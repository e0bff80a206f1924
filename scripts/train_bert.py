"""Fine-tunes MiniLM on movie reviews in plain Keras, with the callbacks of this package.

    python scripts/train_bert.py --out runs/sst2   # SST-2: 3 epochs

`course-hw5 train bert` has more: any pretrained BERT, training from scratch, LoRA, R-Drop, pseudo-labels of a teacher (test
accuracy 0.912, see docs/results.md), resuming, half precision.
"""

import argparse

import course_hw5  # before Keras: it decides how TensorFlow runs on a CPU and what it logs

# isort: split
import keras

SENTENCES = ["I liked this movie because of its genre", "The plot is not bad at all, but the acting is"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dataset", choices=("sst2", "sst2_sentences", "imdb"), default="sst2")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--out", default="runs/bert", help="folder for figures, report and model")
args = parser.parse_args()

keras.utils.set_random_seed(0)
backbone = course_hw5.load_model("minilm")
backbone.token_embedding.trainable = False  # most words are too rare in the data to learn from
model = course_hw5.bert_classifier(backbone)
data = course_hw5.load_reviews(args.dataset, batch_size=32, max_length=64)

rate = keras.optimizers.schedules.CosineDecay(5e-5, decay_steps=args.epochs * len(data.train))
optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01)
optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False)
model.fit(
    data.train,
    validation_data=data.validation,
    epochs=args.epochs,
    shuffle=False,  # the data set shuffles itself
    callbacks=[
        course_hw5.HistoryPlots(args.out),
        course_hw5.AttentionTimeLapse(args.out, SENTENCES, course_hw5.explain),
        # the test texts are read by the best epoch's weights
        keras.callbacks.EarlyStopping("val_accuracy", patience=args.epochs, restore_best_weights=True),
        course_hw5.ClassificationReport(data.test, data.class_names, args.out, describe=data.describe),
    ],
)
model.save(f"{args.out}/model.keras")
print(f"See {args.out}/classification_report.txt")
