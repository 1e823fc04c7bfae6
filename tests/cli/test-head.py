# SPDX-License-Identifier: LGPL-3.0-or-later
"""head train, and the head it writes in the other commands."""

import json
import os
import random
import shlex
import signal
import struct
import subprocess
import time
import zlib

from harness import FAULTS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main

DINOV2 = GOLDEN / 'cases' / 'dinov2' / 'model'  # has no head of its own
OTHER = GOLDEN / 'cases' / 'dino' / 'model'  # as wide as MODEL, other weights
NARROW = GOLDEN / 'cases' / 'clip-projection' / 'model'
COLOURS = {'blue sky': (40, 60, 220), 'grass': (40, 200, 50), 'rost “1”': (200, 60, 30)}
N_PICTURES = 6


def write_png(path, pixels, width):
    """An RGB picture of rows of bytes."""
    def chunk(kind, data):
        return (struct.pack('>I', len(data)) + kind + data
                + struct.pack('>I', zlib.crc32(kind + data)))

    rows = [pixels[at:at + 3 * width] for at in range(0, len(pixels), 3 * width)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'\x89PNG\r\n\x1a\n'
                     + chunk(b'IHDR', struct.pack('>2I5B', width, len(rows), 8, 2, 0, 0, 0))
                     + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in rows)))
                     + chunk(b'IEND', b''))


class HeadTest(CliTest):
    def paint(self, place, label, seed):
        """A picture of the class's colour, unlike the others of its class."""
        noise = random.Random(f'{label} {seed}')
        size = 40
        write_png(self.folder / place, bytes(
            max(0, min(255, value + noise.randint(-25, 25)))
            for _ in range(size * size) for value in COLOURS[label]), size)

    def paint_classes(self, folder='colours', classes=COLOURS, n=N_PICTURES):
        for label in classes:
            for seed in range(n):
                self.paint(f'{folder}/{label}/{seed}.png', label, seed)

    def train(self, *options, folder='colours'):
        return json.loads(self.succeed('head', 'train', folder, '--json', '--device', 'cpu',
                                       *options))

    def explain(self, picture, *options, out='vitreous-out'):
        """The record of a picture."""
        self.succeed('explain', '-q', '--device', 'cpu', picture, '-o', out, *options)
        stem = os.path.splitext(os.path.basename(picture))[0]
        return json.loads((self.folder / out / f'{stem}.json').read_text())


class Train(HeadTest):
    def test_head_tells_classes_that_the_model_does_not_know(self):
        self.paint_classes()
        answer = self.train('-m', DINOV2, '--folds', '3')
        self.assertEqual(answer['file'], 'colours.head.safetensors')
        self.assertEqual((answer['n_examples'], answer['n_folds']), (3 * N_PICTURES, 3))
        self.assertEqual((answer['accuracy'], answer['accuracy_deviation']), (1, 0))
        self.assertAlmostEqual(answer['accuracy_of_guessing'], 1 / 3)
        self.assertEqual([c['label'] for c in answer['classes']], sorted(COLOURS))
        for index, each in enumerate(answer['classes']):
            self.assertEqual((each['pictures'], each['recall']), (N_PICTURES, 1))
            self.assertEqual(each['taken_for'], [N_PICTURES * (k == index) for k in range(3)])
        for label in COLOURS:
            self.paint('new.png', label, 99)
            record = self.explain('new.png', '-m', DINOV2, '--head', answer['file'])
            self.assertEqual(record['top'][0]['label'], label)
            self.assertEqual(len(record['top']), 3)
            self.assertGreater(record['top'][0]['softmax'], 0.5)
            head = record['model']['head']
            self.assertEqual((head['hash'], head['warning']), (answer['hash'], None))
            self.assertIn(answer['hash'].encode(),
                          (self.folder / 'vitreous-out/new.overlay.png').read_bytes())
        self.assertNotIn('top', self.explain('new.png', '-m', DINOV2, out='without'))

    def test_head_takes_the_place_of_the_models_own(self):
        self.paint_classes()
        self.train('-o', 'deep/er/own.head.safetensors')
        own = self.explain('colours/grass/0.png', out='own')
        given = self.explain('colours/grass/0.png', '--head', 'deep/er/own.head.safetensors')
        self.assertEqual({entry['label'] for entry in own['top']}, {'ant', 'bee', 'cat'})
        self.assertEqual(given['top'][0]['label'], 'grass')
        self.assertEqual(own['maps'], given['maps'])
        self.assertIsNone(own['model']['head'])

    def test_features(self):
        self.paint_classes()
        widths = {}
        for features in ['cls', 'mean', 'cls-and-mean']:
            answer = self.train('-m', DINOV2, '--features', features, '-o', 'h.safetensors')
            self.assertEqual(answer['features'], features)
            widths[features] = answer['n_features']
            record = self.explain('colours/grass/1.png', '-m', DINOV2, '--head', 'h.safetensors')
            self.assertEqual(record['top'][0]['label'], 'grass')
            self.assertEqual(record['model']['head']['features'], features)
        self.assertEqual(widths, {'cls': 32, 'mean': 32, 'cls-and-mean': 64})
        self.assertIn('registers', self.refuse(2, 'head', 'train', 'colours', '--features',
                                               'registers'))
        self.assertIn('projects', self.refuse(3, 'head', 'train', 'colours', '-m', NARROW,
                                              '--features', 'mean'))

    def test_report_for_people(self):
        self.paint_classes()
        text = self.succeed('head', 'train', 'colours', '--device', 'cpu')
        self.assertIn('accuracy: 100.0 % ± 0.0 % over 5 folds', text)
        self.assertIn('33.3 %', text)
        for label in COLOURS:
            self.assertRegex(text, rf'(?m)^{label} +6 +100\.0 %  -$')
        self.assertTrue(text.endswith('\ncolours.head.safetensors\n'))
        self.assertNotIn('confused', text)
        self.assertEqual(self.succeed('head', 'train', 'colours', '-q', '--device', 'cpu'), '')

    def paint_twins(self, *numbers):
        """Classes of the same pictures, which nobody can tell apart."""
        for index, n in enumerate(numbers):
            for seed in range(n):
                self.paint(f'colours/twin {index}/{seed}.png', 'grass', seed)

    def told_confusions(self):
        lines = self.succeed('head', 'train', 'colours', '--device', 'cpu').splitlines()
        return lines[lines.index('Most often confused:') + 1:-2]

    def expected_confusions(self):
        classes = self.train()['classes']
        found = [(-n, each['pictures'], row, column) for row, each in enumerate(classes)
                 for column, n in enumerate(each['taken_for']) if n > 0 and row != column]
        return [f'  {classes[row]["label"]} taken for {classes[column]["label"]}: {-n} of {of}'
                for n, of, row, column in sorted(found)]

    def test_confusions(self):
        self.paint_twins(6, 5)
        expected = self.expected_confusions()
        self.assertIn(len(expected), [1, 2])
        self.assertEqual(self.told_confusions(), expected)

    def test_worst_of_many_confusions(self):
        self.paint_twins(10, 8, 10, 8)
        expected = self.expected_confusions()
        self.assertGreater(len(expected), 5)
        self.assertEqual(self.told_confusions(),
                         expected[:5] + [f'  and {len(expected) - 5} more; --json has them all'])

    def test_same_again(self):
        self.paint_classes()
        first = self.train('-o', 'a', '--batch', '1', '--jobs', '1')
        second = self.train('-o', 'b', '--batch', '1', '--jobs', '4')
        self.assertEqual(first['hash'], second['hash'])
        self.assertEqual((self.folder / 'a').read_bytes(), (self.folder / 'b').read_bytes())

    def test_without_command_it_is_explained(self):
        self.assertEqual(self.succeed('head'), self.succeed('head', '--help'))


class TooLittle(HeadTest):
    def refuse_training(self, *words, folder='colours'):
        # Before anything is computed: the model is not even looked for.
        sentence = self.refuse(2, 'head', 'train', folder, '-m', 'nothing-of-that-name')
        for word in words:
            self.assertIn(word, sentence)
        self.assertFalse((self.folder / 'colours.head.safetensors').exists())

    def test_one_class(self):
        self.paint_classes(classes=['grass'])
        self.refuse_training('two', 'one')

    def test_no_class(self):
        self.copy_picture('square', 'colours/a.png')
        self.refuse_training('two', 'none')

    def test_one_picture_of_a_class(self):
        self.paint_classes()
        self.paint('colours/lonely/0.png', 'grass', 0)
        self.refuse_training('lonely', 'one picture')

    def test_class_without_pictures(self):
        self.paint_classes()
        (self.folder / 'colours/empty').mkdir()
        self.refuse_training('empty', 'no picture')

    def test_folder_that_is_not_there(self):
        self.assertIn('nowhere', self.refuse(1, 'head', 'train', 'nowhere'))


class Broken(HeadTest):
    def break_pictures(self, label, n):
        for index in range(n):
            (self.folder / f'colours/{label}/{index}.png').write_bytes(b'broken')

    def test_unreadable_pictures_are_left_out_and_listed(self):
        self.paint_classes()
        self.break_pictures('grass', 2)
        (self.folder / 'colours/notes.txt').write_text('no class')
        (self.folder / 'colours/grass/notes.txt').write_text('no picture')
        result = self.run_program('head', 'train', 'colours', '--json', '--device', 'cpu')
        self.assertEqual(result.returncode, 1)
        answer = json.loads(result.stdout)
        self.assertEqual([each['pictures'] for each in answer['classes']], [6, 4, 6])
        self.assertEqual([f['picture'] for f in answer['failed']],
                         ['colours/grass/0.png', 'colours/grass/1.png'])
        self.assertIn('2 of 18 pictures failed', result.stderr)
        record = self.explain('colours/grass/4.png', '--head', answer['file'])
        self.assertEqual(record['top'][0]['label'], 'grass')

    def test_too_few_that_can_be_read(self):
        self.paint_classes()
        self.break_pictures('grass', N_PICTURES - 1)
        result = self.run_program('head', 'train', 'colours', '--device', 'cpu')
        self.assertEqual(result.returncode, 1)
        self.assertIn('“grass” has one picture only', result.stderr)
        self.assertFalse((self.folder / 'colours.head.safetensors').exists())

    def test_file_that_cannot_be_written(self):
        self.paint_classes()
        (self.folder / 'taken').mkdir()
        for file in ['taken', '/proc/vitreous/a.safetensors']:
            self.assertIn(file.rsplit('/', 1)[0], self.refuse(
                1, 'head', 'train', 'colours', '-q', '--device', 'cpu', '-o', file))

    def test_ctrl_c_writes_nothing(self):
        self.paint_classes(n=20)
        process = subprocess.Popen(
            [PROGRAM, 'head', 'train', 'colours', '--batch', '1', '-o', 'out/a.safetensors'],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.env, 'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'slow'})
        self.addCleanup(process.kill)
        # Made before the first of 60 pictures is computed, a tenth of a second each.
        while process.poll() is None and not (self.folder / 'out').exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        text, messages = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, text), (130, ''), messages)
        self.assertEqual(messages, 'vitreous: Stopped.\n')
        self.assertEqual(self.files_in('.'), sorted(
            f'colours/{label}/{index}.png' for label in COLOURS for index in range(20)))


class Use(HeadTest):
    def setUp(self):
        super().setUp()
        self.paint_classes()
        self.hash = self.train('-o', 'a.head.safetensors')['hash']
        self.head = self.folder / 'a.head.safetensors'

    def test_inspect(self):
        described = json.loads(self.succeed('inspect', '--json', '--head', self.head))
        head = described['head']
        self.assertEqual(described['n_classes'], 3)
        self.assertEqual(described['labels'], sorted(COLOURS))
        self.assertEqual((head['hash'], head['path']), (self.hash, str(self.head)))
        self.assertEqual(head['model_hash'], described['hash'])
        self.assertEqual((head['fit'], head['size'], head['n_folds']), ('cover', 0, 5))
        self.assertEqual((head['accuracy'], head['warning']), (1, None))
        self.assertIn('labels: blue sky, grass,', self.succeed('inspect', '--head', self.head))
        self.assertIsNone(json.loads(self.succeed('inspect', '--json'))['head'])

    def test_bench(self):
        self.succeed('bench', '--json', '--runs', '1', '--device', 'cpu', '--head', self.head)

    def test_head_of_another_model_is_told(self):
        result = self.run_program('explain', '-m', OTHER, '--head', self.head, '--device', 'cpu',
                                  'colours/grass/0.png')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('other weights', result.stderr)
        record = json.loads((self.folder / 'vitreous-out/0.json').read_text())
        self.assertIn('other weights', record['model']['head']['warning'])
        self.assertIn('other weights', self.succeed('inspect', OTHER, '--head', self.head))
        quiet = self.run_program('explain', '-q', '-m', OTHER, '--head', self.head, '--device',
                                 'cpu', 'colours/grass/0.png')
        self.assertEqual((quiet.returncode, quiet.stderr), (0, ''))

    def test_head_of_another_width_is_refused(self):
        for arguments in [['explain', '-q', '-m', NARROW, 'colours/grass/0.png'],
                          ['inspect', NARROW], ['bench', '-m', NARROW]]:
            sentence = self.refuse(3, *arguments, '--head', self.head)
            for word in ['32', '24', 'a.head.safetensors']:
                self.assertIn(word, sentence)

    def test_what_is_no_head(self):
        whole = self.head.read_bytes()
        weights = next(MODEL.glob('*.safetensors')).read_bytes()
        for name, data in [('cut.safetensors', whole[:-5]), ('empty.safetensors', b''),
                           ('model.safetensors', weights), ('words.txt', b'words'),
                           ('nan.safetensors', whole[:-4] + b'\x00\x00\xc0\x7f')]:
            (self.folder / name).write_bytes(data)
            with self.subTest(name=name):
                self.assertIn(name, self.refuse(3, 'explain', '-q', 'colours/grass/0.png',
                                                '--head', name))
        self.assertIn('gone', self.refuse(3, 'inspect', '--head', 'gone.safetensors'))

    def test_recorded_command_makes_the_files_again(self):
        model = os.path.relpath(MODEL, self.folder)
        first = self.explain('colours/grass/0.png', '-m', model, '--head', 'a.head.safetensors')
        command = shlex.split(first['command'])
        self.assertEqual(command[command.index('--head') + 1], 'a.head.safetensors')
        self.succeed(*command[1:], '-o', 'again', '--device', 'cpu')
        again = json.loads((self.folder / 'again/0.json').read_text())
        self.assertEqual({**first, 'files': None}, {**again, 'files': None})

    def test_scale_is_that_of_the_training(self):
        self.train('-o', 'b.safetensors', '--fit', 'stretch', '--size', '48')
        picture, head = 'colours/grass/0.png', ['--head', 'b.safetensors']
        for given, expected in [([], ('stretch', 48)), (['--fit', 'train'], ('train', 48)),
                                (['--size', '64'], ('stretch', 64)),
                                (['--fit', 'cover', '--size', '64'], ('cover', 64))]:
            with self.subTest(given=given):
                record = self.explain(picture, *head, *given)
                self.assertEqual((record['fit'], record['size']), expected)
                # Said again, for the head may be another one then.
                command = shlex.split(record['command'])
                self.assertEqual(command[command.index('--fit') + 1], expected[0])
                self.assertEqual(command[command.index('--size') + 1], str(expected[1]))
        without = self.explain(picture)
        self.assertEqual((without['fit'], without['size']), ('cover', None))

    def test_scale_of_the_training_is_told(self):
        self.train('-o', 'b.safetensors', '--fit', 'stretch', '--size', '48')

        def told(*options):
            result = self.run_program('explain', '-q', '--device', 'cpu', 'colours/grass/0.png',
                                      '--head', 'b.safetensors', *options,
                                      env={'G_MESSAGES_DEBUG': 'Vitreous'})
            self.assertEqual(result.returncode, 0, result.stderr)
            return [option for option in ['--fit stretch', '--size 48']
                    if f'{option}, as the head was trained' in result.stdout + result.stderr]

        self.assertEqual(told(), ['--fit stretch', '--size 48'])
        self.assertEqual(told('--fit', 'stretch'), ['--size 48'])
        self.assertEqual(told('--fit', 'stretch', '--size', '48'), [])

    def rewrite_notes(self, name, **notes):
        """The head with other metadata; a note that is None is left out."""
        data = self.head.read_bytes()
        size, = struct.unpack('<Q', data[:8])
        header = json.loads(data[8:8 + size])
        kept = {**header['__metadata__'], **notes}
        header['__metadata__'] = {key: text for key, text in kept.items() if text is not None}
        text = json.dumps(header).encode()
        text += b' ' * (-len(text) % 8)
        (self.folder / name).write_bytes(struct.pack('<Q', len(text)) + text + data[8 + size:])

    def test_scale_that_the_file_does_not_tell(self):
        self.rewrite_notes('b.safetensors', fit=None, size=None)
        record = self.explain('colours/grass/0.png', '--head', 'b.safetensors')
        self.assertEqual((record['fit'], record['size']), ('cover', None))

    def test_scale_that_is_not_known_is_asked_for(self):
        for notes, word, option in [({'fit': 'contain'}, 'contain', ['--fit', 'cover']),
                                    ({'size': '16385'}, '16385', ['--size', '48'])]:
            with self.subTest(notes=notes):
                self.rewrite_notes('b.safetensors', **notes)
                arguments = ['explain', '-q', '--device', 'cpu', 'colours/grass/0.png', '--head',
                             'b.safetensors']
                sentence = self.refuse(3, *arguments)
                for part in [word, option[0], 'b.safetensors']:
                    self.assertIn(part, sentence)
                self.succeed(*arguments, *option)

    def test_half_floats(self):
        first, second = (self.explain('colours/grass/0.png', '--head', self.head, '--precision',
                                      precision, '--write', 'json,npz', out=precision)
                         for precision in ['f32', 'f16'])
        self.assertEqual((first['precision'], second['precision']), ('f32', 'f16'))
        for one, other in zip(first['top'], second['top'], strict=True):
            self.assertEqual(one['label'], other['label'])
            self.assertAlmostEqual(one['softmax'], other['softmax'], delta=0.02)
        self.assertNotEqual([entry['logit'] for entry in first['top']],
                            [entry['logit'] for entry in second['top']])

    def test_many_pictures_at_once(self):
        options = ['--head', self.head, '-r', '--write', 'json', '--device', 'cpu']
        self.succeed('explain', '-q', 'colours', '-o', 'many', '--batch', '2', '--jobs', '3',
                     *options)
        for label in COLOURS:
            for index in range(N_PICTURES):
                record = json.loads((self.folder / f'many/{label}/{index}.json').read_text())
                self.assertEqual(record['top'][0]['label'], label)

    def test_resume_sees_another_head_of_the_same_name(self):
        def status(*options):
            answer = self.succeed('explain', '--json', '--resume', '--device', 'cpu',
                                  'colours/grass/0.png', *options)
            return json.loads(answer)[0]['status']

        head = ['--head', self.head]
        self.assertEqual([status(), status()], ['done', 'skipped'])
        self.assertEqual([status(*head), status(*head)], ['done', 'skipped'])
        self.train('-o', self.head, '--features', 'mean')
        self.assertEqual([status(*head), status(*head), status()], ['done', 'skipped', 'done'])


main()
