"""What ends a pickle that asks for something it must not have."""

from __future__ import annotations


class Refused(Exception):
    """A stream that asks for something it must not have."""


class TensorFlow(Refused):
    """A network of the TensorFlow releases."""

    def __str__(self) -> str:
        return (
            f"{self.args[0]}: this is a TensorFlow pickle, which needs its own Python code to be read;"
            " turn a StyleGAN2 one into a PyTorch pickle with `python legacy.py --source=IN.pkl --dest=OUT.pkl`"
            " of NVlabs/stylegan2-ada-pytorch, on a machine you can lose, and load that"
        )
