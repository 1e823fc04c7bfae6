# SPDX-License-Identifier: LGPL-3.0-or-later
"""explain --target: what can be asked, how the files tell of it, and what is refused."""

import json
import math
import os
import shlex
import shutil
import xml.etree.ElementTree
import zipfile

from harness import GOLDEN, CliTest, main, png_texts

LABELS = ['ant', 'bee', 'cat']  # of the model of the harness
DISTILLED, HEADLESS = (GOLDEN / 'cases' / name / 'model' for name in ['deit-distilled', 'dinov2'])
METHODS = ['grad-rollout', 'relevance', 'legrad', 'gradcam']


class TargetTest(CliTest):
    def setUp(self):
        super().setUp()
        self.copy_picture('square', 'a.png')

    def explain(self, *options, stem='a', folder='vitreous-out'):
        """The record of a picture."""
        self.succeed('explain', '-q', *options, f'{stem}.png', '-o', folder)
        return json.loads((self.folder / folder / f'{stem}.json').read_text())

    def ask(self, target, *options, **where):
        return self.explain('--target', target, *options, **where)

    def refuse_target(self, target, *options, words=(), code=2):
        sentence = self.refuse(code, 'explain', '-q', '--target', target, *options, 'a.png')
        for word in words:
            self.assertIn(word, sentence)
        self.assertEqual(self.files_in('.'), ['a.png'], sentence)


class Classes(TargetTest):
    def setUp(self):
        super().setUp()
        top = self.explain('--write', 'json')['top']
        self.ranking = [entry['class'] for entry in top]
        self.logits = {entry['class']: entry['logit'] for entry in top}
        self.assertEqual(sorted(self.ranking), [0, 1, 2])

    def assert_target(self, asked, text, kind, description, value, *options):
        target = self.ask(asked, '--write', 'json', *options)['target']
        self.assertEqual([target['text'], target['kind'], target['description']],
                         [text, kind, description])
        self.assertAlmostEqual(target['value'], value, places=4)

    def test_by_label_beginning_index_and_rank(self):
        bee, second = self.logits[1], self.ranking[1]
        for asked in ['bee', 'BEE', 'b', '1']:
            self.assert_target(asked, '1', 'class', 'bee', bee)
        self.assert_target('top2', str(second), 'class', LABELS[second], self.logits[second])

    def test_contrast(self):
        self.assert_target('cat-a', '2-0', 'contrast', 'cat rather than ant',
                           self.logits[2] - self.logits[0])
        first, second, _ = self.ranking
        self.assert_target('top1-top2', f'{first}-{second}', 'contrast',
                           f'{LABELS[first]} rather than {LABELS[second]}',
                           self.logits[first] - self.logits[second])

    def test_rest_is_the_log_odds(self):
        others = math.log(sum(math.exp(self.logits[c]) for c in [0, 1]))
        self.assert_target('cat-rest', '2-rest', 'rest', 'cat rather than all others',
                           self.logits[2] - others)

    def test_every_method(self):
        for method in METHODS:
            self.assert_target('ant', '0', 'class', 'ant', self.logits[0], '--method', method)

    def test_relevance_of_the_first_by_default(self):
        first = self.ranking[0]
        asked = self.ask(LABELS[first], '--write', 'json,map')
        self.assertEqual(asked['method']['name'], 'relevance')
        unasked = self.explain('--method', 'relevance', '--write', 'json,map', folder='unasked')
        self.assertEqual(unasked['target'], asked['target'])
        self.assertEqual(unasked['summary'], asked['summary'])
        self.assertNotIn('--target', unasked['command'])

    def test_targets_and_start_layers_differ(self):
        """Else the values above could be right and the maps all one."""
        records = [self.ask(*options, '--write', 'json')['summary']
                   for options in [['ant'], ['bee'], ['ant-bee'], ['ant-rest'],
                                   ['ant', '--start-layer', '1'], ['ant', '--heads', '1'],
                                   ['ant', '--method', 'gradcam'],
                                   ['ant', '--method', 'gradcam', '--features', 'activation']]]
        found = {json.dumps([record[key] for key in ['min', 'max', 'mean', 'argmax']])
                 for record in records}
        self.assertEqual(len(found), len(records))

    def test_two_heads_answer_with_their_mean(self):
        record = self.ask('LABEL_3', '-m', DISTILLED, '--write', 'json')
        logits = {entry['class']: entry['logit'] for entry in record['top']}
        self.assertAlmostEqual(record['target']['value'], logits[3], places=4)

    def test_no_target_in_methods_without(self):
        self.assertNotIn('target', self.explain('--write', 'json'))


class WithoutClasses(TargetTest):
    def setUp(self):
        super().setUp()
        self.env['VITREOUS_MODEL'] = str(HEADLESS)

    def test_image(self):
        self.copy_picture('portrait', 'like/b.png')
        for method in METHODS:
            record = self.ask('image:like/b.png', '--method', method, '--write', 'json')
            self.assertEqual([record['target'][key] for key in ['text', 'kind', 'description']],
                             ['image:like/b.png', 'embedding', 'image:like/b.png'])
            self.assertLess(abs(record['target']['value']), 0.9999)
            if method != 'gradcam':  # which may be 0 all over
                self.assertGreater(record['summary']['max'], 0)

    def test_image_is_most_like_itself(self):
        self.assertAlmostEqual(self.ask('image:a.png', '--write', 'json')['target']['value'], 1,
                               places=5)

    def test_image_is_prepared_as_the_picture_is(self):
        self.copy_picture('landscape', 'b.png')
        cover, train = (self.ask('image:b.png', '--fit', fit, '--write', 'json', stem='b')
                        for fit in ['cover', 'train'])
        for record in [cover, train]:
            self.assertAlmostEqual(record['target']['value'], 1, places=5)

    def test_patch(self):
        values = set()
        for method in METHODS:
            record = self.ask('patch:40.5,10', '--method', method, '--write', 'json')
            self.assertEqual([record['target'][key] for key in ['text', 'kind', 'description']],
                             ['patch:40.5,10', 'patch', 'patch:40.5,10'])
            self.assertEqual(record['query'], None if method == 'legrad' else '40.5,10')
            self.assertGreater(record['target']['value'], 0)
            values.add(record['target']['value'])
        self.assertEqual(len(values), 1)
        self.assertNotIn(self.ask('patch:5,60', '--write', 'json')['target']['value'], values)

    def test_patch_outside_of_some(self):
        self.copy_picture('small', 'b.png')
        result = self.run_program('explain', '-q', '--target', 'patch:40,60', 'b.png', 'a.png',
                                  '--write', 'map')
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn('40,60', result.stderr)
        self.assert_files('vitreous-out', ['a'], ['.map.png'])


class Told(TargetTest):
    """What the files say of the target."""

    def test_png_and_layers(self):
        record = self.ask('cat-bee', '--method', 'legrad', '--write', 'overlay,map,layers,sheet,json')
        folder = self.folder / 'vitreous-out'
        archive = zipfile.ZipFile(folder / 'a.ora')
        inside = [n for n in archive.namelist() if n.startswith('data/')]
        pngs = [(folder / f'a.{kind}.png').read_bytes() for kind in ['overlay', 'map', 'sheet']]
        told = [png_texts(data) for data in pngs + [archive.read(n) for n in inside]]
        told = [texts for texts in told if texts]  # the photo has none
        self.assertGreaterEqual(len(told), 4)
        for texts in told:
            self.assertEqual([texts['vitreous:target'], texts['vitreous:target-description']],
                             ['2-1', 'cat rather than bee'])
            self.assertAlmostEqual(float(texts['vitreous:target-value']),
                                   record['target']['value'], places=5)
        stack = xml.etree.ElementTree.fromstring(archive.read('stack.xml'))
        names = [layer.get('name') for layer in stack.iter('layer')]
        self.assertIn('legrad: cat rather than bee', names)
        inside = json.loads(archive.read('metadata.json'))
        self.assertEqual(inside['target'], record['target'])

    def test_names_of_all_letters(self):
        shutil.copytree(self.env['VITREOUS_MODEL'], self.folder / 'model')
        config = self.folder / 'model' / 'config.json'
        config.write_text(config.read_text().replace('"bee"', '"Biene, Ärger <&>"'))
        record = self.ask('ärger', '-m', 'model', '--write', 'overlay,layers,json')
        self.assertEqual(record['target']['description'], 'Biene, Ärger <&>')
        texts = png_texts((self.folder / 'vitreous-out/a.overlay.png').read_bytes())
        self.assertEqual(texts['vitreous:target-description'], 'Biene, Ärger <&>')
        stack = zipfile.ZipFile(self.folder / 'vitreous-out/a.ora').read('stack.xml')
        names = [layer.get('name') for layer in xml.etree.ElementTree.fromstring(stack).iter('layer')]
        self.assertIn('relevance: Biene, Ärger <&>', names)

    def test_recorded_command_makes_the_files_again(self):
        self.copy_picture('portrait', "it's b.png")
        for number, target in enumerate(['cat-rest', "image:it's b.png", 'patch:40,10']):
            first = self.ask(target, '--write', 'map,json', '-m',
                             os.path.relpath(self.env['VITREOUS_MODEL'], self.folder))
            command = shlex.split(first['command'])
            self.assertEqual(command[command.index('--target') + 1], target)
            self.succeed(*command[1:], '-o', f'again{number}')
            again = json.loads((self.folder / f'again{number}/a.json').read_text())
            self.assertEqual({**first, 'files': None}, {**again, 'files': None})
            self.assertEqual((self.folder / 'vitreous-out/a.map.png').read_bytes(),
                             (self.folder / f'again{number}/a.map.png').read_bytes())

    def test_pictures_and_command_tell_no_folders(self):
        self.copy_picture('portrait', 'like/b.png')
        record = self.ask(f'image:{self.folder}/like/b.png', '--write',
                          'overlay,map,layers,sheet,json')
        self.assertIn('--target image:b.png ', record['command'])
        archive = zipfile.ZipFile(self.folder / 'vitreous-out/a.ora')
        told = [record['command'].encode(), archive.read('stack.xml')]
        told += [archive.read(name) for name in archive.namelist() if name.endswith('.png')]
        told += [path.read_bytes() for path in (self.folder / 'vitreous-out').glob('*.png')]
        for data in told:
            self.assertNotIn(str(self.folder).encode(), data)
        texts = png_texts((self.folder / 'vitreous-out/a.map.png').read_bytes())
        self.assertEqual(texts['vitreous:target'], 'image:b.png')


class Resume(TargetTest):
    def status(self, *options):
        answer = self.succeed('explain', '--json', '--resume', '--write', 'map,json', 'a.png',
                              *options)
        return json.loads(answer)[0]['status']

    def test_another_target_is_another_command(self):
        for target in ['cat', 'bee', 'cat-bee', 'patch:40,10']:
            self.assertEqual(self.status('--target', target), 'done')
            self.assertEqual(self.status('--target', target), 'skipped')
        self.assertEqual(self.status('--method', 'relevance'), 'done')
        self.assertEqual(self.status('--method', 'relevance'), 'skipped')

    def test_another_picture_of_the_same_name(self):
        self.copy_picture('portrait', 'x/b.png')
        self.copy_picture('landscape', 'y/b.png')
        for folder in ['x', 'y']:
            target = f'image:{self.folder}/{folder}/b.png'
            self.assertEqual(self.status('--target', target), 'done')
            self.assertEqual(self.status('--target', target), 'skipped')

    def test_changed_picture(self):
        self.copy_picture('portrait', 'b.png')
        self.assertEqual(self.status('--target', 'image:b.png'), 'done')
        later = (self.folder / 'vitreous-out/a.json').stat().st_mtime + 60
        os.utime(self.folder / 'b.png', (later, later))
        self.assertEqual(self.status('--target', 'image:b.png'), 'done')


class Refused(TargetTest):
    """One sentence each, and nothing written."""

    def refuse_target(self, target, *options, **expected):
        super().refuse_target(target, *options, '-o', '.', **expected)

    def test_what_no_class_is_called(self):
        for target in ['dog', '3', 'top4', 'top0', 'cat-dog', 'dog-cat', '-1', 'nonsense:x']:
            with self.subTest(target=target):
                self.refuse_target(target, words=['No class', 'inspect --json', '0 to 2'])

    def test_what_may_mean_several(self):
        self.refuse_target('LABEL', '-m', DISTILLED,
                           words=['“LABEL_0” (0)', '“LABEL_4” (4)', 'write more'])

    def test_class_of_a_model_without(self):
        for target in ['cat', '0', 'top1', 'cat-rest']:
            self.refuse_target(target, '-m', HEADLESS, words=['no classifier', 'image:FILE'])
        sentence = self.refuse(2, 'explain', '-q', '--method', 'legrad', '-m', HEADLESS, 'a.png')
        self.assertIn('no classifier', sentence)

    def test_contrast_with_itself(self):
        for target in ['cat-2', 'top2-top2']:
            self.refuse_target(target, words=[target, 'with itself'])

    def test_contrast_with_what_ranks_first(self):
        """Of one picture; the others are done."""
        self.copy_picture('small', 'b.png')
        first, other = (self.explain('--write', 'json', stem=stem, folder='x')['top'][0]
                        for stem in ['b', 'a'])
        self.assertNotEqual(first, other)
        result = self.run_program('explain', '-q', '--target', f'top1-{first["class"]}', '--batch',
                                  '3', '--write', 'map', 'a.png', 'b.png', 'a.png')
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr,
                         rf'^vitreous: 1 of 3 pictures failed:\nvitreous: b.png: .*'
                         rf'“{first["label"]}” with itself.*\.\n$')
        self.assert_files('vitreous-out', ['a', 'a-2'], ['.map.png'])
        self.assertIn(first['label'], self.refuse(1, 'explain', '-q', '--target',
                                                  f'top1-{first["class"]}', 'b.png'))

    def test_methods_that_ask_nothing(self):
        for method in ['raw', 'rollout']:
            self.refuse_target('cat', '--method', method, words=METHODS + [method])

    def test_place_outside(self):
        for target in ['patch:-1,5', 'patch:500,5', 'patch:5,72.5']:
            self.refuse_target(target, code=1, words=['No patch', target[6:], 'a.png'])
        for target in ['patch:5', 'patch:x,y', 'patch:', 'patch:nan,1']:
            self.refuse_target(target, words=['patch:X,Y'])

    def test_picture_that_is_none(self):
        (self.folder / 'words').write_text('no picture')
        for name in ['missing.png', 'words', '']:
            sentence = self.refuse(2, 'explain', '-q', '--target', f'image:{name}', 'a.png')
            self.assertIn(name, sentence)

    def test_layer_that_the_model_has_not(self):
        for target in ['cat', 'top1', 'cat-rest']:
            self.refuse_target(target, '--start-layer', '2', words=['layer 2', '0 to 1'])

    def test_heads(self):
        self.refuse_target('cat', '--heads', 'max', words=['“max”', '--heads', 'mean|0,2'])
        self.refuse_target('cat', '--heads', '4', words=['--heads', '4', '0 to 3'])

    def test_features(self):
        self.refuse_target('cat', '--method', 'gradcam', '--features', 'nonsense',
                           words=['“nonsense”', 'attention|activation'])
        self.refuse_target('cat', '--features', 'activation', words=['relevance', 'gradcam'])


main()
