"""Statements of the homework's question 4-2 in several wordings, and reasons to choose from, not which is right."""

STATEMENTS = {
    "a": (
        "Some layers of the vanilla transformer use an LSTM.",
        "The encoder of the vanilla transformer reads its tokens one after another, as an LSTM does.",
        "No layer of the vanilla transformer is recurrent.",
        "An encoder layer can compute all of its positions at the same time.",
    ),
    "b": (
        "A transformer consists of several encoder blocks and several decoder blocks.",
        "The vanilla transformer has one encoder block, whose weights are used again for each layer.",
        "Each decoder block of the vanilla transformer also attends to the output of the encoder.",
        "The vanilla transformer for translation has decoder blocks, but no encoder.",
    ),
    "c": (
        "Multi-head attention is one attention and several parallel dense layers.",
        "Multi-head attention is several attentions in parallel, concatenated and projected.",
        "All heads of a layer share one matrix of attention weights.",
        "Each head of a layer has a softmax of its own.",
    ),
    "d": (
        "An encoder without positions computes the same vectors for the same words in another order.",
        "In an encoder without recurrence and convolution, order comes from positional encoding alone.",
        "Without positions, an encoder can tell 'the dog chases the cat' from 'the cat chases the dog'.",
        "Without positional encoding, a transformer fails at every task.",
    ),
}
# All are true of transformers; each of four decides the statements of one topic.
REASONS = (
    "A stack of encoder blocks, each with weights of its own, feeds a stack of decoder blocks by cross-attention.",
    "A weight that a softmax gives is never exactly zero.",
    "Attention and dense layers read all positions at once; no state is passed from one position to the next.",
    "Attention without positions treats its input as a set, and only some tasks depend on order.",
    "Dropout is applied to the output of each sub-layer before it is added to the input.",
    "Each head computes queries, keys and weights of its own; what the heads write is concatenated and projected.",
    "The number of parameters does not depend on the number of tokens.",
    "The output of a block has the shape of its input.",
)
