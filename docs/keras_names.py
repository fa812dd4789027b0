"""The tables in coming_from_keras.md, made from the code.

    python docs/keras_names.py

`tests/contract/test_names_of_keras.py` compares the page with it, and what it says of
Keras with Keras.
"""

import importlib
import inspect
import re
from pathlib import Path

import onefit
from onefit.spellings import ABSENT, ATTRIBUTES, METHODS

PAGE = Path(__file__).with_name("coming_from_keras.md")
BEGIN, END = "<!-- names -->", "<!-- end of names -->"

_ROOMS = """
    activations applications backend callbacks config constraints datasets distribution
    initializers layers losses metrics models ops optimizers optimizers.schedules
    preprocessing random regularizers saving tree utils
"""
ROOMS = _ROOMS.split()


LEFT_OUT: dict[str, str] = {
    "ConvNeXt EfficientNetV2 InceptionResNetV2 MobileNetV3 NASNet": "of "
    "`applications`: networks of later years are not built yet",
    "STFT STFTInitializer stft": "an initializer for kernels that are a transform; "
    "`STFTSpectrogram` is the layer",
    "monitor_op get_monitor_value best_weights cooldown_counter in_cooldown": "of "
    "`EarlyStopping`, `ReduceLROnPlateau`: what they remember is the rule's own",
    "backend convert_weight generator get_random_transformation "
    "transform_bounding_boxes transform_images transform_labels "
    "transform_segmentation_masks transform_single_bounding_box transform_single_image "
    "transform_single_label transform_single_segmentation_mask height_axis width_axis "
    "channel_axis factor height_lower height_upper width_lower width_upper "
    "get_transformed_x_y get_shifted_bbox get_clipped_bbox "
    "get_elastic_transform_params random_brightness random_contrast random_hue "
    "random_saturation auto_contrast equalization random_color_degeneration "
    "random_posterization random_rotation random_sharpness random_shear "
    "random_translation solarization": "of layers for images: how Keras' base class "
    "does it; call the layer",
    "quantization_config quantization_mode "
    "get_quantization_layer_structure variable_serialization_spec "
    "gptq_unpacked_column_size": "weights are trained as a whole and not quantised",
    "inner_loop single_state states state_size get_initial_state get_dropout_mask "
    "get_recurrent_dropout_mask reset_dropout_mask reset_recurrent_dropout_mask "
    "implementation return_sequences return_state": "of recurrent layers: there is one "
    "way to run them; `layer.layer` or `layer.cell` has the settings",
    "convolution_op pool_mode score_mode num_repeats normalized_weights noise_shape "
    "finalize_state input_mean input_variance": "of layers: how Keras computes them",
    "init_thresholds interpolate_pr_auc axis": "of metrics: how Keras computes them",
    "lr_adjust transpose_last_axis zeropower_via_newtonschulz5 check_finite": "of "
    "optimizers: steps of their rule",
    "compute_loss_and_updates jax_state_sync make_predict_function make_test_function "
    "make_train_function predict_function test_function train_function "
    "stateless_compute_loss save_own_variables load_own_variables operations "
    "supports_masking activity_regularizer autocast input_spec supports_jit": "of "
    "models: a fit is one program, which is made and kept without names",
    "append_header csv_file keys sep writer backup_dir min_delta epochs progbar seen "
    "target embeddings_freq embeddings_metadata write_graph write_images": "of "
    "callbacks: how they do it; `write_graph` and the embeddings are not drawn",
    "backup stateful_metrics stateless_metrics aggregation overwrite_with_gradient "
    "synchronization convert_input from_config get_config": "of helpers: there is one "
    "device, and policies are names",
    "input output mask": "of layers that are in no graph, and of `Lambda`: a mask is "
    "what the call gives",
    "beta gamma moving_mean moving_variance": "of `BatchNormalization` before it is "
    "built: it says so, where Keras has None",
}
"""What Keras has and onefit has not, on purpose, with the reason."""


def public(room: str) -> list[str]:
    """The names that a room shows."""
    module = importlib.import_module(f"onefit.{room}")
    names = getattr(module, "__all__", None) or dir(module)
    return sorted(n for n in names if not n.startswith("_"))


def differing() -> list[str]:
    """A row for each docstring that says what differs."""
    rows = ["| name | differs from Keras |", "|---|---|"]
    found: dict[str, str] = {}
    for room in (*ROOMS, ""):
        module = importlib.import_module(f"onefit.{room}".rstrip("."))
        for name in public(room) if room else onefit.__all__:
            thing = getattr(module, name)
            own = inspect.isclass(thing) or inspect.isfunction(thing)
            text = (vars(thing).get("__doc__") if own else None) or ""
            told = re.search(r"Differs from Keras: (.*?)(?:\n\s*\n|$)", text, re.S)
            if told:
                words = " ".join(told.group(1).split())
                found.setdefault(words, f"`{room}.{name}`".replace("`.", "`"))
    return rows + [
        f"| {name} | {words} |"
        for words, name in sorted(found.items(), key=lambda p: p[1])
    ]


def refused() -> list[str]:
    """A row for each sentence about what is not here."""
    rows = ["| name | the error says |", "|---|---|"]
    for table, form in ((ABSENT, "{}"), (ATTRIBUTES, ".{}"), (METHODS, "model.{}")):
        by_words: dict[str, list[str]] = {}
        for name, words in table.items():
            sentence = words if words.endswith(".") else f"{words}."
            by_words.setdefault(sentence, []).append(f"`{form.format(name)}`")
        rows += [
            f"| {', '.join(names)} | {words} |" for words, names in by_words.items()
        ]
    return rows


def left_out() -> list[str]:
    """A row for each reason."""
    rows = ["| names | why |", "|---|---|"]
    for names, why in LEFT_OUT.items():
        listed = ", ".join(f"`{name}`" for name in names.split())
        rows.append(f"| {listed} | {why} |")
    return rows


def tables() -> str:
    """All of it."""
    parts = {
        "### What differs, by name": differing(),
        "### What is refused, and what the error says": refused(),
        "### What is left out without a word": left_out(),
    }
    return "\n\n".join(f"{head}\n\n" + "\n".join(rows) for head, rows in parts.items())


def whole() -> str:
    """The page, with the tables as the code has them."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(whole(), "utf-8")
