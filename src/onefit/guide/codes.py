"""The list of all findings: a code, and the finding in one line."""

__all__ = ["CODES"]

CODES: dict[str, str] = {
    # Head, loss and target.
    "logits-as-probabilities": "the loss takes probabilities, the last layer gives "
    "none",
    "probabilities-as-logits": "the loss takes logits, the last layer gives "
    "probabilities",
    "head-does-not-fit-loss": "the last activation is not the one this loss asks for",
    "softmax-on-one-unit": "softmax of one unit is always 1",
    "units-do-not-fit-classes": "the last layer has another number of units than "
    "there are classes",
    "regression-loss-on-classes": "classes are trained as if they were quantities",
    "classification-loss-on-numbers": "quantities are trained as if they were classes",
    "output-cannot-reach-targets": "the last activation never gives such targets",
    "sigmoid-for-exclusive-classes": "each row has one class, but the units do not "
    "compete",
    "softmax-for-several-labels": "rows have several labels at once, but the units "
    "compete",
    "shapes-broadcast": "outputs and targets have other shapes",
    "metric-does-not-fit": "a metric that says nothing about this task",
    # The network.
    "linear-stack": "layers follow each other without an activation between",
    "double-activation": "two activations in a row",
    "softmax-in-hidden-layer": "softmax between layers",
    "symmetric-weights": "all units of a layer start equal",
    "initializer-does-not-fit": "initial weights too large or too small for this layer",
    "bias-before-normalization": "a bias that the normalisation takes away again",
    "dropout-misplaced": "dropout where it does harm",
    "dropout-too-high": "dropout leaves too little",
    "narrow-layer": "a layer too narrow for what has to pass it",
    "deep-saturating-stack": "many sigmoid or tanh layers in a row",
    "unstable-recurrence": "a recurrent layer whose values can grow without bound",
    "shrinks-too-early": "pooling or strides leave next to nothing",
    "missing-flatten": "a dense layer works on the last axis alone",
    "nothing-to-train": "every weight is frozen",
    "penalty-too-strong": "the regularisation outweighs the loss",
    # Settings.
    "learning-rate-too-high": "steps too large",
    "learning-rate-too-low": "steps too small",
    "batch-too-large": "batches out of proportion to the data",
    "too-few-steps": "the fit ends before anything can be learned",
    "class-weights-reversed": "the frequent class weighs more than the rare one",
    "statistics-not-settled": "a normalisation whose averages the fit is too short for",
    "rows-in-order": "rows sorted by their target, held out or taken in that order",
    # Data.
    "inputs-not-scaled": "inputs far from the size that networks learn from",
    "constant-column": "an input that is always the same",
    "not-a-number": "NaN or infinity in the data",
    "column-tells-target": "an input that gives the target away",
    "labels-out-of-range": "labels that the last layer has no unit for",
    "labels-unbalanced": "one class has nearly all rows",
    "constant-target": "a target that is always the same",
    "target-not-scaled": "targets far from the size that networks learn",
    "digits-lost": "an input whose differences float32 does not keep",
    "padding-counted": "steps that only fill up are learned as if they were answers",
    "channels-misplaced": "the channels are not on the axis the layer takes",
    "rows-in-both": "validation rows that are training rows too",
    "time-order-broken": "rows of one series, split by chance into both parts",
    "validation-looks-different": "validation rows scaled otherwise than training rows",
    # The run.
    "loss-not-a-number": "the loss became NaN or infinite",
    "vanishing-gradients": "the first layers hardly get a gradient",
    "exploding-gradients": "gradients far too large",
    "dead-units": "units that give 0 for every row, and learn no more",
    "saturated-units": "units at the flat ends of their activation",
    "stuck-at-chance": "the loss is that of guessing",
    "one-class-predictor": "every row gets the same answer",
    "oscillating": "the loss jumps up and down",
    "diverging": "the loss grows",
    "crawling": "the loss falls, but much too slowly",
    "stopped-too-early": "the loss was still falling when the fit ended",
    "overfitting": "training rows are learned by heart",
    "underfitting": "not even the training rows are learned",
    "target-unrelated": "nothing in x tells y",
    "labels-wrong": "labels that rows just alike do not have",
    "too-good-to-be-true": "perfect at once on rows not seen: something leaks",
    "symmetric-units": "units of a layer stay equal",
    "frozen-weights": "weights that never change",
}
