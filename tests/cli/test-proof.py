# SPDX-License-Identifier: LGPL-3.0-or-later
"""explain --prove: the patches a decision hangs on, and everywhere it is said."""

import json
import re
import struct
import xml.etree.ElementTree
import zipfile
import zlib

from harness import GOLDEN, CliTest, main, png_texts

LINE = r'^a\.png: (\d+) of (\d+) patches decide it: without (?:it|them) (\w+) (\S+) beats (\w+) (\S+)$'
NEVER = GOLDEN / 'cases' / 'dinov2-classifier' / 'model'  # sure of itself whatever is left
SHAPES = GOLDEN.parent / 'shapes'  # its README.md says what there is
SURE = ['circle-star', 'square-triangle', 'cross-triangle']  # each its first shape
FILES = ['.overlay.png', '.map.png', '.ora', '.json']


def paeth(left, above, corner):
    distances = [abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)]
    return [left, above, corner][distances.index(min(distances))]


def grey_rows(data):
    """The rows of an 8-bit grey PNG."""
    width, height, depth, color = struct.unpack('>IIBB', data[16:26])
    assert (depth, color) == (8, 0), 'not 8-bit grey'
    packed, place = b'', 8
    while place < len(data):
        size, kind = struct.unpack('>I4s', data[place:place + 8])
        packed += data[place + 8:place + 8 + size] if kind == b'IDAT' else b''
        place += size + 12
    raw = zlib.decompress(packed)
    rows, above = [], bytes(width)
    for y in range(height):
        kind, line = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        for x in range(width):
            left, corner = (line[x - 1], above[x - 1]) if x > 0 else (0, 0)
            line[x] = (line[x] + [0, left, above[x], (left + above[x]) // 2,
                                  paeth(left, above[x], corner)][kind]) & 255
        rows.append(bytes(line))
        above = line
    return rows


class Proof(CliTest):
    def setUp(self):
        super().setUp()
        self.copy_picture('square', 'a.png')

    def prove(self, target, *options, out='o'):
        """What STEM.json says, and what was printed."""
        printed = self.succeed('explain', '--prove', '--target', target, *options, '-o', out,
                               'a.png')
        return json.loads((self.folder / out / 'a.json').read_text()), printed

    def test_numbers_belong_together(self):
        record, printed = self.prove('top1-top2')
        proof, top = record['proof'], record['top']
        self.assertEqual(proof['outcome'], 'flipped')
        self.assertEqual(proof['target'], f"{top[0]['class']}-{top[1]['class']}")
        self.assertEqual([proof[side]['class'] for side in 'ab'], [top[0]['class'], top[1]['class']])
        self.assertEqual([proof[side]['label'] for side in 'ab'], [top[0]['label'], top[1]['label']])
        self.assertEqual(proof['a']['before'], top[0]['logit'])
        self.assertEqual(proof['b']['before'], top[1]['logit'])
        for when in ['before', 'after']:
            self.assertAlmostEqual(proof['y_' + when], proof['a'][when] - proof['b'][when])
        self.assertGreater(proof['y_before'], 0)
        self.assertLess(proof['y_after'], 0)
        self.assertEqual(len(proof['patches']), proof['n_patches'])
        self.assertEqual(proof['patches'], sorted(set(proof['patches'])))
        self.assertLessEqual(proof['n_patches'], proof['n_greedy'])
        geometry = record['geometry']
        self.assertEqual(proof['n_all'], geometry['n_rows'] * geometry['n_columns'])
        self.assertLess(proof['patches'][-1], proof['n_all'])
        n, n_all, winner, won, loser, lost = re.search(LINE, printed.splitlines()[-1]).groups()
        self.assertEqual([int(n), int(n_all)], [proof['n_patches'], proof['n_all']])
        self.assertEqual([winner, loser], [proof['b']['label'], proof['a']['label']])
        self.assertAlmostEqual(float(won), proof['b']['after'], delta=0.006)
        self.assertAlmostEqual(float(lost), proof['a']['after'], delta=0.006)
        self.assertEqual(printed.splitlines()[-1], 'a.png: ' + proof['text'])

    def test_the_mask_is_white_at_the_patches(self):
        for fit in ['cover', 'train', 'stretch']:
            self.copy_picture('landscape', 'a.png')
            record, _ = self.prove('top1', '--fit', fit, out=fit)
            geometry, region = record['geometry'], record['geometry']['region']
            rows = grey_rows((self.folder / fit / 'a.proof.png').read_bytes())
            self.assertEqual([len(rows[0]), len(rows)],
                             [record['image']['width'], record['image']['height']])
            for y, line in enumerate(rows):
                for x, value in enumerate(line):
                    column = (x + 0.5 - region['x']) / region['width'] * geometry['n_columns']
                    row = (y + 0.5 - region['y']) / region['height'] * geometry['n_rows']
                    inside = 0 <= column < geometry['n_columns'] and 0 <= row < geometry['n_rows']
                    patch = int(row) * geometry['n_columns'] + int(column)
                    marked = inside and patch in record['proof']['patches']
                    self.assertEqual(value, 255 if marked else 0, (fit, x, y))

    def test_said_everywhere(self):
        record, printed = self.prove('top1-rest', '--write', 'overlay,map,layers,json')
        proof = record['proof']
        self.assert_files('o', ['a'], FILES + ['.proof.png'])
        self.assertIn('o/a.proof.png\n', printed)
        self.assertIn('a.proof.png', record['files'])
        self.assertIn('--prove', record['command'])
        for name in ['a.overlay.png', 'a.map.png', 'a.proof.png']:
            texts = png_texts((self.folder / 'o' / name).read_bytes())
            self.assertEqual(texts['vitreous:proof'], proof['text'])
            self.assertEqual(texts['vitreous:proof-target'], proof['target'])
            self.assertEqual(texts['vitreous:proof-outcome'], 'flipped')
            self.assertIn('--prove', texts['vitreous:command'])
            self.assertEqual('vitreous:minimum' in texts, name != 'a.proof.png')

    def test_a_layer_shows_it(self):
        proof = self.prove('top1')[0]['proof']
        archive = zipfile.ZipFile(self.folder / 'o/a.ora')
        stack = xml.etree.ElementTree.fromstring(archive.read('stack.xml')).find('stack')
        self.assertEqual([child.get('name') for child in stack],
                         [f"proof: {proof['n_patches']} of {proof['n_all']} patches", 'relevance',
                          'photo'])
        self.assertEqual(stack[0].get('visibility'), 'hidden')
        texts = png_texts(archive.read(stack[0].get('src')))
        self.assertEqual(texts['vitreous:proof'], proof['text'])

    def test_answers_in_json(self):
        self.copy_picture('square', 'b.png')
        answers = json.loads(self.succeed('explain', '--prove', '--target', 'top1', '--json', '-o',
                                          'o', 'a.png', 'b.png'))
        proof = json.loads((self.folder / 'o/a.json').read_text())['proof']
        names = ['outcome', 'text', 'y_before', 'y_after', 'n_all', 'n_greedy', 'n_patches',
                 'n_passes']
        self.assertEqual(answers[0]['proof'], {name: proof[name] for name in names})
        self.assertEqual(answers[0]['proof'], answers[1]['proof'])  # no chance is in it

    def test_nothing_to_prove(self):
        record, printed = self.prove('top2-top1')
        proof = record['proof']
        self.assertEqual(proof['outcome'], 'not-preferred')
        self.assertEqual([proof['patches'], proof['n_passes']], [[], 0])
        self.assertLess(proof['y_before'], 0)
        self.assertRegex(printed.splitlines()[-1], r'^a\.png: nothing to prove: ')
        self.assert_files('o', ['a'], FILES)
        stack = zipfile.ZipFile(self.folder / 'o/a.ora').read('stack.xml').decode()
        self.assertNotIn('proof', stack)

    def test_never_flipped(self):
        record, printed = self.prove('top1', '-m', NEVER)
        proof = record['proof']
        self.assertEqual(proof['outcome'], 'not-flipped')
        self.assertEqual([proof['patches'], proof['n_greedy']], [[], 0])
        self.assertGreater(proof['y_after'], 0)
        self.assertGreaterEqual(proof['n_passes'], proof['n_all'] - 1)  # each number of patches
        self.assertRegex(printed.splitlines()[-1], r'^a\.png: no patches decide it: ')
        self.assert_files('o', ['a'], FILES)

    def test_by_the_order_of_other_methods(self):
        proofs = [self.prove('top1-top2', '--method', method, out=method)[0]['proof']
                  for method in ['relevance', 'legrad', 'raw', 'rollout']]
        for proof in proofs:
            self.assertIn(proof['outcome'], ['flipped', 'not-flipped'])
            self.assertEqual(proof['target'], proofs[0]['target'])
            self.assertEqual(proof['y_before'], proofs[0]['y_before'])
        self.assertGreater(len({proof['n_greedy'] for proof in proofs}), 1)

    def test_with_a_score(self):
        record, printed = self.prove('top1', '--score')
        self.assertIn('score', record)
        self.assertIn('proof', record)
        self.assertEqual([line.split()[1] for line in printed.splitlines()[-2:]][0], 'score')

    def test_resume_goes_by_it(self):
        def status(*options):
            answer = json.loads(self.succeed('explain', '--resume', '--json', '--target', *options,
                                             '-o', 'o', 'a.png'))[0]
            return answer['status'], 'o/a.proof.png' in answer['files']

        self.assertEqual(status('top1'), ('done', False))
        self.assertEqual(status('top1', '--prove'), ('done', True))
        self.assertEqual(status('top1', '--prove'), ('skipped', True))
        (self.folder / 'o/a.proof.png').unlink()
        self.assertEqual(status('top1', '--prove'), ('done', True))
        # Where there is no mask to write none is missed.
        (self.folder / 'o/a.proof.png').unlink()
        self.assertEqual(status('top2-top1', '--prove'), ('done', False))
        self.assertEqual(status('top2-top1', '--prove'), ('skipped', False))

    def test_refused_without_a_decision(self):
        for options in [[], ['--target', 'patch:3,3'], ['--target', 'image:a.png'],
                        ['--method', 'relevance']]:
            message = self.refuse(2, 'explain', '--prove', *options, 'a.png')
            self.assertIn('--target A-B', message)
        self.refuse(2, 'explain', '--prove', '--target', 'nonsense-ant', 'a.png')
        self.assertEqual(self.files_in('.'), ['a.png'])


class Shapes(CliTest):
    """Pictures of two shapes, of which is known where they are."""

    def prove(self, name):
        a, b = name.split('-')
        picture = SHAPES / 'pictures' / f'{name}.png'
        self.succeed('explain', '--prove', '-m', SHAPES / 'model', '--fit', 'train', '--target',
                     f'{a}-{b}', '-o', 'o', picture)
        record = json.loads((self.folder / f'o/{name}.json').read_text())
        return record['proof'], grey_rows((self.folder / f'o/{name}.proof.png').read_bytes())

    def test_the_mask_lies_on_the_shape(self):
        pictures = json.loads((SHAPES / 'pictures/pictures.json').read_text())['pictures']
        shapes = {picture['file']: picture['shapes'] for picture in pictures}
        for name in SURE:
            proof, rows = self.prove(name)
            white = [[x, y] for y, line in enumerate(rows) for x, value in enumerate(line) if value]
            self.assertEqual(len(white), 64 * proof['n_patches'], name)
            first, second = (shape['box'] for shape in shapes[f'{name}.png'])
            on_first, on_second = (sum(x0 <= x < x1 and y0 <= y < y1 for x, y in white)
                                   for x0, y0, x1, y1 in [first, second])
            self.assertGreater(on_first, len(white) / 2, name)
            self.assertLess(on_second, len(white) / 10, name)

    def test_few_patches_turn_it(self):
        for name in SURE:
            proof, _ = self.prove(name)
            self.assertEqual(proof['outcome'], 'flipped')
            self.assertEqual(f"{proof['a']['label']}-{proof['b']['label']}", name)
            self.assertGreater(proof['a']['before'], proof['b']['before'])
            self.assertLess(proof['a']['after'], proof['b']['after'])
            self.assertLessEqual(proof['n_patches'], proof['n_all'] // 10)


main()
