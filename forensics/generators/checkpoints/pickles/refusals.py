"""What ends a pickle that asks for something it must not have."""

from __future__ import annotations


class Refused(Exception):
    """A stream that asks for something it must not have."""


class TensorFlow(Refused):
    """A network of TensorFlow releases before StyleGAN."""

    def __str__(self) -> str:
        return (
            f"{self.args[0]}: this is a TensorFlow pickle from before StyleGAN, which needs its own Python code to be"
            " read; of TensorFlow pickles, those of StyleGAN and StyleGAN2 are read here"
        )
