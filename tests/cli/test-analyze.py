# SPDX-License-Identifier: LGPL-3.0-or-later
"""analyze: attention over depth, in words, as JSON, CSV and a page for a browser."""

import csv
import json
import math
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

from harness import FAULTS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main, png_size

PICTURES = ['square', 'small', 'landscape', 'portrait']
DISTRIBUTION = ['mean', 'deviation', 'p5', 'p25', 'p50', 'p75', 'p95']
READINGS = ['all', 'all-patches', 'cls', 'cls-patches']
PATTERNS = {'artifact-sink': '#C0392B', 'prefix-sink': '#8E5EA2', 'uniform': '#9AA5B1',
            'positional': '#3A7CA5', 'local': '#2A9D8F', 'focused': '#E9A23B',
            'global': '#4C6EF5', 'mixed': '#C9CED6'}
CASES = GOLDEN / 'cases'
BROWSERS = ['chromium', 'chromium-browser', 'google-chrome']
SCREENSHOTS = pathlib.Path(os.environ['VITREOUS_TEST_SCREENSHOTS'])


def flatten(values):
    return sum(map(flatten, values), []) if isinstance(values, list) else [values]


class AnalyzeTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in PICTURES:
            self.copy_picture(name, f'photos/{name}.png')

    def analyze(self, *arguments):
        return json.loads(self.succeed('analyze', '--device', 'cpu', '--json', *arguments))

    def fill(self, n):
        """A folder of @n pictures."""
        for i in range(n):
            self.copy_picture(PICTURES[i % len(PICTURES)], f'many{n}/{i:03}.png')
        return f'many{n}'


class Numbers(AnalyzeTest):
    def check_distribution(self, found, n, bounds):
        self.assertEqual([key for key in found if key in DISTRIBUTION], DISTRIBUTION)
        columns = [flatten(found[key]) for key in DISTRIBUTION]
        self.assertEqual({len(column) for column in columns}, {n})
        for mean, deviation, *percentiles in zip(*columns):
            if mean is None:
                continue
            self.assertGreaterEqual(deviation, 0)
            self.assertEqual(percentiles, sorted(percentiles))
            self.assertTrue(bounds[0] <= percentiles[0] and percentiles[-1] <= bounds[1], found)

    def test_json(self):
        found = self.analyze('photos')
        self.assertEqual(set(found), {
            'version', 'model', 'temperature', 'pictures', 'statistics', 'tokens', 'pixels',
            'patterns', 'pattern_rules', 'evolution', 'similarity', 'device', 'precision', 'fit',
            'stopped', 'failed'})
        self.assertEqual((found['pictures'], found['stopped'], found['failed']), (4, False, []))
        n_layers, n_heads = found['model']['layers'], found['model']['heads']
        n = n_layers * n_heads
        shares = {'entropy', 'maximum', 'hoyer', 'gini', 'top-mass', 'cls-mass', 'register-mass',
                  'self-mass', 'neighbour-mass', 'uniform-rows', 'collapsed-rows', 'sink',
                  'artifact-mass', 'positional'}
        self.assertLess(shares, set(found['statistics']))
        for name, statistic in found['statistics'].items():
            readings = [key for key in statistic if key in READINGS]
            self.assertTrue(readings, name)
            for reading in readings:
                self.check_distribution(statistic[reading], n,
                                        (0, 1 + 1e-6 if name in shares else math.inf))
        for name, statistic in found['tokens'].items():
            self.check_distribution(statistic, n_layers, (-1 if name == 'cosine' else 0, math.inf))
        self.assertIsNone(found['tokens']['change']['mean'][0])
        self.assertEqual([len(row) for row in found['patterns']], [n_heads] * n_layers)
        self.assertLessEqual(set(flatten(found['patterns'])), set(PATTERNS))
        self.assertEqual(list(found['pattern_rules']), list(PATTERNS))
        for name, same in [('divergence', 0), ('cka', 1)]:
            matrix = found['similarity'][name]
            self.assertEqual([len(row) for row in matrix], [n] * n)
            for a in range(n):
                self.assertEqual(matrix[a][a], same)
                self.assertEqual(matrix[a], [row[a] for row in matrix])

    def test_temperature(self):
        """Colder is narrower, hotter wider; nothing overflows at the ends of what may be said."""
        means = []
        for temperature in ['0.01', '0.1', '1', '10', '100']:
            found = self.analyze('photos', '--temperature', temperature)
            self.assertEqual(found['temperature'], float(temperature))
            entropy = flatten(found['statistics']['entropy']['all']['mean'])
            self.assertTrue(all(math.isfinite(value) for value in entropy))
            means.append(sum(entropy) / len(entropy))
        self.assertEqual(means, sorted(means))
        self.assertLess(means[0], 0.3)
        self.assertGreater(means[-1], 0.99)

    def test_models(self):
        """Without CLS there are no rows of it; registers get what they get."""
        for case, has_cls, has_registers in [('vit', True, False), ('dinov2-registers', True, True),
                                             ('timm-no-class-token', False, True)]:
            with self.subTest(case=case):
                found = self.analyze('photos', '-m', CASES / case / 'model')['statistics']
                self.assertEqual('cls' in found['entropy'], has_cls)
                masses = found['register-mass'].get('all', {'mean': [0]})['mean']
                self.assertEqual(any(flatten(masses)), has_registers)

    def test_both_devices(self):
        """The environment's driver says what the processor does."""
        cpu, other = (json.loads(self.succeed('analyze', '--device', device, '--json', 'photos'))
                      for device in ['cpu', 'vulkan'])
        self.assertNotEqual(cpu['device'], other['device'])
        for name, statistic in cpu['statistics'].items():
            for reading in set(statistic) & set(READINGS):
                pairs = zip(flatten(statistic[reading]['mean']),
                            flatten(other['statistics'][name][reading]['mean']))
                for ours, theirs in pairs:
                    self.assertAlmostEqual(ours, theirs, delta=1e-4 * max(1, ours), msg=name)

    def test_same_again(self):
        folder = self.fill(8)
        first = self.analyze(folder)
        self.assertEqual(first, self.analyze('--jobs', '1', folder))
        self.assertEqual(first, self.analyze('--jobs', '3', folder))

    def test_table(self):
        text = self.succeed('analyze', '--device', 'cpu', 'photos')
        found = self.analyze('photos')
        rows = re.findall(r'^(\d+) +([\d.]+) +([\d.]+) ', text, re.MULTILINE)
        self.assertEqual(len(rows), found['model']['layers'])
        for layer, (number, entropy, _) in enumerate(rows):
            means = found['statistics']['entropy']['all']['mean'][layer]
            self.assertEqual(int(number), layer)
            self.assertAlmostEqual(float(entropy), sum(means) / len(means), 3)


class Files(AnalyzeTest):
    def test_files(self):
        found = self.analyze('photos', '-o', 'out')
        self.assertEqual(self.files_in('out'), ['analysis.csv', 'analysis.html', 'analysis.json',
                                                'analysis.state'])
        self.assertEqual(json.loads((self.folder / 'out/analysis.json').read_text()), found)
        with open(self.folder / 'out/analysis.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if row['reading'] == 'tokens':
                column = [found['tokens'][row['statistic']][key][int(row['layer'])]
                          for key in DISTRIBUTION]
            else:
                column = [found['statistics'][row['statistic']][row['reading']][key]
                          [int(row['layer'])][int(row['head'])] for key in DISTRIBUTION]
            told = [row[key] for key in ['mean', 'deviation', *DISTRIBUTION[2:]]]
            self.assertEqual([float(value) if value else None for value in told], column)
        self.assertGreater(len(rows), 30 * found['model']['layers'])

    def test_page_in_a_browser(self):
        """The page as a browser shows it, which cannot reach anything else."""
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            self.skipTest('no ' + ' or '.join(BROWSERS))
        found = self.analyze('photos', '-m', CASES / 'dinov2-registers' / 'model', '-o', 'out')
        page = (self.folder / 'out/analysis.html').read_text()
        self.assertNotRegex(page, r'<script|<link|@import|https?://|url\(')
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = SCREENSHOTS / 'analysis.png'
        picture.unlink(missing_ok=True)
        subprocess.run(
            [browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
             '--hide-scrollbars',
             '--host-resolver-rules=MAP * ~NOTFOUND', '--window-size=1280,2600',
             f'--user-data-dir={self.folder}/browser', f'--screenshot={picture}',
             f'file://{self.folder}/out/analysis.html'],
            check=True, capture_output=True, timeout=TIMEOUT, env={**self.env, 'HOME': self.folder})
        self.assertEqual(png_size(picture), (1280, 2600))
        colors = set(re.findall('#[0-9A-F]{6}', subprocess.run(
            ['convert', picture, '-depth', '8', '-format', '%c', 'histogram:info:-'], check=True,
            capture_output=True, text=True).stdout))
        self.assertGreater(len(colors), 500)  # maps over photographs
        for pattern in set(flatten(found['patterns'])):
            self.assertIn(PATTERNS[pattern], colors)

    def test_names_are_escaped(self):
        shutil.copytree(MODEL, self.folder / 'a<b>&"c')
        self.analyze('photos', '-m', 'a<b>&"c', '-o', 'out')
        self.assertIn('<h1>The attention of a&lt;b&gt;&amp;&quot;c</h1>',
                      (self.folder / 'out/analysis.html').read_text())

    def test_folder_that_cannot_be_written(self):
        self.assertIn('/proc/vitreous', self.refuse(
            1, 'analyze', '--device', 'cpu', '-q', 'photos', '-o', '/proc/vitreous'))


class Resuming(AnalyzeTest):
    def test_goes_on(self):
        folder = self.fill(6)
        whole = self.analyze(folder)
        self.analyze(*(f'{folder}/{i:03}.png' for i in range(4)), '-o', 'out')
        self.assertEqual(self.analyze(folder, '-o', 'out', '--resume'), whole)
        # Nothing is left to do, and nothing is counted twice.
        self.assertEqual(self.analyze(folder, '-o', 'out', '--resume'), whole)
        # Without --resume all begins anew.
        self.assertEqual(self.analyze(f'{folder}/000.png', '-o', 'out')['pictures'], 1)

    def test_another_question(self):
        self.analyze('photos', '-o', 'out')
        for options, word in [(['--temperature', '2'], 'temperature'), (['--fit', 'train'], '--fit'),
                              (['-m', CASES / 'deit' / 'model'], 'model')]:
            self.assertIn(word, self.refuse(2, 'analyze', '--device', 'cpu', '-q', 'photos', '-o',
                                            'out', '--resume', *options))

    def test_damaged(self):
        self.analyze('photos', '-o', 'out')
        (self.folder / 'out/analysis.state').write_bytes(b'nonsense')
        self.assertIn('analysis.state', self.refuse(2, 'analyze', '--device', 'cpu', '-q', 'photos',
                                                    '-o', 'out', '--resume'))

    def test_ctrl_c(self):
        """What is counted is told and kept; the rest comes later."""
        folder = self.fill(40)
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, 'analyze', '--device', 'cpu', '--jobs', '1', folder, '-o', 'out'],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=slave,
            env={**self.env, 'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'slow'})
        self.addCleanup(process.kill)
        self.addCleanup(os.close, master)
        os.close(slave)
        seen = b''
        while not re.search(rb'[3-9] of 40', seen):
            seen += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=TIMEOUT)
        while b'are counted' not in seen:
            seen += os.read(master, 4096)
        self.assertEqual(process.returncode, 130)
        counted = int(re.search(rb'Stopped: (\d+) of 40 pictures are counted; --resume', seen)[1])
        self.assertIn(counted, range(3, 40))
        self.assertIn(f'on {counted} pictures', text)
        found = json.loads((self.folder / 'out/analysis.json').read_text())
        self.assertEqual((found['pictures'], found['stopped']), (counted, True))
        self.assertEqual(self.analyze(folder, '-o', 'out', '--resume'), self.analyze(folder))


class Trouble(AnalyzeTest):
    def test_pictures_that_fail_are_listed(self):
        (self.folder / 'photos/broken.png').write_bytes(b'no picture')
        result = self.run_program('analyze', '--device', 'cpu', 'photos', 'missing.png', '--json')
        self.assertEqual(result.returncode, 1)
        self.assertIn('2 of 6 pictures failed', result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual(found['pictures'], 4)
        self.assertEqual([one['picture'] for one in found['failed']],
                         ['photos/broken.png', 'missing.png'])

    def test_nothing_to_say(self):
        (self.folder / 'broken.png').write_bytes(b'no picture')
        result = self.run_program('analyze', '--device', 'cpu', 'broken.png', '-o', 'out')
        self.assertEqual((result.returncode, result.stdout), (1, ''))
        self.assertEqual(self.files_in('out'), [])

    def test_lost_device(self):
        result = self.run_program('analyze', '--device', 'cpu', '-q', 'photos',
                                  env={'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'lost'})
        self.assertEqual((result.returncode, result.stdout), (3, ''))
        self.assertIn('stopped responding', result.stderr)

    def test_memory_does_not_grow(self):
        # An observation takes some 40 KiB, so 200 more of them would take 8000.
        few, many = (self.peak_of('analyze', '--jobs', '1', self.fill(n)) for n in [20, 220])
        self.assertLess(many, few + 1500)


if __name__ == '__main__':
    main()
