"""A run that was killed and resumed ends with the weights of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training import state
from forensics.generators.training.monitoring.curves import curve_drawers
from forensics.generators.training.monitoring.log import TrainingLog
from forensics.generators.training.presets import resolve
from forensics.generators.training.run import Request, run_training
from forensics.generators.training.trainer import STATE_FILE, Trainer

# Everything at once: augmentation on and moving, path length, mixing, an epoch that ends inside a tick.
CHANGES = {"ada_kimg": 1.0, "pl_weight": 2.0, "ada_target": -1.0}
KIMG, SNAP = 0.16, 0.04


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(folder / STATE_FILE)
    return found


def assert_same_run(one: Path, two: Path) -> None:
    first, second = tensors(one), tensors(two)
    assert first.keys() == second.keys()
    assert [k for k in first if not torch.equal(first[k], second[k])] == []
    names = (
        "training.csv",
        "discriminator-outputs.jsonl",
        "training-options.json",
        "discriminator-outputs.png",
    )
    network = max(path.name for path in one.glob("network-*"))  # of the end
    samples = f"samples-{network.removeprefix('network-').removesuffix('.safetensors')}.png"
    for name in (*names, network, samples, "curves.png"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


@pytest.fixture(scope="module")
def uninterrupted(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "uninterrupted"
    run_training(out, Request([photographs], "tiny-16", CHANGES, kimg=KIMG, snap_kimg=SNAP, device="cpu"))
    assert float(tensors(out)["augment_pipe/p"]) > 0.1
    assert float(tensors(out)["pl_mean"]) > 0
    return out


def killed(out: Path, photographs: Path, where: str) -> None:
    """Run in a process that kills itself with SIGKILL at `where`, a statement run before an iteration or a file."""
    program = f"""
import os, signal
from pathlib import Path
from forensics.generators.training import trainer
from forensics.generators.training.monitoring import artefacts
from forensics.generators.training.run import Request, run_training
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
def once_at(owner, name, nimg, before=True):
    original = getattr(owner, name)
    def wrapped(t):
        if t.nimg >= nimg and before: die()
        result = original(t)
        if t.nimg >= nimg: die()
        return result
    setattr(owner, name, wrapped)
{where}
run_training(Path({str(out)!r}), Request([Path({str(photographs)!r})], "tiny-16", {CHANGES!r},
             kimg={KIMG}, snap_kimg={SNAP}, device="cpu"))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    "where",
    [
        'once_at(trainer.Trainer, "step", 100)',  # in the middle of a tick
        'once_at(trainer.Trainer, "save", 80)',  # the log is written, the state is not
        'once_at(trainer.Trainer, "save", 80, before=False)',  # the state is written, samples and network are not
    ],
    ids=["iterating", "before the state", "after the state"],
)
def test_killed_and_resumed_equals_uninterrupted(
    uninterrupted: Path, photographs: Path, tmp_path: Path, where: str
) -> None:
    out = tmp_path / "killed"
    killed(out, photographs, where)
    summary = run_training(
        out, Request([photographs], "tiny-16", CHANGES, kimg=KIMG, snap_kimg=SNAP, device="cpu")
    )
    assert summary.kimg == KIMG
    assert_same_run(uninterrupted, out)


def test_a_state_killed_while_it_is_written_leaves_the_one_before(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    killed(
        out,
        photographs,
        """
from forensics.generators.training import state
original = state.save_file
def torn(tensors, path, metadata):
    original(tensors, path, metadata)
    if int(tensors["opt_G/0/step"]) >= 20:
        with open(path, "r+b") as stream: stream.truncate(1000)
        die()
state.save_file = torn
""",
    )
    assert int(tensors(out)["opt_G/0/step"]) > 0  # readable
    summary = run_training(
        out, Request([photographs], "tiny-16", CHANGES, kimg=0.08, snap_kimg=SNAP, device="cpu")
    )
    assert summary.kimg == 0.08


def test_going_on_further_than_first_asked(uninterrupted: Path, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "longer"
    for kimg in (0.06, KIMG):
        run_training(out, Request([photographs], "tiny-16", CHANGES, kimg=kimg, snap_kimg=SNAP, device="cpu"))
    first, second = tensors(uninterrupted), tensors(out)
    assert [k for k in first if not torch.equal(first[k], second[k])] == []


@pytest.mark.slow
def test_a_run_with_everything_the_projected_network_serves_goes_on_alike(
    images: TrainingImages, tmp_path: Path, few_generated: None
) -> None:
    changes = {"projected_side": 128, "matching_weight": 4.0, "glo_weight": 3.0, "warmup_kimg": 0.04}
    changes |= {
        "vision_aided": True,
        "identity_weight": 4.0,
        "glo_identity_weight": 1.0,
        "identity_networks": "dlib+mobile",
    }
    options = resolve("tiny-16", **changes)
    (tmp_path / "two").mkdir()
    whole, first = (Trainer(options, images, tmp_path / name, torch.device("cpu")) for name in ("one", "two"))
    for _ in range(6):
        whole.step()
    for _ in range(3):
        first.step()
    first.save()
    second = Trainer(options, images, tmp_path / "two", torch.device("cpu"))
    assert second.resume()
    for _ in range(3):
        second.step()
    for (name, one), (_, two) in zip(whole._parts().modules, second._parts().modules, strict=True):
        states = one.state_dict(), two.state_dict()
        assert [k for k in states[0] if not torch.equal(states[0][k], states[1][k])] == [], name


@pytest.mark.parametrize(
    ("before", "today"),
    [
        ("anchors/codes", "glo/codes"),
        ("P/judges.0.0.bias", "P/heads.0.0.bias"),
        ("P/faces.judges.0.0.bias", "P/faces.heads.0.0.bias"),
        ("identity/made", "identity/queue"),
        ("G/synthesis.b4.const", "G/synthesis.b4.const"),
    ],
)
def test_tensors_of_earlier_releases_have_todays_names(before: str, today: str, tmp_path: Path) -> None:
    facts = state.Facts(1, 4, {}, "", (0.0, 0), 0.0)
    state.save(tmp_path / "s", state.Snapshot({before: torch.zeros(1)}, facts))
    assert list(state.load(tmp_path / "s").tensors) == [today]


def test_the_seed_decides_the_weights(images: TrainingImages, tmp_path: Path) -> None:
    def weights(seed: int) -> torch.Tensor:
        trainer = Trainer(resolve("tiny-16", seed=seed), images, tmp_path, torch.device("cpu"))
        trainer.step()
        return torch.cat([p.flatten() for p in trainer.G.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_log_of_the_first_release_is_taken_over(tmp_path: Path) -> None:
    """Its training.csv had the speed in the same file."""
    (tmp_path / "training.csv").write_text(
        "kimg,loss_G,loss_D,D_real,D_fake,r1,augment_p,img_per_s,outside_share\n"
        "4.0,1.5,1.0,0.6,0.4,0.25,0.01,20.0,0.01\n8.0,1.6,1.1,0.6,0.4,0.25,0.02,20.0,0.01\n"
    )
    log = TrainingLog(tmp_path, 4.0)
    assert [row["kimg"] for row in log.rows] == ["4.0"]
    log.add({"loss_G": 2.0, "loss_D": 1.0, "D_real": 0.5, "D_fake": 0.5})
    log.close_tick(8.0, 0.03, (20.0, 0.01))
    assert (tmp_path / "training.csv").read_text().splitlines() == [
        "kimg,loss_G,loss_D,D_real,D_fake,r1,augment_p",
        "4.0,1.5,1.0,0.6,0.4,0.25,0.01",
        "8.0,2.0,1.0,0.5,0.5,0.25,0.03",
    ]


def test_the_log_leaves_out_what_an_iteration_did_not_have(tmp_path: Path) -> None:
    """First photographs' latents alone, then discriminators, too; taken up in between."""
    log = TrainingLog(tmp_path, 0.0)
    log.add({"glo": 3.0})
    log.close_tick(1.0, 0.0, (20.0, 0.01))
    log = TrainingLog(tmp_path, 1.0)
    log.add({"loss_G": 2.0, "loss_D": 1.0, "D_real": 0.5, "D_fake": 0.5, "glo": 2.0, "identity": 0.5})
    log.add({"loss_G": 2.0, "loss_D": 1.0, "D_real": 0.5, "D_fake": 0.5, "glo": 1.0})
    log.close_tick(2.0, 0.0, (20.0, 0.01))
    assert (tmp_path / "training.csv").read_text().splitlines() == [
        "kimg,loss_G,loss_D,D_real,D_fake,r1,augment_p,glo,identity",
        "1.0,,,,,0.0,0.0,3.0,",
        "2.0,2.0,1.0,0.5,0.5,0.0,0.0,1.5,0.5",
    ]
    assert len(curve_drawers(log.rows)) == 4
