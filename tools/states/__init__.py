"""The early and the middle state of the 64-px training, packed small, and how they are unpacked."""
