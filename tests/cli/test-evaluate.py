# SPDX-License-Identifier: LGPL-3.0-or-later
"""evaluate: methods ranked over pictures, in words, as JSON and as charts."""

import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import xml.etree.ElementTree
import zlib

from harness import FAULTS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main, png_size

HEADLESS = GOLDEN / 'cases' / 'dinov2' / 'model'
METHODS = ['raw', 'rollout', 'grad-rollout', 'relevance', 'legrad', 'gradcam']
CONTESTS = {'patch': ('patch-deletion', 'patch-insertion'),
            'pixel': ('pixel-deletion', 'pixel-insertion'),
            'perturbation': ('positive', 'negative')}
POINTS = {'patch': 11, 'pixel': 57, 'positive': 10, 'negative': 10}
PICTURES = ['square', 'small', 'landscape', 'portrait']
ESTIMATE = {'mean', 'low', 'high'}


def png_rows(path):
    """The rows of an 8-bit PNG, still filtered; fails unless all of it is there."""
    data = path.read_bytes()
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0]
        packed += body if kind == b'IDAT' else b''
        at += 12 + size
    assert kind == b'IEND'
    return zlib.decompress(packed)


class EvaluateTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in PICTURES:
            self.copy_picture(name, f'photos/{name}.png')

    def evaluate(self, *arguments):
        return json.loads(self.succeed('evaluate', '--device', 'cpu', '--json', *arguments))

    def fill(self, n):
        """A folder of @n pictures."""
        for i in range(n):
            self.copy_picture(PICTURES[i % len(PICTURES)], f'many{n}/{i:03}.png')
        return f'many{n}'


class Ranking(EvaluateTest):
    def check_estimate(self, estimate):
        self.assertLess(estimate['low'], estimate['mean'])
        self.assertAlmostEqual(estimate['low'] + estimate['high'], 2 * estimate['mean'], 9)

    def check_measures(self, measures):
        for name, measure in measures.items():
            curve = measure.pop('curve')
            self.assertEqual(set(measure), ESTIMATE)
            self.check_estimate(measure)
            self.assertEqual(len(curve), POINTS[name.split('-')[0]])
            self.assertTrue(all(set(point) == ESTIMATE | {'share'} for point in curve))
            self.assertEqual(curve[0]['share'], 0)
            self.assertEqual(curve[-1]['share'], 0.9 if name in CONTESTS['perturbation'] else 1)
            # Trapezoids of the mean curve are the mean of trapezoids where all have these points.
            if not name.startswith('pixel'):
                area = sum((a['mean'] + b['mean']) / 2 * (b['share'] - a['share'])
                           for a, b in zip(curve, curve[1:]))
                self.assertAlmostEqual(area, measure['mean'], 9)

    def check_scores(self, one, random):
        for contest, (fall, stay) in CONTESTS.items():
            score = one['scores'][contest]
            self.assertAlmostEqual(score['mean'], one['measures'][stay]['mean']
                                   - one['measures'][fall]['mean'], 9)
            if one is random:
                self.assertEqual(set(score), ESTIMATE)
                continue
            self.assertEqual(set(score), ESTIMATE | {'above_random', 'better_than_random'})
            difference = score['above_random']
            self.check_estimate(difference)
            self.assertAlmostEqual(difference['mean'],
                                   score['mean'] - random['scores'][contest]['mean'], 9)
            self.assertEqual(score['better_than_random'], difference['low'] > 0)

    def test_json(self):
        found = self.evaluate('photos')
        self.assertEqual(set(found), {
            'vitreous', 'model', 'model_hash', 'device', 'precision', 'fit', 'target', 'quantity',
            'pictures', 'stopped', 'failed', 'left_out', 'ranked_by', 'methods', 'random'})
        self.assertEqual((found['pictures'], found['stopped'], found['failed'], found['left_out']),
                         (4, False, [], []))
        self.assertEqual((found['quantity'], found['target'], found['ranked_by']),
                         ('probability', None, 'patch'))
        methods = found['methods']
        self.assertEqual(sorted(one['method'] for one in methods), sorted(METHODS))
        self.assertEqual([one['rank'] for one in methods], list(range(1, len(METHODS) + 1)))
        scores = [one['scores']['patch']['mean'] for one in methods]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual((found['random']['orders'], found['random']['seed']), (5, 0))
        for one in [*methods, found['random']]:
            self.assertEqual(list(one['measures']), sum(map(list, CONTESTS.values()), []))
            self.check_measures(one['measures'])
            self.check_scores(one, found['random'])
        self.assertEqual(methods[-1]['parameters']['heads'], 'mean')

    def test_curves_begin_and_end_alike(self):
        """With nothing changed yet, or everything, an order makes no difference."""
        found = self.evaluate('photos', '--measures', 'patch')
        ends = set()
        for one in [*found['methods'], found['random']]:
            deletion, insertion = (one['measures'][name]['curve'] for name in CONTESTS['patch'])
            ends.add((round(deletion[0]['mean'], 5), round(deletion[-1]['mean'], 5)))
            ends.add((round(insertion[-1]['mean'], 5), round(insertion[0]['mean'], 5)))
        self.assertEqual(len(ends), 1)

    def test_same_again(self):
        folder = self.fill(6)
        options = ['--measures', 'patch,negative', folder]
        first = self.evaluate(*options)
        self.assertEqual(first, self.evaluate('--jobs', '1', *options))
        self.assertEqual(first, self.evaluate('--jobs', '3', *options))
        other = self.evaluate('--seed', '7', *options)
        self.assertNotEqual(first['random']['scores'], other['random']['scores'])
        self.assertEqual([one['measures'] for one in first['methods']],
                         [one['measures'] for one in other['methods']])

    def test_table(self):
        text = self.succeed('evaluate', '--device', 'cpu', 'photos')
        found = self.evaluate('photos')
        self.assertEqual(text.count('RANK'), 3)
        self.assertEqual(text.count('random orders '), 3 + 1)
        rows = re.findall(r'^ +(\d) +(\S+) +(\S+)±\S+ +(\S+)±\S+ +(\S+)±\S+ +(\S+)±\S+(.*)$', text,
                          re.MULTILINE)
        self.assertEqual(len(rows), 3 * len(METHODS))
        for row, one in zip(rows, found['methods']):
            score = one['scores']['patch']
            numbers = [one['measures'][name]['mean'] for name in CONTESTS['patch']]
            self.assertEqual(row[:2], (str(one['rank']), one['method']))
            self.assertEqual([f'{number:.3f}' for number in [*numbers, score['mean']]],
                             list(row[2:5]))
            self.assertEqual(f'{score["above_random"]["mean"]:+.3f}', row[5])
            self.assertEqual(row[6].strip(),
                             '' if score['better_than_random'] else 'not better than random')

    def test_one_picture_says_nothing_of_others(self):
        found = self.evaluate('photos/square.png', '--measures', 'patch')
        score = found['methods'][0]['scores']['patch']
        self.assertEqual([score['low'], score['high'], score['better_than_random']], [None] * 3)
        text = self.succeed('evaluate', '--device', 'cpu', 'photos/square.png', '--measures', 'patch')
        self.assertIn('One picture tells nothing of others', text)
        self.assertNotIn('±', text)
        self.assertNotIn('not better', text)


class Choices(EvaluateTest):
    def test_methods_and_measures(self):
        found = self.evaluate('photos', '--methods', 'legrad, raw', '--measures', 'negative')
        self.assertEqual({one['method'] for one in found['methods']}, {'raw', 'legrad'})
        self.assertEqual(found['ranked_by'], 'perturbation')
        for one in found['methods']:
            self.assertEqual(list(one['measures']), ['negative'])
            self.assertEqual(list(one['scores']), ['perturbation'])
            self.assertEqual(one['scores']['perturbation']['mean'],
                             one['measures']['negative']['mean'])

    def test_deletion_alone_is_good_where_it_is_low(self):
        found = self.evaluate('photos', '--measures', 'patch-deletion')
        areas = [one['measures']['patch-deletion']['mean'] for one in found['methods']]
        self.assertEqual(areas, sorted(areas))

    def test_limit_spreads_over_all(self):
        """Of four pictures every second one."""
        options = ['--methods', 'raw', '--measures', 'patch']
        limited = self.evaluate('photos', '--limit', '2', *options)
        names = sorted(f'photos/{name}.png' for name in PICTURES)
        self.assertEqual(limited['methods'], self.evaluate(names[0], names[2], *options)['methods'])
        self.assertEqual(self.evaluate('photos', '--limit', '9', *options)['pictures'], 4)

    def test_targets(self):
        text = {'2': 'probability', '2-0': 'difference', '2-rest': 'log-odds',
                'image:photos/small.png': 'cosine', 'patch:3,3': 'cosine'}
        for target, quantity in text.items():
            with self.subTest(target=target):
                found = self.evaluate('photos', '--target', target, '--measures', 'patch')
                self.assertEqual((found['target'], found['quantity']), (target, quantity))
                self.assertEqual(len(found['methods']), len(METHODS))

    def test_without_classes(self):
        for options, names in [([], METHODS[:2]),
                               (['--target', 'image:photos/small.png'], METHODS)]:
            arguments = ['-m', HEADLESS, 'photos', '--measures', 'patch', *options]
            found = self.evaluate(*arguments)
            self.assertEqual(sorted(one['method'] for one in found['methods']), sorted(names))
            self.assertEqual(found['quantity'], 'cosine')
            self.assertEqual(found['left_out'], [name for name in METHODS if name not in names])
            result = self.run_program('evaluate', '--device', 'cpu', *arguments)
            self.assertEqual(result.returncode, 0)
            self.assertEqual('are left out' in result.stderr, len(names) == 2)
        self.assertIn('class', self.refuse(2, 'evaluate', '--device', 'cpu', '-q', 'photos', '-m',
                                           HEADLESS, '--methods', 'relevance'))

    def test_head(self):
        for label in ['a', 'b']:
            for i, name in enumerate(PICTURES):
                self.copy_picture(name, f'classes/{label}/{i}.png')
        self.succeed('head', 'train', 'classes', '-q', '--device', 'cpu', '-m', HEADLESS, '-o',
                     'h.safetensors', '--folds', '2')
        found = self.evaluate('photos', '-m', HEADLESS, '--head', 'h.safetensors', '--measures',
                              'patch')
        self.assertEqual((found['quantity'], len(found['methods'])), ('probability', len(METHODS)))


class Files(EvaluateTest):
    def test_files(self):
        found = self.evaluate('photos', '-o', 'out')
        self.assertEqual(self.files_in('out'),
                         ['evaluate.json', 'evaluate.png', 'evaluate.svg'])
        self.assertEqual(json.loads((self.folder / 'out/evaluate.json').read_text()), found)
        width, height = png_size(self.folder / 'out/evaluate.png')
        rows = png_rows(self.folder / 'out/evaluate.png')
        self.assertEqual(len(rows), height * (1 + 3 * width))
        self.assertGreater(len(set(rows)), 100)
        svg = xml.etree.ElementTree.parse(self.folder / 'out/evaluate.svg').getroot()
        self.assertEqual((svg.get('width'), svg.get('height')), (str(width), str(height)))
        texts = [text.text for text in svg.iter('{http://www.w3.org/2000/svg}text')]
        for name in METHODS:
            self.assertEqual(texts.count(name), len(CONTESTS))
        lines = list(svg.iter('{http://www.w3.org/2000/svg}polyline'))
        self.assertGreater(len(lines), 6 * (len(METHODS) + 1))

    def test_names_are_escaped(self):
        shutil.copytree(MODEL, self.folder / 'a<b>&"c\x02')
        self.succeed('evaluate', '--device', 'cpu', '-q', 'photos', '-m', 'a<b>&"c\x02',
                     '--measures', 'patch', '--methods', 'raw', '-o', 'out')
        svg = xml.etree.ElementTree.parse(self.folder / 'out/evaluate.svg').getroot()
        self.assertIn('a<b>&"c?', ''.join(svg.itertext()))

    def test_chart_is_no_picture(self):
        for _ in range(2):
            found = self.evaluate('photos', '-o', 'photos', '--measures', 'patch', '--methods',
                                  'raw')
            self.assertEqual((found['pictures'], found['failed']), (4, []))

    def test_folder_that_cannot_be_written(self):
        self.assertIn('/proc/vitreous', self.refuse(
            1, 'evaluate', '--device', 'cpu', '-q', 'photos', '-o', '/proc/vitreous'))


class Trouble(EvaluateTest):
    def test_pictures_that_fail_are_listed(self):
        (self.folder / 'photos/broken.png').write_bytes(b'no picture')
        result = self.run_program('evaluate', '--device', 'cpu', '--measures', 'patch', 'photos',
                                  'missing.png', '--json')
        self.assertEqual(result.returncode, 1)
        self.assertIn('2 of 6 pictures failed', result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual(found['pictures'], 4)
        self.assertEqual([one['picture'] for one in found['failed']],
                         ['photos/broken.png', 'missing.png'])
        whole = self.evaluate('photos/square.png', 'photos/small.png', '--measures', 'patch')
        self.assertEqual(whole['failed'], [])

    def test_a_place_outside_of_some(self):
        """What is wrong with one picture does not stop the others."""
        self.copy_picture('landscape', 'photos/wide.png')
        width = png_size(self.folder / 'photos/landscape.png')[0]
        result = self.run_program('evaluate', '--device', 'cpu', '--measures', 'patch', '--methods',
                                  'relevance', 'photos', '--json', '--target',
                                  f'patch:{width - 1},0')
        found = json.loads(result.stdout)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(found['pictures'] + len(found['failed']), 5)
        self.assertGreaterEqual(found['pictures'], 2)

    def test_nothing_to_say(self):
        (self.folder / 'broken.png').write_bytes(b'no picture')
        result = self.run_program('evaluate', '--device', 'cpu', 'broken.png', '-o', 'out')
        self.assertEqual((result.returncode, result.stdout), (1, ''))
        self.assertEqual(self.files_in('out'), [])

    def test_ctrl_c_tells_what_there_is(self):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, 'evaluate', '--device', 'cpu', '--measures', 'patch', '--methods', 'raw',
             self.fill(40), '-o', 'out'],
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
        counted = int(re.search(rb'Stopped: (\d+) of 40 pictures are counted', seen)[1])
        self.assertIn(counted, range(3, 40))
        self.assertIn(f'on {counted} pictures', text)
        found = json.loads((self.folder / 'out/evaluate.json').read_text())
        self.assertEqual((found['pictures'], found['stopped']), (counted, True))

    def test_lost_device(self):
        result = self.run_program('evaluate', '--device', 'cpu', '-q', 'photos', '--measures',
                                  'patch', env={'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'lost'})
        self.assertEqual((result.returncode, result.stdout), (3, ''))
        self.assertIn('stopped responding', result.stderr)

    def check_growth(self, n, bound, *options):
        """From 4 pictures to @n the peak grows by less than @bound KiB."""
        few, many = (self.peak_of('evaluate', self.fill(count), *options) for count in [4, n])
        self.assertLess(many, few + bound)

    def test_memory_does_not_grow(self):
        # A picture with its explanations takes some 100 KiB, so all 36 more would take 3600; heaps
        # of threads differ by some 300 from run to run.
        self.check_growth(40, 1024)

    def test_memory_does_not_grow_by_little(self):
        # One thread and patches alone: runs differ by up to 700 KiB, so 5 KiB a picture are seen.
        self.check_growth(240, 1000, '--jobs', '1', '--measures', 'patch')


if __name__ == '__main__':
    main()
