# SPDX-License-Identifier: LGPL-3.0-or-later
"""Faults planted in healthy models are found by their names, and healthy models have none."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import clinic
import plants
import tables

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "cli"))
import harness  # noqa: E402

LEAST_FOUND = 0.9


class DiagnosisTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="vitreous-diagnosis-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.shapes = clinic.make_shapes(cls.folder)
        cls.starter = clinic.make_starter()

    def run_program(self, *arguments):
        return clinic.run(*arguments, folder=self.folder)

    def refuse(self, code, *arguments):
        """The one sentence of a run that must fail."""
        result = self.run_program(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"^vitreous: [^\n]{12,}\.\n$")
        return result.stderr

    def diagnose_shapes(self, *options):
        return self.run_program("diagnose", "-m", self.shapes.model, "--reference",
                                self.shapes.reference, "--device", "cpu", *options,
                                *self.shapes.pictures[:2])


class Planted(DiagnosisTest):
    def test_faults_are_found_by_name(self):
        missed, n = [], 0
        asked = [(self.shapes, name) for name in plants.PLANTS]
        asked += [(self.starter, name) for name in clinic.STARTER_PLANTS if self.starter]
        for patient, name in asked:
            expected, _ = plants.PLANTS[name]
            found = clinic.name_findings(patient.plant(name))
            n += 1
            if found[:1] != [expected]:
                missed.append(f"{patient.name}, {name}: {found} in the place of {expected}")
        print("".join(f"# {line}\n" for line in missed), end="")
        self.assertGreaterEqual(n - len(missed), LEAST_FOUND * n, missed)

    def test_a_fault_found_by_experiment_needs_no_kin(self):
        """Without its sketch the reference knows nothing of the checkpoint."""
        stranger = clinic.without_sketch(self.shapes, self.folder)
        for name in ("not normalised", "pixels 0..255", "half the size", "logits times 0.4"):
            with self.subTest(name):
                diagnosis = stranger.plant(name)
                expected, _ = plants.PLANTS[name]
                self.assertEqual(clinic.name_findings(diagnosis)[:1], [expected])
                tried = [e for e in diagnosis["experiments"] if e["rule"] == expected]
                best = min(tried, key=lambda e: e["after"])
                self.assertLess(best["after"], 0.85 * best["before"])

    def test_the_temperature_is_told(self):
        for name, factor in (("logits times 0.4", 0.4), ("logits times 2.5", 2.5)):
            symptom = self.shapes.plant(name)["symptoms"][0]
            self.assertAlmostEqual(symptom["value"] / factor, 1.0, delta=0.15)


class Healthy(DiagnosisTest):
    def check(self, patient, diagnosis):
        self.assertEqual(clinic.name_findings(diagnosis), [], diagnosis["symptoms"])
        self.assertEqual(diagnosis["verdict"], "healthy")
        self.assertEqual(diagnosis["pictures"], len(patient.pictures))
        reference = diagnosis["reference"]
        self.assertLess(reference["distance"], reference["healthy_distance"])

    def test_shapes(self):
        self.check(self.shapes, self.shapes.diagnose(self.shapes.model))

    def test_single_pictures(self):
        """A head or two are outside on any picture: no more than a note."""
        for picture in self.shapes.pictures:
            alone = clinic.Patient("shapes", self.shapes.model, [picture], self.shapes.reference)
            with self.subTest(picture.name):
                self.check(alone, alone.diagnose(alone.model))

    def test_starter(self):
        if self.starter is None:
            self.skipTest("VTR_TEST_STARTER and VTR_TEST_PHOTOS name none")
        diagnosis = self.starter.diagnose(self.starter.model)
        self.check(self.starter, diagnosis)
        self.assertEqual(diagnosis["reference"]["name"], "starter")

    def test_without_a_reference_hard_limits_remain(self):
        diagnosis = self.shapes.diagnose(self.shapes.model, "--reference", "none")
        self.assertIsNone(diagnosis["reference"])
        self.assertEqual(diagnosis["experiments"], [])
        self.assertEqual(clinic.name_findings(diagnosis), [])

    def test_a_temperature_near_zero_stays_finite(self):
        diagnosis = self.shapes.diagnose(self.shapes.model, "--temperature", "0.1")
        self.assertEqual(diagnosis["temperature"], 0.1)
        self.assertNotIn("bad-values", clinic.name_findings(diagnosis))
        self.assertGreater(diagnosis["reference"]["distance"], 0)


class Command(DiagnosisTest):
    def test_words(self):
        result = self.diagnose_shapes()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("No fault was found.", result.stdout)
        self.assertIn("“shapes” (28 pictures)", result.stdout)

    def test_fail_on(self):
        self.assertEqual(self.diagnose_shapes("--fail-on", "warning").returncode, 0)
        worse = self.diagnose_shapes("--temperature", "3", "--fail-on", "warning")
        self.assertEqual(worse.returncode, 1)
        self.assertIn("(temperature)", worse.stdout)
        self.assertIn("remedy", worse.stdout)

    def test_the_users_reference_is_found(self):
        folder = self.folder / "data/vitreous/references"
        made = self.run_program("reference", "make", self.shapes.model, self.folder / "pictures",
                                "--device", "cpu", "--name", "mine", "--json")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(json.loads(made.stdout),
                         {"file": str(folder / "mine.json"), "name": "mine", "pictures": 28})
        self.addCleanup(shutil.rmtree, folder)
        result = self.run_program("diagnose", "-m", self.shapes.model, "--device", "cpu", "--json",
                                  *self.shapes.pictures[:1])
        self.assertEqual(json.loads(result.stdout)["reference"]["name"], "mine")

    def test_wrong_references_are_refused(self):
        good = self.shapes.reference.read_text()
        wrong = {
            "no JSON": good[:-20],
            "another format": good.replace("vitreous-reference", "vitreous"),
            "another version": good.replace('"version": 1', '"version": 7'),
            "another shape": good.replace('"heads": 4', '"heads": 8'),
            "a negative size": good.replace('"layers": 4', '"layers": -4'),
            "no percentiles": good.replace('"entropy/all"', '"entropy/none"'),
        }
        for name, text in wrong.items():
            with self.subTest(name):
                path = self.folder / "wrong.json"
                path.write_text(text)
                self.assertNotEqual(text, good)
                self.assertIn("wrong.json", self.refuse(
                    3, "diagnose", "-m", self.shapes.model, "--device", "cpu", "--reference", path,
                    self.shapes.pictures[0]))

    def test_a_reference_of_another_shape_is_refused(self):
        starter = pathlib.Path(__file__).parents[2] / "core/analysis/references/starter.json"
        self.assertIn("12 layers", self.refuse(
            2, "diagnose", "-m", self.shapes.model, "--device", "cpu", "--reference", starter,
            self.shapes.pictures[0]))

    def test_usage(self):
        self.assertIn("IMAGE|DIR…", self.refuse(2, "diagnose"))
        self.refuse(2, "diagnose", "--fail-on", "doom", self.shapes.pictures[0])
        self.refuse(2, "diagnose", "--temperature", "0", self.shapes.pictures[0])
        self.assertIn("reference make MODEL DIR", self.refuse(2, "reference", "take", "a", "b"))
        few = self.folder / "few"
        few.mkdir()
        shutil.copy(self.shapes.pictures[0], few)
        self.assertIn("8 pictures", self.refuse(2, "reference", "make", self.shapes.model, few,
                                                "--device", "cpu", "-o", self.folder / "few.json"))

    def test_no_reference_is_made_of_a_sick_model(self):
        import checkpoint
        sick = checkpoint.Checkpoint(self.shapes.model)
        plants.plant_no_positions(sick)
        sick.save(self.folder / "sick")
        self.assertIn("positions-missing", self.refuse(
            2, "reference", "make", self.folder / "sick", self.folder / "pictures", "--device",
            "cpu", "-o", self.folder / "sick.json"))

    def test_ctrl_c(self):
        pictures = [str(p) for p in sorted((clinic.SHAPES / "pictures").glob("*.png"))] * 40
        process = subprocess.Popen([clinic.PROGRAM, "diagnose", "-m", str(self.shapes.model),
                                    "--device", "cpu", "--reference", str(self.shapes.reference),
                                    *pictures], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=clinic.TIMEOUT)
        self.assertEqual(process.returncode, 130, told)


class Documentation(DiagnosisTest):
    def test_rules_are_documented(self):
        text = tables.DOCUMENT.read_text()
        self.assertEqual(tables.put(text, "rules", tables.format_rules()), text,
                         "run tests/diagnosis/tables.py rules")


if __name__ == "__main__":
    harness.main()
