"""`course-hw5`: uses trained models and finished runs; all that it trains are the demo and the small networks of labs."""

import argparse
import os
import pathlib
import re
import sys

from course_hw5 import loading, options


def main(argv=None):
    parser = argparse.ArgumentParser(prog="course-hw5", description="What attention does, learnt by running it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    attend = commands.add_parser("attend", help="say what a model makes of a text, and write a page of what it attended to")
    attend.add_argument("text", metavar="TEXT", help="a sentence, or a review")
    attend.add_argument("--other", metavar="TEXT", help="a second text, to be read as a pair")
    attend.add_argument("--special-tokens", action="store_true", help='read "[MASK]" and "[SEP]" in a text as those tokens')
    attend.add_argument("--preset", default="sentiment-minilm", help="what `load_model` takes (default: %(default)s)")
    attend.add_argument("--out", default="attention.html", help="page to write (default: %(default)s)")
    attend.set_defaults(run=_attend)

    classify = commands.add_parser("classify", help="say what is in pictures, and write a page of where the model looked")
    classify.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    classify.add_argument("--preset", default="beit-cifar10", help="what `load_model` takes (default: %(default)s)")
    classify.add_argument("--out", default="runs/classify", help="folder for a page per picture (default: %(default)s)")
    classify.set_defaults(run=_classify)

    segment = commands.add_parser("segment", help="name the class of every pixel of pictures: overlays, label maps, pages")
    segment.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    segment.add_argument("--preset", default="segmenter-camvid", help="what `load_model` takes (default: %(default)s)")
    segment.add_argument("--out", default="runs/segment", help="folder for three files per picture (default: %(default)s)")
    segment.add_argument("--sliding", action="store_true", help="slide windows over pictures: slower, finer")
    segment.add_argument("--flip", action="store_true", help="average each picture and its mirror image")
    segment.set_defaults(run=_segment)

    demo = commands.add_parser("demo", help="train the MLP on scikit-learn's digits: no download, about a minute")
    demo.add_argument("--out", default="runs/demo", help="run folder to write (default: %(default)s)")
    demo.add_argument("--epochs", type=options.whole_number(1), default=8, help="(default: %(default)s)")
    demo.add_argument("--overwrite", action="store_true", help="delete what is in --out first")
    demo.set_defaults(run=_demo)

    report = commands.add_parser("report", help="write the page of a finished run anew")
    report.add_argument("run_dir", metavar="RUN", help="run folder")
    report.set_defaults(run=_report)

    lab = commands.add_parser("lab", help="put a claim of the report to the test", add_help=False)
    lab.set_defaults(run=_lab)

    is_program, argv = argv is None, sys.argv[1:] if argv is None else argv
    if argv[:1] == ["attend"]:
        argv = ["attend", *options.with_dashed_texts(attend, argv[1:])]
    args, args.rest = parser.parse_known_args(argv)
    if args.rest and args.run is not _lab:  # each lab has options of its own
        parser.error(f"unrecognized arguments: {' '.join(args.rest)}")
    args.is_program = is_program
    with options.plain_errors(parser):
        print(args.run(args))


def _import_models(args):
    """After what can be refused at once: it takes seconds."""
    if args.is_program and not args.preset.startswith("bert_"):  # a preset of keras-nlp is fetched by kagglehub
        with loading.lean():
            import course_hw5.models.checkpoints.load  # noqa: F401


def _attend(args):
    from course_hw5 import tokenization

    for name, text in (("TEXT", args.text), ("--other", args.other)):
        if text is not None and tokenization.is_blank(text):
            raise ValueError(f"{name} must hold a word. Received: {text!a}")
    out = pathlib.Path(args.out)
    if out.is_dir():
        raise ValueError(f"--out must name a page. Received: the folder {out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    _import_models(args)

    import course_hw5
    from course_hw5.models.bert_classifier import BertClassifier

    model = course_hw5.load_model(args.preset)
    if not isinstance(model, BertClassifier):
        raise ValueError(f"--preset must be a classifier of texts. Received: {args.preset}, which is {model.name}")
    explained = course_hw5.explain(model, args.text, args.other, args.special_tokens)
    title = " / ".join(filter(None, (args.text, args.other)))
    explained.view(title=title, html_action="return", path=out)
    whole = explained.truncated_from
    cut = f", of the first {len(explained.tokens)} of {whole} tokens" if whole else ""
    return f"{explained.class_name} {explained.probability:.4f}{cut}. Open {out}"


def _classify(args):
    _check_paths(args)
    _import_models(args)

    import course_hw5
    from course_hw5.data import pictures
    from course_hw5.models.beit_tasks import BeitClassifier

    model = course_hw5.load_model(args.preset)
    if not isinstance(model, BeitClassifier):
        raise ValueError(f"--preset must be a classifier of pictures. Received: {args.preset}, which is {model.name}")
    if model.preprocessing is None:
        raise ValueError(f"--preset must take raw pictures. Received: {args.preset}, without preprocessor_config.json")
    height, width, channels = model.inputs[0].shape[1:]

    def classify(image, picture, stem):
        if height is not None:
            picture = pictures.fit_picture(picture, (height, width))
        if channels == 1:
            picture = picture.mean(axis=2, keepdims=True)
        explained = course_hw5.explain(model, picture)
        layers = _layers_of_page(explained.attention.shape)
        title = pathlib.Path(image).name
        explained.view(title=title, include_layers=layers, html_action="return", path=f"{stem}.html")
        top = ", ".join(f"{answer} {probability:.3f}" for answer, probability in explained.predictions[:5])
        return f"{top}. Open {stem}.html"

    return _each_picture(args, classify, longest=1024)


def _layers_of_page(shape, most=2**24):
    """The last layer and as many evenly before it as a page can hold: all at 224 pixels, every third of base at 384."""
    layers, heads, tokens, _ = shape
    step = -(-layers * heads * tokens**2 // most)
    return [*range(layers - 1, -1, -step)][::-1]


def _segment(args):
    _check_paths(args)
    _import_models(args)

    import course_hw5
    from course_hw5.evaluation import label_maps
    from course_hw5.models.upernet import UperNetSegmenter
    from course_hw5.reports.pages import scene

    model = course_hw5.load_model(args.preset)
    if not isinstance(model, UperNetSegmenter):
        raise ValueError(f"--preset must be a segmenter of pictures. Received: {args.preset}, which is {model.name}")
    segmenter = course_hw5.SceneSegmenter(model, sliding=args.sliding, flip=args.flip)

    def segment(image, picture, stem):
        labels = segmenter.segment(picture)
        page = scene.write_scene(picture, labels, segmenter.class_names, stem, title=pathlib.Path(image).name)
        top = ", ".join(f"{entry.name} {entry.share:.0%}" for entry in label_maps.legend(labels, segmenter.class_names)[:5])
        return f"{top}. Open {page}"

    return _each_picture(args, segment)


def _check_paths(args):
    """Refuses what can be refused before a model is loaded, which takes seconds."""
    if pathlib.Path(args.out).is_file():
        raise ValueError(f"--out must name a folder. Received: the file {args.out}")
    if not any(pathlib.Path(image).exists() for image in args.images):
        raise ValueError(f"IMAGE must name files. Received: {', '.join(args.images)}, of which there is none")


def _each_picture(args, use, longest=None):
    """Prints what `use` says of each picture, given its name, its pixels and the stem of its files; goes on after bad ones."""
    from course_hw5.data import pictures

    out, refused, taken = pathlib.Path(args.out), 0, set()
    out.mkdir(parents=True, exist_ok=True)
    for image in args.images:
        # 200 bytes at most, so that suffixes fit; bytes that are not UTF-8 are dropped
        stem = os.fsencode(pathlib.Path(image).stem)[:200].decode(errors="ignore")
        name = next(name for i in range(len(args.images)) if (name := f"{stem}-{i}" if i else stem) not in taken)
        try:
            print(f"{image}: {use(image, pictures.open_picture(image, longest), out / name)}")
            taken.add(name)
        except (ValueError, OSError) as error:
            print(f"course-hw5: {error}", file=sys.stderr)
            refused += 1
    if refused:
        raise ValueError(f"{refused} of {len(args.images)} pictures were refused")
    return f"{len(args.images)} of {len(args.images)} pictures done"


def _demo(args):
    import course_hw5  # public names load TensorFlow on first use: not for --help
    from course_hw5 import devices
    from course_hw5.evaluation import run_folder

    run_folder.holds_files(args.out, args.overwrite, advice="add --overwrite to start anew")
    devices.seed_everything(0)
    data = course_hw5.load_images("digits", batch_size=128, seed=0)
    settings = course_hw5.Settings(epochs=args.epochs, learning_rate=3e-4, warmup_epochs=min(1, args.epochs / 2))
    metrics = course_hw5.train(course_hw5.mlp_classifier(), data, args.out, settings, overwrite=args.overwrite)
    return f"Accuracy on {metrics['examples']} test images: {metrics['accuracy']:.3f}. Open {args.out}/index.html"


def _report(args):
    from course_hw5.reports.pages import run

    return f"Open {run.write_page(args.run_dir)}"


def _lab(args):
    from course_hw5 import labs

    choose = argparse.ArgumentParser(prog="course-hw5 lab", description="Puts a claim of the report to the test.")
    choose.add_argument("name", metavar="NAME", nargs="?", help=f"one of {', '.join(labs.LABS)}; NAME --help says more")
    choose.add_argument("--list", action="store_true", help="show each lab and its claim")
    name = choose.parse_args(args.rest[:1]).name
    if name is None:
        return "\n".join(f"{name:26}{labs.describe(name)[0].splitlines()[0]}" for name in labs.LABS)
    explanation, parameters = labs.describe(name)
    parser = argparse.ArgumentParser(
        prog=f"course-hw5 lab {name}", description=explanation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=options.whole_number(0), default=0, help="makes a lab repeatable (default: %(default)s)")
    parser.add_argument("--out", help="folder for page and figures (default: runs/labs and the lab, with what is changed)")
    for parameter, default in parameters.items():
        kind = options.whole_number(1) if isinstance(default, int) else type(default)
        parser.add_argument(f"--{parameter.replace('_', '-')}", type=kind, default=default, help="(default: %(default)s)")
    values = vars(parser.parse_args(args.rest[1:]))
    out, seed = values.pop("out"), values.pop("seed")
    changed = [f"{parameter}-{value}" for parameter, value in values.items() if value != parameters[parameter]]
    out = out or "runs/labs/" + re.sub(r"[^\w.-]+", "-", "-".join([name, *changed]))[:120]
    result = labs.run_lab(name, seed, **values)
    from course_hw5.reports.pages import lab

    lines = [result.claim, f"verdict: {result.verdict}"]
    lines += [f"  {'yes' if check.held else 'no '}  {check.label}" for check in result.checks]
    lines += [f"  {measurement.label}: {measurement.text}" for measurement in result.measurements]
    return "\n".join([*lines, f"Open {lab.write_lab(result, name, explanation, out)}"])


if __name__ == "__main__":
    main()
