# SPDX-License-Identifier: LGPL-3.0-or-later
"""compare: two models, or one in two settings, in words, as JSON, CSV and a sheet."""

import csv
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import zipfile

from harness import FAULTS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main, png_size

CASES = GOLDEN / 'cases'
SECOND = CASES / 'vit-f16' / 'model'  # the same classes, other weights
OTHER = CASES / 'dino' / 'model'  # as wide, without classes
NARROW = CASES / 'clip-projection' / 'model'
PICTURES = ['square', 'small', 'landscape', 'portrait']
MEASURES = ['pearson', 'spearman', 'iou', 'divergence', 'cosine', 'logit-change']
FILES = ['compare.csv', 'compare.json', 'compare.sheet.png']


def read_map(path):
    """The map of an .npz, as a list."""
    data = zipfile.ZipFile(path).read('map.npy')
    start = 10 + struct.unpack('<H', data[8:10])[0]
    return list(struct.unpack(f'<{(len(data) - start) // 4}f', data[start:]))


def correlate(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    a, b = [x - mean_a for x in a], [x - mean_b for x in b]
    return (sum(x * y for x, y in zip(a, b))
            / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)))


def overlap(a, b):
    n = -(-len(a) // 5)
    top_a, top_b = (set(sorted(range(len(a)), key=lambda i: (-values[i], i))[:n])
                    for values in (a, b))
    return len(top_a & top_b) / len(top_a | top_b)


def diverge(a, b):
    p, q = ([max(x, 0) / sum(max(y, 0) for y in values) for x in values] for values in (a, b))

    def against(one, other):
        return sum(x * math.log2(2 * x / (x + y)) for x, y in zip(one, other) if x > 0)
    return (against(p, q) + against(q, p)) / 2


class CompareTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in PICTURES:
            self.copy_picture(name, f'photos/{name}.png')

    def compare(self, *arguments, **options):
        return json.loads(self.succeed('compare', '--device', 'cpu', '--json', *arguments,
                                       **options))

    def fill(self, n):
        for i in range(n):
            self.copy_picture(PICTURES[i % len(PICTURES)], f'many{n}/{i:03}.png')
        return f'many{n}'


class Numbers(CompareTest):
    def test_alike(self):
        found = self.compare(MODEL, MODEL, 'photos')
        self.assertEqual(found['pictures'], 4)
        for one in found['each']:
            for name in ('pearson', 'spearman', 'iou', 'cosine'):
                self.assertAlmostEqual(one[name], 1, 9)
            self.assertEqual((one['divergence'], one['logit-change'], one['changed']),
                             (0, 0, False))
            self.assertEqual(one['a'], one['b'])
        self.assertEqual(found['predictions'], {'same_classes': True, 'pictures': 4, 'changed': 0,
                                                'share_changed': 0})

    def test_maps(self):
        """Against the same sums over what explain writes."""
        found = self.compare('-m', MODEL, '--a', 'method=rollout', '--b', 'method=relevance',
                             'photos')
        for method in ('rollout', 'relevance'):
            self.succeed('explain', '-q', '--device', 'cpu', '--method', method, '--write', 'npz',
                         '-o', method, 'photos')
        for one in found['each']:
            name = os.path.basename(one['picture'])[:-4]
            a, b = (read_map(self.folder / f'{method}/{name}.npz')
                    for method in ('rollout', 'relevance'))
            self.assertEqual(len(a), one['patches'])
            self.assertEqual(len(a), one['rows'] * one['columns'])
            self.assertAlmostEqual(one['pearson'], correlate(a, b), 9)
            self.assertAlmostEqual(one['iou'], overlap(a, b), 9)
            self.assertAlmostEqual(one['divergence'], diverge(a, b), 9)

    def test_totals(self):
        found = self.compare(MODEL, SECOND, 'photos')
        for name in MEASURES:
            values = [one[name] for one in found['each']]
            total = found['measures'][name]
            self.assertAlmostEqual(total['mean'], sum(values) / len(values), 9)
            self.assertEqual(total['pictures'], 4)
            self.assertLessEqual(total['low'], total['mean'])
        changed = sum(one['a']['class'] != one['b']['class'] for one in found['each'])
        self.assertGreater(changed, 0)
        self.assertEqual(found['predictions'], {'same_classes': True, 'pictures': 4,
                                                'changed': changed, 'share_changed': changed / 4})
        self.assertEqual(sum(one['changed'] for one in found['each']), changed)

    def test_precision(self):
        found = self.compare('-m', MODEL, '--b', 'precision=f16', 'photos')
        self.assertGreater(found['measures']['pearson']['mean'], 0.999)
        self.assertLess(found['measures']['pearson']['mean'], 1)
        self.assertGreater(found['measures']['logit-change']['mean'], 0)
        self.assertLess(found['measures']['logit-change']['mean'], 0.01)

    def test_worst(self):
        found = self.compare('-m', MODEL, '--b', 'method=rollout', 'photos', '--worst', '3')
        values = {one['picture']: one['pearson'] for one in found['each']}
        self.assertEqual(found['worst'], sorted(values, key=values.get)[:3])
        found = self.compare('-m', MODEL, '--b', 'method=rollout', 'photos', '--by', 'divergence')
        values = {one['picture']: -one['divergence'] for one in found['each']}
        self.assertEqual(found['worst'], sorted(values, key=values.get))
        self.assertEqual(found['ranked_by'], 'divergence')

    def test_worst_of_equal_ones(self):
        """Those that come first."""
        folder = self.fill(9)
        found = self.compare(MODEL, MODEL, folder, '--by', 'iou', '--worst', '3')
        self.assertEqual(found['worst'], [f'{folder}/{i:03}.png' for i in range(3)])

    def test_same_again(self):
        folder = self.fill(9)
        first = self.compare(MODEL, SECOND, folder)
        for jobs in ('1', '3'):
            self.assertEqual(first, self.compare(MODEL, SECOND, folder, '--jobs', jobs))

    def test_table(self):
        text = self.succeed('compare', '--device', 'cpu', MODEL, SECOND, 'photos')
        found = self.compare(MODEL, SECOND, 'photos')
        self.assertIn(f'{found["measures"]["pearson"]["mean"]:.4f}±', text)
        changed = found['predictions']['changed']
        self.assertIn(f'{changed} of 4 pictures are taken for another class', text)
        self.assertEqual(re.findall(r'^(photos/\S+) ', text, re.MULTILINE), found['worst'])


class Sides(CompareTest):
    def test_precision_and_temperature(self):
        found = self.compare('-m', MODEL, '--a', 'temperature=0.5,precision=f16', '--b', 'fit=train',
                             '--b', 'layers=0,1', 'photos')
        a, b = found['a'], found['b']
        self.assertEqual((a['precision'], a['parameters']['temperature'], a['fit']),
                         ('f16', '0.5', 'cover'))
        self.assertEqual((b['precision'], b['parameters']['temperature'], b['fit']),
                         ('f32', '1', 'train'))
        self.assertEqual((a['parameters']['layers'], b['parameters']['layers']), ('last', '0,1'))

    def test_options_are_of_both(self):
        found = self.compare('-m', MODEL, '--method', 'rollout', '--size', '48', '--b', 'size=32',
                             'photos')
        self.assertEqual([found[side]['method'] for side in 'ab'], ['rollout'] * 2)
        self.assertEqual([found[side]['size'] for side in 'ab'], [48, 32])
        self.assertEqual(found['b']['parameters'], found['a']['parameters'])

    def test_two_grids(self):
        """On the finer one, whichever side has it."""
        there = self.compare('-m', MODEL, '--a', 'size=32', '--b', 'size=64', 'photos')
        back = self.compare('-m', MODEL, '--a', 'size=64', '--b', 'size=32', 'photos')
        for one, other in zip(there['each'], back['each']):
            for name in ('pearson', 'spearman', 'iou', 'divergence'):
                self.assertAlmostEqual(one[name], other[name], 9)
            self.assertEqual((one['rows'], one['columns']), (other['rows'], other['columns']))

    def test_models_in_settings(self):
        found = self.compare('--a', f'model={MODEL}', '--b', f'model={SECOND}', 'photos')
        self.assertEqual(found['each'], self.compare(MODEL, SECOND, 'photos')['each'])

    def test_classes_that_do_not_correspond(self):
        found = self.compare(MODEL, OTHER, 'photos')
        self.assertEqual(found['predictions'], {'same_classes': False, 'pictures': 0, 'changed': 0,
                                                'share_changed': None})
        for one in found['each']:
            self.assertEqual((one['logit-change'], one['changed'], one['b']), (None, None, None))
            self.assertIsNotNone(one['a'])
            self.assertIsNotNone(one['cosine'])
        found = self.compare(MODEL, NARROW, 'photos')
        self.assertEqual(found['measures']['cosine']['pictures'], 0)
        self.assertIsNone(found['measures']['cosine']['mean'])

    def test_head(self):
        for i, name in enumerate(PICTURES):
            self.copy_picture(name, f'classes/{"ab"[i // 2]}/{i}.png')
        for name, options in {'one': [], 'two': ['--features', 'mean']}.items():
            self.succeed('head', 'train', 'classes', '-q', '--device', 'cpu', '-o',
                         f'{name}.safetensors', '--folds', '2', *options)
        found = self.compare('-m', MODEL, '--a', 'head=one.safetensors', '--b',
                             'head=two.safetensors', 'photos')
        self.assertTrue(found['predictions']['same_classes'])
        self.assertEqual(found['predictions']['pictures'], 4)
        self.assertNotEqual(found['a']['head_hash'], found['b']['head_hash'])

    def test_wrong(self):
        for words, arguments in [
                ('two models and pictures', ['photos']), ('two models and pictures', [MODEL, SECOND]),
                ('alike', ['-m', MODEL, 'photos']), ('IMAGE', ['-m', MODEL, '--a', 'fit=train']),
                ('NAME=VALUE', ['-m', MODEL, '--a', 'fit', 'photos']),
                ('NAME=VALUE', ['-m', MODEL, '--b', 'colour=1', 'photos']),
                ('cover, train', ['-m', MODEL, '--a', 'fit=best', 'photos']),
                ('1 to 16384', ['-m', MODEL, '--a', 'size=x', 'photos']),
                ('has no --layers', ['-m', MODEL, '--a', 'method=relevance,layers=3', 'photos']),
                ('measure', [MODEL, SECOND, 'photos', '--by', 'likeness']),
                ('1 to 100', [MODEL, SECOND, 'photos', '--worst', '0']),
                ('--output', [MODEL, SECOND, 'photos', '--resume'])]:
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.refuse(2, 'compare', *arguments))
        self.assertIn('nowhere', self.refuse(3, 'compare', '--device', 'cpu', MODEL, 'nowhere',
                                             'photos'))

    def test_both_devices(self):
        """The environment's driver beside the processor."""
        found = self.compare('-m', MODEL, '--b', 'device=vulkan', 'photos')
        self.assertNotEqual(found['a']['device'], found['b']['device'])
        self.assertGreater(min(one['pearson'] for one in found['each']), 0.99999)
        self.assertLess(max(one['logit-change'] for one in found['each']), 1e-4)


class Files(CompareTest):
    def test_files(self):
        found = self.compare(MODEL, SECOND, 'photos', '-o', 'deep/out')
        self.assertEqual(self.files_in('deep/out'), FILES)
        out = self.folder / 'deep/out'
        self.assertEqual(json.loads((out / 'compare.json').read_text()), found)
        with open(out / 'compare.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row['picture'] for row in rows],
                         [one['picture'] for one in found['each']])
        for row, one in zip(rows, found['each']):
            for name in MEASURES:
                self.assertEqual(float(row[name]), one[name])
            self.assertEqual((row['label_a'], row['changed']), (one['a']['label'], str(one['changed']).lower()))
        width, height = png_size(out / 'compare.sheet.png')
        self.succeed('compare', '--device', 'cpu', '-q', MODEL, SECOND, 'photos', '-o', 'two',
                     '--worst', '2')
        narrow, low = png_size(self.folder / 'two/compare.sheet.png')
        self.assertEqual(narrow, width)
        self.assertLess(low, height)

    def test_names_in_csv(self):
        os.rename(self.folder / 'photos', self.folder / 'a, "b"')
        self.succeed('compare', '--device', 'cpu', '-q', MODEL, SECOND, 'a, "b"', '-o', 'out')
        with open(self.folder / 'out/compare.csv', newline='') as file:
            self.assertEqual([row['picture'] for row in csv.DictReader(file)][0],
                             'a, "b"/landscape.png')

    def test_resume(self):
        """What an earlier run has found is taken over, and all comes out as if in one run."""
        whole = self.compare(MODEL, SECOND, 'photos', '-o', 'whole')
        os.rename(self.folder / 'photos/square.png', self.folder / 'square.png')
        self.compare(MODEL, SECOND, 'photos', '-o', 'out')
        os.rename(self.folder / 'square.png', self.folder / 'photos/square.png')
        text = (self.folder / 'out/compare.json').read_text()
        (self.folder / 'out/compare.json').write_text(text.replace('"columns" : ', '"columns" : 9'))
        resumed = self.compare(MODEL, SECOND, 'photos', '-o', 'out', '--resume')
        taken = [one for one in resumed['each'] if str(one['columns']).startswith('9')]
        self.assertEqual(len(taken), 3)  # which only the file can have told
        for one in taken:
            one['columns'] = int(str(one['columns'])[1:])
        self.assertEqual(resumed, whole)
        for name in ('compare.csv', 'compare.sheet.png'):
            self.assertEqual((self.folder / 'out' / name).read_bytes(),
                             (self.folder / 'whole' / name).read_bytes())

    def test_resume_of_a_younger_picture(self):
        first = self.compare(MODEL, SECOND, 'photos', '-o', 'out')
        text = json.dumps(first, indent=1).replace('"columns": ', '"columns": 9')
        (self.folder / 'out/compare.json').write_text(text)
        future = os.stat(self.folder / 'out/compare.json').st_mtime + 100
        os.utime(self.folder / 'photos/small.png', (future, future))
        found = self.compare(MODEL, SECOND, 'photos', '-o', 'out', '--resume')
        self.assertEqual([one['picture'] for one in found['each']
                          if not str(one['columns']).startswith('9')], ['photos/small.png'])

    def test_resume_of_something_else(self):
        self.compare(MODEL, SECOND, 'photos', '-o', 'out')
        first = (self.folder / 'out/compare.json').read_text()
        for options in (['--b', 'temperature=2'], ['--method', 'rollout'], ['--fit', 'train']):
            (self.folder / 'out/compare.json').write_text(
                first.replace('"columns" : ', '"columns" : 9'))
            found = self.compare(MODEL, SECOND, 'photos', '-o', 'out', '--resume', *options)
            self.assertTrue(all(one['columns'] < 90 for one in found['each']))
        for rubbish in ('', '[]', '{"vitreous": 1}', '{"each": 3}', first[:200]):
            (self.folder / 'out/compare.json').write_text(rubbish)
            self.assertEqual(self.compare(MODEL, SECOND, 'photos', '-o', 'out', '--resume'),
                             json.loads(first))


class Trouble(CompareTest):
    def test_pictures_that_fail_are_listed(self):
        (self.folder / 'photos/broken.png').write_bytes(b'no picture')
        result = self.run_program('compare', '--device', 'cpu', '--json', MODEL, SECOND, 'photos',
                                  'missing.png', '-o', 'out')
        self.assertEqual(result.returncode, 1)
        self.assertIn('2 of 6 pictures failed', result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual(found['pictures'], 4)
        self.assertEqual([one['picture'] for one in found['failed']],
                         ['photos/broken.png', 'missing.png'])
        self.assertEqual(self.files_in('out'), FILES)
        self.assertEqual(found['each'], self.compare(
            MODEL, SECOND, *(f'photos/{name}.png' for name in sorted(PICTURES)))['each'])

    def test_nothing_to_say(self):
        (self.folder / 'broken.png').write_bytes(b'no picture')
        result = self.run_program('compare', '--device', 'cpu', MODEL, SECOND, 'broken.png', '-o',
                                  'out')
        self.assertEqual((result.returncode, result.stdout), (1, ''))
        self.assertEqual(self.files_in('out'), [])

    def test_ctrl_c_and_on_from_there(self):
        folder = self.fill(30)
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, 'compare', '--device', 'cpu', MODEL, SECOND, folder, '-o', 'out'],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=slave,
            env={**self.env, 'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'slow'})
        self.addCleanup(process.kill)
        self.addCleanup(os.close, master)
        os.close(slave)
        seen = b''
        while not re.search(rb'[3-9] of 30', seen):
            seen += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
        while b'goes on from here' not in seen:
            seen += os.read(master, 4096)
        self.assertEqual(process.returncode, 130)
        found = json.loads((self.folder / 'out/compare.json').read_text())
        self.assertTrue(found['stopped'])
        self.assertIn(found['pictures'], range(3, 30))
        resumed = self.compare(MODEL, SECOND, folder, '-o', 'out', '--resume')
        self.assertEqual(resumed, self.compare(MODEL, SECOND, folder))


if __name__ == '__main__':
    main()
