# SPDX-License-Identifier: LGPL-3.0-or-later
"""explain: what it writes, where, and what it leaves alone."""

import json
import os
import pty
import shlex
import shutil
import subprocess
import zipfile

from harness import DEFAULT_ENDINGS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main, png_size


class Written(CliTest):
    def test_default_files(self):
        self.copy_picture('landscape', 'photo.png')
        listed = self.succeed('explain', 'photo.png').splitlines()
        self.assert_files('vitreous-out', ['photo'])
        self.assertEqual(sorted(listed), [f'vitreous-out/photo{e}' for e in sorted(DEFAULT_ENDINGS)])

    def test_maps_have_the_size_of_the_picture(self):
        for name in ['landscape', 'portrait', 'small']:
            self.copy_picture(name, f'{name}.png')
            self.succeed('explain', f'{name}.png')
            for ending in ['overlay', 'map']:
                self.assertEqual(png_size(self.folder / f'vitreous-out/{name}.{ending}.png'),
                                 png_size(self.folder / f'{name}.png'))

    def test_every_kind_of_file(self):
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '--write', 'overlay,map,layers,sheet,npz,json', 'a.png', '-o', 'o')
        self.assert_files('o', ['a'], DEFAULT_ENDINGS + ['.sheet.png', '.npz'])
        self.assertIn('attention.npy', zipfile.ZipFile(self.folder / 'o/a.npz').namelist())
        self.assertEqual(zipfile.ZipFile(self.folder / 'o/a.ora').namelist()[0], 'mimetype')

    def test_only_what_is_asked_for(self):
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '--write', 'map', 'a.png', '-o', 'deep/er')
        self.assert_files('deep/er', ['a'], ['.map.png'])

    def test_save_matrix_writes_the_npz(self):
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '--write', 'json', '--save-matrix', 'a.png')
        names = zipfile.ZipFile(self.folder / 'vitreous-out/a.npz').namelist()
        self.assertIn('matrix.npy', names)

    def test_recorded_command_makes_the_files_again(self):
        self.copy_picture('landscape', "it's one.png")
        options = ['--method', 'rollout', '--discard-ratio', '0.5', '--heads', 'max',
                   '--fit', 'stretch', '--size', '48', '--opacity', '0.3', '--write', 'map,json']
        self.succeed('explain', *options, '-m', os.path.relpath(MODEL, self.folder),
                     "it's one.png")
        first = json.loads((self.folder / "vitreous-out/it's one.json").read_text())
        command = shlex.split(first['command'])
        self.assertEqual(command[:2], ['vitreous', 'explain'])
        for option, value in zip(options[::2], options[1::2]):
            self.assertEqual(command[command.index(option) + 1], value)
        self.succeed(*command[1:], '-o', 'again')
        self.assertEqual((self.folder / "vitreous-out/it's one.map.png").read_bytes(),
                         (self.folder / "again/it's one.map.png").read_bytes())
        again = json.loads((self.folder / "again/it's one.json").read_text())
        self.assertEqual({**first, 'files': None}, {**again, 'files': None})

    def test_pictures_and_command_tell_no_folders(self):
        """What is published is the pictures; STEM.json stays where the pictures are."""
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '-m', MODEL, self.folder / 'a.png', '--write',
                     'overlay,map,sheet,json')
        for name in self.files_in('vitreous-out'):
            data = (self.folder / 'vitreous-out' / name).read_bytes()
            if name.endswith('.json'):
                data = json.loads(data)['command'].encode()
            self.assertIn(b'--write overlay,map,sheet,json a.png', data)
            for folder in [self.folder, MODEL.parent]:
                self.assertNotIn(str(folder).encode(), data, name)

    def explain_as(self, precision, *options):
        """The record of a run on the processor."""
        answer = json.loads(self.succeed('explain', '--json', '--device', 'cpu', '--precision',
                                         precision, '-o', precision, 'a.png', *options))
        record = json.loads((self.folder / precision / 'a.json').read_text())
        command = shlex.split(record['command'])
        self.assertEqual(command[command.index('--precision') + 1], precision)
        self.assertEqual([answer[0]['precision'], record['precision']], [precision, precision])
        return record

    def test_f16_takes_less_memory_and_changes_little(self):
        self.copy_picture('square', 'a.png')
        exact, rounded = self.explain_as('f32'), self.explain_as('f16')
        self.assertLess(rounded['peak_bytes'], exact['peak_bytes'])
        self.assertNotEqual(rounded['summary']['mean'], exact['summary']['mean'])
        self.assertAlmostEqual(rounded['summary']['mean'] / exact['summary']['mean'], 1, places=2)

    def test_device_without_f16(self):
        self.copy_picture('square', 'a.png')
        icd = os.environ.get('VTR_TEST_SWIFTSHADER', '')
        swiftshader = {'VK_ICD_FILENAMES': icd, 'VK_DRIVER_FILES': icd}
        for env in [{'VTR_DEBUG': 'limits-min'}] + [swiftshader] * (icd != ''):
            sentence = self.refuse(3, 'explain', '-q', '--device', 'vulkan', '--precision', 'f16',
                                   'a.png', env=env)
            self.assertIn('--precision f32', sentence)

    def test_weight_too_large_for_f16(self):
        self.copy_picture('square', 'a.png')
        shutil.copytree(GOLDEN / 'cases' / 'vit-bf16' / 'model', self.folder / 'model')
        weights = self.folder / 'model' / 'model.safetensors'
        data = bytearray(weights.read_bytes())
        start = 8 + int.from_bytes(data[:8], 'little')
        tensors = json.loads(data[8:start])
        name = next(n for n in tensors if n.endswith('layer.1.output.dense.weight'))
        start += tensors[name]['data_offsets'][0]
        data[start:start + 2] = b'\x80\x47'  # 65536 as bfloat16
        weights.write_bytes(data)
        sentence = self.refuse(3, 'explain', '-m', 'model', '--device', 'cpu', '--precision',
                               'f16', 'a.png')
        for words in ['layer01.fc2', '65536', '--precision f32']:
            self.assertIn(words, sentence)
        self.succeed('explain', '-m', 'model', '--device', 'cpu', 'a.png')

    def test_picture_that_looks_like_an_option(self):
        self.copy_picture('square', '-x.png')
        self.succeed('explain', '-m', os.path.relpath(MODEL, self.folder), '--', '-x.png')
        record = json.loads((self.folder / 'vitreous-out/-x.json').read_text())
        self.succeed(*shlex.split(record['command'])[1:])


class Inputs(CliTest):
    def test_folder_is_its_pictures_in_order(self):
        self.copy_picture('square', 'in/b.png', 'in/a.PNG', 'in/deeper/c.png', 'in/.hidden.png')
        (self.folder / 'in/notes.txt').write_text('no picture')
        results = json.loads(self.succeed('explain', '--json', 'in', '--write', 'map'))
        self.assertEqual([r['picture'] for r in results], ['in/a.PNG', 'in/b.png'])

    def test_recursive_keeps_folders_and_leaves_the_output_alone(self):
        self.copy_picture('square', 'a.png', 'deep/er/a.png')
        for _ in range(2):
            self.succeed('explain', '-r', '.', '-o', 'out', '--write', 'overlay,map')
            self.assert_files('out', ['a', 'deep/er/a'], ['.overlay.png', '.map.png'])

    def test_written_files_are_no_pictures_of_a_folder(self):
        self.copy_picture('square', 'a.png')
        for _ in range(2):
            self.succeed('explain', '.', '-o', '.', '--write', 'overlay,map,sheet')
        self.assertEqual(self.files_in('.').count('a.overlay.png'), 1)
        self.assertEqual([n for n in self.files_in('.') if n.count('overlay') > 1], [])

    def test_same_stem_gets_a_number(self):
        self.copy_picture('square', 'x/a.png')
        self.copy_picture('portrait', 'y/a.png')
        self.succeed('explain', 'x/a.png', 'y/a.png', 'x/a.png', '--write', 'map')
        self.assert_files('vitreous-out', ['a', 'a-2', 'a-3'], ['.map.png'])
        self.assertEqual(png_size(self.folder / 'vitreous-out/a-2.map.png'),
                         png_size(self.folder / 'y/a.png'))

    def test_no_input_is_overwritten(self):
        self.copy_picture('square', 'a.png', 'a.map.png')
        before = (self.folder / 'a.map.png').read_bytes()
        self.succeed('explain', 'a.png', 'a.map.png', '-o', '.', '--write', 'map')
        self.assertEqual((self.folder / 'a.map.png').read_bytes(), before)
        self.assertTrue((self.folder / 'a-2.map.png').exists())

    def test_what_fails_does_not_stop_the_rest(self):
        self.copy_picture('square', 'in/a.png', 'in/z.png')
        (self.folder / 'in/broken.png').write_bytes((self.folder / 'in/a.png').read_bytes()[:90])
        (self.folder / 'in/empty.jpg').touch()
        (self.folder / 'nothing').mkdir()
        result = self.run_program('explain', 'in', 'missing.png', 'nothing', '--write', 'map')
        self.assertEqual(result.returncode, 1)
        self.assert_files('vitreous-out', ['a', 'z'], ['.map.png'])
        self.assertIn('4 of 6 pictures failed', result.stderr)
        for name in ['in/broken.png', 'in/empty.jpg', 'missing.png', 'nothing']:
            self.assertIn(name, result.stderr)

    def test_one_picture_that_fails_is_one_sentence(self):
        (self.folder / 'broken.png').write_bytes(b'broken')
        self.refuse(1, 'explain', '-q', 'broken.png')

    def test_layer_that_the_model_has_not(self):
        self.copy_picture('square', 'a.png', 'b.png', 'c.png')
        self.assertIn('99', self.refuse(2, 'explain', '-q', '--layers', '99', 'a.png', 'b.png',
                                        'c.png'))

    def test_pixel_outside_of_some(self):
        self.copy_picture('small', 'a.png')
        self.copy_picture('landscape', 'b.png')
        width, height = png_size(self.folder / 'b.png')
        result = self.run_program('explain', '-q', '--query', f'{width - 1},{height - 1}', 'a.png',
                                  'b.png', '--write', 'map')
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assert_files('vitreous-out', ['b'], ['.map.png'])

    def test_pixel_outside_among_others(self):
        self.copy_picture('small', 'a.png')
        self.assertIn('9000,1', self.refuse(1, 'explain', '-q', '--query', '1,1;9000,1', 'a.png'))


class Answers(CliTest):
    def test_query_of_several_places(self):
        self.copy_picture('square', 'a.png')
        query = '1,1;20.5,1;1,1'
        self.succeed('explain', '-q', '--query', query, '--write', 'json,sheet,map', 'a.png')
        record = json.loads((self.folder / 'vitreous-out' / 'a.json').read_text())
        self.assertEqual((record['query'], record['method']['params']['query']), (query, query))
        for other in ['1,1', '20.5,1']:
            folder = other.replace(',', '-')
            self.succeed('explain', '-q', '--query', other, '--write', 'map', '-o', folder, 'a.png')
            self.assertNotEqual((self.folder / 'vitreous-out' / 'a.map.png').read_bytes(),
                                (self.folder / folder / 'a.map.png').read_bytes())

    def test_json(self):
        self.copy_picture('square', 'a.png')
        (self.folder / 'b.png').write_bytes(b'broken')
        result = self.run_program('explain', '--json', 'a.png', 'b.png')
        self.assertEqual(result.returncode, 1)
        good, bad = json.loads(result.stdout)
        self.assertEqual((good['status'], good['error']), ('done', None))
        self.assertEqual(good['files'], [f'vitreous-out/a{e}' for e in DEFAULT_ENDINGS])
        self.assertGreater(good['planned_bytes'], 0)
        self.assertGreater(good['peak_bytes'], good['planned_bytes'])
        self.assertEqual((bad['status'], bad['files']), ('failed', []))
        self.assertIn('b.png', bad['error'])

    def test_software_device_is_said_once(self):
        self.copy_picture('square', 'a.png', 'b.png')
        notice = 'computes on the processor'
        self.assertEqual(self.run_program('explain', '--device', 'vulkan', 'a.png', 'b.png').stderr.count(notice), 1)
        for silencer in ['--quiet', '--json']:
            result = self.run_program('explain', '--device', 'vulkan', 'a.png', silencer)
            self.assertEqual(result.stderr, '')

    def test_quiet(self):
        self.copy_picture('square', 'a.png')
        self.assertEqual(self.succeed('explain', '-q', 'a.png'), '')

    def test_bar_on_a_terminal_only(self):
        self.copy_picture('square', 'a.png')
        self.assertNotIn('\r', self.run_program('explain', 'a.png').stderr)
        try:
            reader, writer = pty.openpty()
        except OSError as error:
            self.skipTest(f'no terminal to be had: {error}')
        subprocess.run([PROGRAM, 'explain', 'a.png'], cwd=self.folder, env=self.env, stderr=writer,
                       stdout=subprocess.DEVNULL, timeout=TIMEOUT, check=True)
        os.close(writer)
        drawn = os.read(reader, 1 << 16).decode()
        os.close(reader)
        self.assertIn('\r', drawn)
        self.assertIn('%', drawn)
        self.assertTrue(drawn.endswith('\r\x1b[K'))


class Many(CliTest):
    def test_batches_and_threads_change_nothing(self):
        for index in range(3):
            self.copy_picture('square', f'in/s{index}.png')
            self.copy_picture('portrait', f'in/t{index}.png')
        for folder, batch, jobs in [('one', 1, 1), ('many', 4, 3), ('most', 32, 2)]:
            # To the bit: what CBLAS answers depends on the shape of the whole product.
            self.succeed('explain', 'in', '-q', '-o', folder, '--batch', batch, '--jobs', jobs,
                         '--device', 'vulkan', '--write', 'map,json')
        for name in self.files_in('one'):
            if name.endswith('.png'):
                first = (self.folder / 'one' / name).read_bytes()
                self.assertEqual(first, (self.folder / 'many' / name).read_bytes(), name)
                self.assertEqual(first, (self.folder / 'most' / name).read_bytes(), name)


class Resume(CliTest):
    def setUp(self):
        super().setUp()
        self.copy_picture('square', 'in/a.png', 'in/b.png')
        self.succeed('explain', '-q', 'in')

    def statuses(self, *options, env={}):
        answer = self.succeed('explain', '--json', '--resume', 'in', *options, env=env)
        return [result['status'] for result in json.loads(answer)]

    def test_finished_pictures_are_skipped(self):
        before = {n: (self.folder / 'vitreous-out' / n).stat().st_mtime_ns
                  for n in self.files_in('vitreous-out')}
        self.assertEqual(self.statuses(), ['skipped', 'skipped'])
        self.assertEqual(before, {n: (self.folder / 'vitreous-out' / n).stat().st_mtime_ns
                                  for n in before})

    def test_missing_file(self):
        (self.folder / 'vitreous-out/a.ora').unlink()
        self.assertEqual(self.statuses(), ['done', 'skipped'])

    def test_changed_picture(self):
        stat = (self.folder / 'vitreous-out/b.json').stat()
        os.utime(self.folder / 'in/b.png', (stat.st_atime + 60, stat.st_mtime + 60))
        self.assertEqual(self.statuses(), ['skipped', 'done'])

    def test_other_options(self):
        self.assertEqual(self.statuses('--opacity', '0.5'), ['done', 'done'])
        self.assertEqual(self.statuses('--opacity', '0.5'), ['skipped', 'skipped'])

    def test_other_precision(self):
        f16 = ['--device', 'cpu', '--precision', 'f16']
        self.assertEqual(self.statuses(*f16), ['done', 'done'])
        self.assertEqual(self.statuses(*f16), ['skipped', 'skipped'])
        self.assertEqual(self.statuses('--precision', 'f32'), ['done', 'done'])

    def test_fewer_and_more_files(self):
        self.assertEqual(self.statuses('--write', 'overlay,json'), ['skipped', 'skipped'])
        self.assertEqual(self.statuses('--write', 'overlay,json,npz'), ['done', 'done'])

    def test_other_model_of_the_same_name(self):
        other = self.folder / 'model'
        other.mkdir()
        for path in MODEL.iterdir():
            data = bytearray(path.read_bytes())
            if path.suffix == '.safetensors':
                data[-8:-4] = b'\x00\x00\x80\x3f'
            (other / path.name).write_bytes(data)
        self.assertEqual(self.statuses(env={'VITREOUS_MODEL': str(other)}), ['done', 'done'])

    def test_half_a_record(self):
        record = self.folder / 'vitreous-out/a.json'
        record.write_text(record.read_text()[:50])
        self.assertEqual(self.statuses(), ['done', 'skipped'])


main()
