"""Attention weights explain the answer: what gets the most weight is what the answer needs.

Source: question 1-1 (1), by which attention shows what is important; Jain and Wallace 2019 (https://arxiv.org/abs/1902.10186),
who deny it, and Wiegreffe and Pinter 2019 (https://arxiv.org/abs/1908.04626), who find the denial too strong.

The bundled classifiers read sentences and images. Word pieces become [MASK], patches the mean colour, in the order of six maps:
attention, rollout, relevance, integrated gradients, occlusion and random numbers. A map that explains the answer names first
what the log-odds fall most without.

It would be refuted if, of texts or of images, the log-odds did not fall more without what gets attention than without random
tokens, if fewer than three of four pairs of tokens were in the order of what is lost without each, which is a Kendall's tau of
0.5, or if the log-odds fell less than 80 % as far as without what relevance or integrated gradients name. `model="attention"`
reads by a small model that answers by its attention alone, and confirms the claim; in the one of `model="elsewhere"`, attention
looks at what the answer does not need, and that refutes it.

Loose in the claim: occlusion takes out one token after another, so it agrees with what is lost without each by definition. And
a token that is masked is a sentence that the model was not trained on.
"""

import course_hw5
from course_hw5.labs.support import evidence
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice
from course_hw5.reports.faithfulness import faithfulness

ASKING = ("relevance", "integrated_gradients")  # maps that know the target, but take nothing out
KINDS = {"texts": evidence.texts, "images": evidence.images}


def run(seed: int = 0, model: str = "trained", examples: int = 32) -> LabResult:
    """Runs the lab.

    Args:
        seed: decides which sentences and images are taken, and makes the random map.
        model: "trained", the bundled classifiers; or small models by hand: "attention" answers by what it looks at,
            "elsewhere" looks at what it does not use.
        examples: how many sentences, and how many images, are read.
    """
    check_choice("model", model, ("trained", "attention", "elsewhere"))
    check_at_least(2, examples=examples)
    result = LabResult(__doc__)
    for kind, take in KINDS.items():
        taken = take(model, examples, seed)
        result.measure(kind, f"{kind} read", taken.note)
        found = faithfulness(taken.model, taken.sources, target=taken.target, seed=seed, progress=False)
        _compare(result, kind, found)
        result.figures[f"{kind.capitalize()}: what is left of the answer in the order of each map, with 95 % intervals"] = (
            found.figure()
        )
    sentence = "I liked this movie because of its genre"
    if model == "trained":
        shown = course_hw5.explain(evidence.texts(model, 1, seed).model, sentence, maps=("integrated_gradients", "occlusion"))
        result.pages["Attention, and what the answer needs, in one sentence"] = shown.view(html_action="return")
    return result


def _compare(result, kind, found):
    """What was found of texts, or of images, and what the claim says of it."""
    table = found.table()
    loss = table["comprehensiveness", "mean"]
    for name in found.maps:
        of = name.replace("_", " ")
        result.measure(f"{kind}_loss_{name}", f"{kind}: log-odds lost without what {of} names first", loss[name])
    for name in found.maps:
        tau = table["leave_one_out", "mean"][name]
        label = f"{kind}: Kendall's tau between {name.replace('_', ' ')} and what is lost without each token"
        result.measure(f"{kind}_tau_{name}", label, tau)
    more, low, high = found.difference("attention", "random", "comprehensiveness")
    label = f"{kind}: what is lost more by attention than at random, 95 % interval"
    result.measure(f"{kind}_above_random", label, f"{more:.2f} ({low:.2f} to {high:.2f})")
    label = f"{kind}: without what gets attention, the log-odds fall more than without random tokens"
    result.check(f"{kind}_beat_random", label, low > 0)
    label = f"{kind}: three of four pairs of tokens have the order of what is lost without each (Kendall's tau of 0.5)"
    result.check(f"{kind}_order", label, result[f"{kind}_tau_attention"] >= 0.5)
    label = f"{kind}: at least 80 % of what is lost without what relevance or integrated gradients name"
    result.check(f"{kind}_as_good", label, loss["attention"] >= 0.8 * max(loss[name] for name in ASKING))
