"""The rows of sounds as pictures."""

from layer_rows.row import Row

SMALL = {"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 4, "min_freq": 0.0}

ROWS = [
    *(
        Row("MelSpectrogram", SMALL | more, (2, 40), tolerance=5e-4, smooth=False)
        for more in (
            {},
            {"power_to_db": False, "mag_exp": 1.0},
            {"sequence_length": 12, "window": "hamming", "max_freq": 5000.0},
            {"window": None, "top_db": 10.0, "ref_power": 2.0},
        )
    ),
    *(
        Row(
            "STFTSpectrogram",
            {"frame_length": 8, "mode": mode} | more,
            (2, 20, 3),
            tolerance=1e-4,
            smooth=mode != "angle",
        )
        for mode, more in (
            ("log", {}),
            ("magnitude", {"frame_step": 3, "padding": "same"}),
            ("psd", {"expand_dims": True, "scaling": "spectrum"}),
            ("real", {"window": "hamming", "periodic": True}),
            ("imag", {"fft_length": 16}),
            ("angle", {"scaling": None}),
            ("stft", {"window": None}),
        )
    ),
]
