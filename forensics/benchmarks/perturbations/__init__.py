"""What happens to photographs on their way: recompression, resizing, cropping, and the chains of messengers.

One file a family; each perturbation registers itself (see `forensics.benchmarks.perturbations.contract`) and is asked
for by its name and strength (`forensics.benchmarks.perturbations.named`).
"""
