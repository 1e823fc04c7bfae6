# SPDX-License-Identifier: LGPL-3.0-or-later
"""Plants faults in copies of healthy models, and asks `vitreous diagnose` what is wrong."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import checkpoint
import plants

PROGRAM = os.environ["VITREOUS"]
SHAPES = pathlib.Path(os.environ["VITREOUS_TEST_SHAPES"])
STARTER = os.environ.get("VTR_TEST_STARTER")  # a folder; tests/run.sh fetches it
PHOTOS = os.environ.get("VTR_TEST_PHOTOS")  # a folder of photos that are not the reference's
TIMEOUT = 300  # seconds

# What the starter has to show beside what the shapes model does: what hangs on photos, on a model
# of 72 heads, or on a position table larger than the grid.
STARTER_PLANTS = [
    "positions shuffled", "positions interpolated as a line", "positions transposed",
    "patch kernel transposed", "both transposed", "channels BGR", "mean and deviation of others",
    "half the size", "logits times 0.4", "long tokens",
]

# What a reference of a checkpoint that is not related has to find by experiments alone.
REORDERINGS = ["positions transposed", "patch kernel transposed", "both transposed",
               "channels BGR", "mean and deviation of others", "not normalised", "pixels 0..255",
               "half the size", "logits times 0.4", "logits times 2.5"]


def run(*arguments, folder=None):
    # Threads that wait give way: several tests run at once.
    env = {"OMP_WAIT_POLICY": "passive", **os.environ}
    if folder is not None:
        env["XDG_DATA_HOME"] = str(folder / "data")
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, env=env)


class Patient:
    """A healthy model with a reference and pictures that are not the reference's."""

    def __init__(self, name, model, pictures, reference, device="cpu"):
        self.name, self.model, self.pictures = name, model, pictures
        self.reference, self.device = reference, device

    def diagnose(self, model, *options):
        """The JSON of a diagnosis of @model."""
        reference = [] if self.reference is None else ["--reference", self.reference]
        result = run("diagnose", "-m", model, "--device", self.device, "--json", *reference,
                     *options, *self.pictures)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return json.loads(result.stdout)

    def plant(self, name):
        """What is found in a copy with a planted fault: rules above a note, the first ones first."""
        _, function = plants.PLANTS[name]
        with tempfile.TemporaryDirectory(prefix="vitreous-planted-") as folder:
            sick = checkpoint.Checkpoint(self.model)
            function(sick)
            sick.save(pathlib.Path(folder) / "model")
            return self.diagnose(pathlib.Path(folder) / "model")


def name_findings(diagnosis):
    """Names of what is above a note, in order, each once."""
    names = [s["name"] for s in diagnosis["symptoms"] if s["severity"] != "note"]
    return list(dict.fromkeys(names))


def split_shapes():
    """Pictures for the reference, and others: eight of those that are left."""
    pictures = sorted((SHAPES / "pictures").glob("*.png"))
    return pictures[::2], pictures[1::8]


def make_shapes(folder):
    """The shapes model with a reference that is made of half of its pictures."""
    of_reference, others = split_shapes()
    (folder / "pictures").mkdir(parents=True)
    for picture in of_reference:
        shutil.copy(picture, folder / "pictures")
    reference = folder / "shapes.json"
    result = run("reference", "make", SHAPES / "model", folder / "pictures", "--name", "shapes",
                 "-o", reference, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    return Patient("shapes", SHAPES / "model", others, reference)


def make_starter():
    """The starter with the reference that the library has; None where it was not fetched."""
    if not STARTER or not PHOTOS:
        return None
    return Patient("starter", pathlib.Path(STARTER), sorted(pathlib.Path(PHOTOS).iterdir()), None)


def without_sketch(patient, folder):
    """The same, with a reference that does not know the checkpoint it is of."""
    path = patient.reference
    if path is None:
        root = pathlib.Path(__file__).parents[2]
        path = root / "core/analysis/references" / f"{patient.name}.json"
    reference = json.loads(pathlib.Path(path).read_text())
    del reference["sketch"]
    stranger = folder / f"{patient.name}-stranger.json"
    stranger.write_text(json.dumps(reference))
    return Patient(f"{patient.name}, unrelated", patient.model, patient.pictures, stranger)
