# SPDX-License-Identifier: LGPL-3.0-or-later
"""augment: training pictures made by attention, and the manifest that says how."""

import csv
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import zlib

from harness import FAULTS, PICTURES as GOLDEN_PICTURES, PROGRAM, TIMEOUT, CliTest, main, png_size

PICTURES = ['square', 'small', 'landscape', 'portrait']
KINDS = ['crop', 'erase', 'paste']
MANIFESTS = ['manifest.csv', 'manifest.jsonl']


def png_pixels(path):
    """Width, height and rows of 8-bit RGB pixels."""
    data = pathlib.Path(path).read_bytes()
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
        packed += body if kind == b'IDAT' else b''
        at += 12 + size
    assert (depth, colour) == (8, 2), path
    raw, rows, before = zlib.decompress(packed), [], bytes(3 * width)
    for y in range(height):
        at = y * (3 * width + 1)
        method, row = raw[at], bytearray(raw[at + 1:at + 1 + 3 * width])
        for i in range(3 * width):
            left = row[i - 3] if i >= 3 else 0
            corner = before[i - 3] if i >= 3 else 0
            guess = left + before[i] - corner
            paeth = min((left, before[i], corner), key=lambda value: abs(guess - value))
            row[i] = (row[i] + (0, left, before[i], (left + before[i]) // 2, paeth)[method]) & 255
        rows.append(bytes(row))
        before = row
    return width, height, rows


class AugmentTest(CliTest):
    def setUp(self):
        super().setUp()
        for i, name in enumerate(PICTURES):
            self.copy_picture(name, f'classes/{["cat", "dog, big"][i % 2]}/{name}.png')

    def augment(self, *arguments, folder='classes', out='out', **options):
        return json.loads(self.succeed('augment', folder, '-o', out, '--device', 'cpu', '--json',
                                       *arguments, **options))

    def manifest(self, out='out'):
        """The lines by file."""
        lines = (self.folder / out / 'manifest.jsonl').read_text().splitlines()
        return {line['file']: line for line in map(json.loads, lines)}

    def contents(self, out):
        return {name: (self.folder / out / name).read_bytes() for name in self.files_in(out)}

    def fill(self, n):
        for i in range(n):
            self.copy_picture(PICTURES[i % len(PICTURES)], f'many/{"ab"[i % 2]}/{i:03}.png')
        return 'many'


class Made(AugmentTest):
    def test_all_kinds(self):
        found = self.augment()
        self.assertEqual(found['made'], {kind: 4 for kind in KINDS})
        self.assertEqual((found['pictures'], found['classes'], found['kept'], found['failed'],
                          found['stopped']), (4, 2, 0, [], False))
        lines = self.manifest()
        self.assertEqual(self.files_in('out'), sorted([*lines, *MANIFESTS]))
        self.assertEqual(len(lines), 12)
        for name, line in lines.items():
            label, file = name.split('/')
            self.assertEqual(file.split('.')[1:], [f'{line["kind"]}-1', 'png'])
            self.assertEqual(png_size(self.folder / 'out' / name), (line['width'], line['height']))
            self.assertEqual(line['labels'][0]['label'], label)
            self.assertAlmostEqual(sum(one['weight'] for one in line['labels']), 1, 12)
            self.assertAlmostEqual(sum(one['weight'] for one in line['sources']), 1, 12)
            self.assertEqual((line['method'], line['seed'], line['model_hash']),
                             ('raw', 0, found['model_hash']))
        self.assertEqual({line['kind'] for line in lines.values()}, set(KINDS))

    def test_crop(self):
        """Cut out of the picture, of its shape, with the share that was asked for."""
        self.augment('--kinds', 'crop=0.5', '--jitter', '0', '--per-picture', '2')
        for line in self.manifest().values():
            source = line['sources'][0]
            x, y, width, height = source['box']
            whole = png_pixels(self.folder / 'classes' / source['picture'])
            cut = png_pixels(self.folder / 'out' / line['file'])
            self.assertEqual(cut[:2], (width, height))
            for row in range(height):
                self.assertEqual(cut[2][row], whole[2][y + row][3 * x:3 * (x + width)])
            self.assertEqual(line['share'], 0.5)
            self.assertGreaterEqual(source['mass'], 0.5 - 1e-9)
            self.assertLess(width * height, whole[0] * whole[1])
            # The patches cover the picture but for what is less than one of them.
            self.assertAlmostEqual(width / height / (whole[0] / whole[1]), 1, delta=0.3)

    def test_erase(self):
        """As many pixels change as patches were erased; a smaller share changes fewer."""
        changed = {}
        for share in ('0.1', '0.4'):
            self.augment('--kinds', f'erase={share}', '--jitter', '0', '--fill', 'noise', out=share)
            for line in self.manifest(share).values():
                source = line['sources'][0]
                before = png_pixels(self.folder / 'classes' / source['picture'])
                after = png_pixels(self.folder / share / line['file'])
                self.assertEqual(before[:2], after[:2])
                self.assertEqual((source['box'], line['fill']), (None, 'noise'))
                self.assertGreater(source['mass'], float(share))
                n = sum(a[3 * x:3 * x + 3] != b[3 * x:3 * x + 3]
                        for a, b in zip(before[2], after[2]) for x in range(before[0]))
                changed[share, source['picture']] = n / (before[0] * before[1])
        for picture in {picture for _, picture in changed}:
            self.assertGreater(changed['0.1', picture], 0.03)
            self.assertLess(changed['0.1', picture], changed['0.4', picture])
            self.assertLess(changed['0.4', picture], 0.6)

    def test_paste(self):
        """Outside of the box the picture below, and labels weighed by attention."""
        self.augment('--kinds', 'paste', '--per-picture', '3')
        lines = self.manifest()
        self.assertEqual(len(lines), 12)
        for line in lines.values():
            below, pasted = line['sources']
            self.assertNotEqual(below['picture'], pasted['picture'])
            weight = pasted['mass'] / (pasted['mass'] + 1 - below['mass'])
            self.assertAlmostEqual(pasted['weight'], weight, 12)
            labels = [source['picture'].split('/')[0] for source in line['sources']]
            if labels[0] == labels[1]:
                self.assertEqual(line['labels'], [{'label': labels[0], 'weight': 1.0}])
            else:
                self.assertEqual([one['label'] for one in line['labels']], labels)
                self.assertAlmostEqual(line['labels'][1]['weight'], weight, 12)
            x, y, width, height = below['box']
            before = png_pixels(self.folder / 'classes' / below['picture'])
            after = png_pixels(self.folder / 'out' / line['file'])
            self.assertEqual(before[:2], after[:2])
            for row in range(before[1]):
                inside = y <= row < y + height
                self.assertEqual(before[2][row][:3 * x], after[2][row][:3 * x])
                self.assertEqual(before[2][row][3 * (x + width):], after[2][row][3 * (x + width):])
                if not inside:
                    self.assertEqual(before[2][row], after[2][row])
            # What is shown of the other gets more attention there than what it covers.
            self.assertLess(below['mass'], 0.5)
        self.assertGreater(len({line['sources'][1]['picture'] for line in lines.values()}), 1)

    def test_jitter(self):
        """To both sides of the share, and no farther."""
        self.augment('--kinds', 'erase=0.5', '--jitter', '0.4', '--per-picture', '15')
        shares = [line['share'] for line in self.manifest().values()]
        self.assertEqual(len(set(shares)), 60)
        self.assertLess(0.3, min(shares))
        self.assertLess(max(shares), 0.7)
        self.assertLess(min(shares), 0.35)
        self.assertLess(0.65, max(shares))

    def test_csv(self):
        self.augment()
        with open(self.folder / 'out/manifest.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        lines = self.manifest()
        self.assertEqual([row['file'] for row in rows], list(lines))
        for row in rows:
            line = lines[row['file']]
            for i, source in enumerate(line['sources'], 1):
                self.assertEqual(row[f'picture_{i}'], source['picture'])
                self.assertEqual(float(row[f'mass_{i}']), source['mass'])
                box = [row[f'{name}_{i}'] for name in ('x', 'y', 'width', 'height')]
                self.assertEqual(box, [str(number) for number in source['box'] or [''] * 4])
            self.assertEqual([row[f'label_{i + 1}'] for i in range(len(line['labels']))],
                             [one['label'] for one in line['labels']])

    def test_jpeg(self):
        self.augment('--format', 'jpg', '--kinds', 'crop')
        for name in self.manifest():
            self.assertTrue(name.endswith('.crop-1.jpg'))
            self.assertEqual((self.folder / 'out' / name).read_bytes()[:3], b'\xff\xd8\xff')

    def test_head_is_trained_with_them(self):
        self.augment()
        answer = json.loads(self.succeed('head', 'train', 'out', '--json', '--device', 'cpu',
                                         '--folds', '2'))
        self.assertEqual(answer['n_examples'], 12)
        self.assertEqual([one['label'] for one in answer['classes']], ['cat', 'dog, big'])

    def test_without_classes(self):
        found = self.augment(folder='classes/cat')
        self.assertEqual((found['classes'], found['pictures']), (0, 2))
        for line in self.manifest().values():
            self.assertEqual(line['labels'], [])
        self.assertEqual(self.augment('-r', out='deep')['pictures'], 4)
        self.assertIn('cat/square.crop-1.png', self.files_in('deep'))


class Same(AugmentTest):
    def test_seed_and_jobs(self):
        folder = self.fill(8)
        options = ['--fill', 'noise', '--per-picture', '2']
        self.augment(*options, folder=folder, out='first')
        first = self.contents('first')
        for i, more in enumerate((['--jobs', '1'], ['--jobs', '3'], ['--batch', '4'])):
            self.augment(*options, *more, folder=folder, out=f'again{i}')
            self.assertEqual(first, self.contents(f'again{i}'))
        self.augment(*options, '--seed', '1', folder=folder, out='other')
        other = self.contents('other')
        self.assertEqual(set(first), set(other))
        self.assertNotEqual(first['a/000.erase-1.png'], other['a/000.erase-1.png'])
        self.assertNotEqual(first['a/000.erase-1.png'], first['a/000.erase-2.png'])

    def test_crops_do_not_depend_on_other_pictures(self):
        self.augment('--kinds', 'crop,erase', out='many')
        os.unlink(self.folder / 'classes/cat/square.png')
        self.augment('--kinds', 'crop,erase', out='few')
        many = self.manifest('many')
        for name, line in self.manifest('few').items():
            self.assertEqual(line, many[name])

    def test_other_device(self):
        self.augment(out='cpu')
        self.succeed('augment', 'classes', '-o', 'vulkan', '--device', 'vulkan', '-q')
        for name, line in self.manifest('vulkan').items():
            same = self.manifest('cpu')[name]
            for one, other in zip(line['sources'], same['sources']):
                self.assertEqual(one['box'], other['box'])
                self.assertAlmostEqual(one['mass'], other['mass'], 5)

    def test_method_and_target(self):
        self.augment('--target', 'top1', '--kinds', 'crop', out='target')
        self.augment('--kinds', 'crop', out='raw')
        line = self.manifest('target')['cat/square.crop-1.png']
        self.assertEqual((line['method'], line['target']), ('relevance', 'top1'))
        self.assertNotEqual(line['sources'], self.manifest('raw')['cat/square.crop-1.png']['sources'])


class Resume(AugmentTest):
    def touched(self, before, out='out'):
        """Files that are other ones than @before says."""
        return sorted(name for name in self.files_in(out)
                      if before.get(name) != os.stat(self.folder / out / name).st_ino)

    def inodes(self, out='out'):
        return {name: os.stat(self.folder / out / name).st_ino for name in self.files_in(out)}

    def test_what_is_missing_is_made(self):
        self.augment()
        whole, before = self.contents('out'), self.inodes()
        found = self.augment('--resume')
        self.assertEqual((found['kept'], found['made']), (12, {kind: 0 for kind in KINDS}))
        self.assertEqual(self.touched(before), MANIFESTS)
        missing = ['cat/square.crop-1.png', 'dog, big/portrait.paste-1.png']
        for name in missing:
            os.unlink(self.folder / 'out' / name)
        before = self.inodes()
        found = self.augment('--resume')
        self.assertEqual(found['kept'], 10)
        self.assertEqual(self.touched(before), sorted(missing + MANIFESTS))
        self.assertEqual(self.contents('out'), whole)

    def test_each_paste_alone(self):
        """With the partner it had, which has to be explained again for it."""
        self.augment()
        whole = self.contents('out')
        for name in [name for name in whole if '.paste-' in name]:
            with self.subTest(name=name):
                os.unlink(self.folder / 'out' / name)
                self.assertEqual(self.augment('--resume')['kept'], 11)
                self.assertEqual(self.contents('out'), whole)

    def test_other_choices_are_made_anew(self):
        self.augment()
        for options, kept in [(['--seed', '1'], 0), (['--method', 'rollout'], 0),
                              (['--kinds', 'crop,erase'], 0), (['--per-picture', '2'], 12)]:
            with self.subTest(options=options):
                self.augment()
                self.assertEqual(self.augment('--resume', *options)['kept'], kept)

    def test_another_picture(self):
        """Others are pasted then; crops stay."""
        self.augment()
        self.copy_picture('small', 'classes/cat/third.png')
        found = self.augment('--resume')
        self.assertEqual((found['kept'], found['made']), (8, {'crop': 1, 'erase': 1, 'paste': 5}))
        self.augment(out='fresh')
        self.assertEqual(self.manifest(), self.manifest('fresh'))

    def test_younger_picture(self):
        self.augment()
        future = os.stat(self.folder / 'out/manifest.csv').st_mtime + 100
        os.utime(self.folder / 'classes/cat/square.png', (future, future))
        made = self.augment('--resume')['made']
        self.assertEqual((made['crop'], made['erase']), (1, 1))
        self.assertGreaterEqual(made['paste'], 1)

    def test_rubbish_for_a_manifest(self):
        for text in ('', 'x\n', '[]\n{}\n', '{"file": 3}\n', '{"file":"cat/square.crop-1.png"}\n'):
            self.augment()
            (self.folder / 'out/manifest.jsonl').write_text(text)
            self.assertEqual(self.augment('--resume')['kept'], 0)

    def test_ctrl_c_and_on_from_there(self):
        folder = self.fill(30)
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, 'augment', '--device', 'cpu', folder, '-o', 'out', '-q', '--batch', '1'],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.env, 'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'slow'})
        os.close(master)
        os.close(slave)
        self.addCleanup(process.kill)
        while len(list((self.folder / 'out').rglob('*.crop-1.png'))) < 3:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 130, said)
        self.assertRegex(said, r'Stopped: \d+ of 30 pictures are done; --resume goes on')
        self.assertEqual([name for name in self.files_in('out') if '.vitreous-' in name], [])
        lines = self.manifest()
        self.assertTrue(0 < len(lines) < 90)
        for name in lines:
            png_pixels(self.folder / 'out' / name)
        found = self.augment('--resume', folder=folder)
        self.assertEqual(found['kept'], len(lines))
        self.augment(folder=folder, out='whole')
        self.assertEqual(self.contents('out'), self.contents('whole'))


class Trouble(AugmentTest):
    def test_broken_picture(self):
        (self.folder / 'classes/cat/broken.png').write_bytes(b'no picture')
        result = self.run_program('augment', 'classes', '-o', 'out', '--device', 'cpu', '--json')
        self.assertEqual(result.returncode, 1)
        found = json.loads(result.stdout)
        self.assertEqual([one['picture'] for one in found['failed']], ['classes/cat/broken.png'])
        self.assertEqual(found['made']['crop'], 4)
        self.assertIn('broken.png', result.stderr)
        self.assertNotIn('broken', ''.join(self.manifest()))
        result = self.run_program('augment', 'classes', '-o', 'out', '--device', 'cpu', '--json',
                                  '--resume')
        self.assertEqual((result.returncode, json.loads(result.stdout)['kept']),
                         (1, sum(found['made'].values())))

    def test_inputs_are_safe(self):
        before = self.contents('classes')
        for out in ('classes', 'classes/new', '.', 'classes/../classes/cat', 'link'):
            if out == 'link':
                os.symlink('classes', self.folder / 'link')
            with self.subTest(out=out):
                self.assertIn('lie in one another', self.refuse(2, 'augment', 'classes', '-o', out))
        self.assertEqual({name: data for name, data in self.contents('classes').items()}, before)

    def test_names_that_meet(self):
        """Two pictures of one name but for the ending."""
        pixbuf = (GOLDEN_PICTURES / 'small.png').read_bytes()
        (self.folder / 'classes/cat/square.jpg').write_bytes(pixbuf)
        self.augment('--kinds', 'crop')
        self.assertEqual(len(self.manifest()), 5)
        self.assertIn('cat/square-2.crop-1.png', self.files_in('out'))

    def test_wrong(self):
        (self.folder / 'empty').mkdir()
        for words, arguments in [
                ('DIR -o OUT', ['classes']), ('DIR -o OUT', ['-o', 'out']),
                ('no folder', ['nowhere', '-o', 'out']),
                ('neither pictures', ['empty', '-o', 'out']),
                ('kind', ['classes', '-o', 'out', '--kinds', 'flip']),
                ('kind', ['classes', '-o', 'out', '--kinds', '']),
                ('above 0 to 1', ['classes', '-o', 'out', '--kinds', 'crop=2']),
                ('above 0 to 1', ['classes', '-o', 'out', '--kinds', 'crop=']),
                ('fill', ['classes', '-o', 'out', '--fill', 'red']),
                ('png or jpg', ['classes', '-o', 'out', '--format', 'gif']),
                ('0 to 1', ['classes', '-o', 'out', '--jitter', '2']),
                ('0.01 to 1', ['classes', '-o', 'out', '--min-size', '0']),
                ('1 to 1000', ['classes', '-o', 'out', '--per-picture', '0'])]:
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.refuse(2, 'augment', *arguments))

    def test_one_picture(self):
        self.copy_picture('square', 'one/square.png')
        self.assertIn('two', self.refuse(2, 'augment', 'one', '-o', 'out', '--device', 'cpu'))
        found = self.augment('--kinds', 'crop,erase', folder='one')
        self.assertEqual(found['made'], {'crop': 1, 'erase': 1, 'paste': 0})


if __name__ == '__main__':
    main()
