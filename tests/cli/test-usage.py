# SPDX-License-Identifier: LGPL-3.0-or-later
"""Commands other than explain, help, refusals and exit codes."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import FAULTS, MODEL, PROGRAM, CliTest, main

COMMANDS = ['explain', 'evaluate', 'compare', 'analyze', 'advise', 'diagnose', 'reference',
            'inspect', 'models', 'import', 'devices', 'head', 'augment', 'prune', 'bench']
MAN_PAGE = pathlib.Path(os.environ['VITREOUS_TEST_MAN'])

# Each must end with 2 and one sentence in which the word stands.
REFUSALS = [
    (['nonsense'], 'nonsense'),
    (['help', 'nonsense'], 'nonsense'),
    (['help', 'explain', 'more'], 'help'),
    (['explain'], 'IMAGE'),
    (['explain', '--nonsense', 'a.png'], '--nonsense'),
    (['explain', '--method', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--method', 'raw', '--target', 'top1', 'a.png'], '--target'),
    (['explain', '--method', 'rollout', '--target', 'top1', 'a.png'], '--target'),
    (['explain', '--target', 'top1', '--layers', '0', 'a.png'], '--layers'),
    (['explain', '--method', 'relevance', '--heads', 'max', 'a.png'], 'max'),
    (['explain', '--method', 'legrad', '--start-layer', 'last', 'a.png'], 'last'),
    (['explain', '--method', 'gradcam', '--features', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--method', 'legrad', '--query', 'cls', 'a.png'], '--query'),
    (['explain', '--features', 'attention', 'a.png'], 'features'),
    (['explain', '--precision', 'f8', 'a.png'], 'f8'),
    (['explain', '--device', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--layers', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--layers', '7-3', 'a.png'], '7-3'),
    (['explain', '--heads', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--query', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--temperature', '0', 'a.png'], 'temperature'),
    (['explain', '--temperature', 'nan', 'a.png'], 'temperature'),
    (['explain', '--discard-ratio', '0.5', 'a.png'], 'discard-ratio'),
    (['explain', '--method', 'rollout', '--discard-ratio', '1.5', 'a.png'], 'discard-ratio'),
    (['explain', '--fit', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--size', '0', 'a.png'], '--size'),
    (['explain', '--size', '-3', 'a.png'], '--size'),
    (['explain', '--colormap', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--opacity', '1.5', 'a.png'], '--opacity'),
    (['explain', '--opacity', 'nan', 'a.png'], '--opacity'),
    (['explain', '--write', 'nonsense', 'a.png'], 'nonsense'),
    (['explain', '--write', '', 'a.png'], 'write'),
    (['explain', '--batch', '0', 'a.png'], '--batch'),
    (['explain', '--batch', '33', 'a.png'], '--batch'),
    (['explain', '--jobs', '0', 'a.png'], '--jobs'),
    (['explain', '--jobs', 'many', 'a.png'], '--jobs'),
    (['advise'], 'IMAGE'),
    (['advise', '--limit', '0', 'a.png'], '--limit'),
    (['analyze'], 'IMAGE'),
    (['analyze', '--temperature', '0', 'a.png'], 'temperature'),
    (['analyze', '--temperature', 'cold', 'a.png'], 'temperature'),
    (['analyze', '--limit', '0', 'a.png'], '--limit'),
    (['analyze', '--resume', 'a.png'], '-o'),
    (['evaluate'], 'IMAGE'),
    (['evaluate', '--methods', 'nonsense', 'a.png'], 'nonsense'),
    (['evaluate', '--methods', 'raw,,rollout', 'a.png'], '“”'),
    (['evaluate', '--methods', 'raw,rollout,raw', 'a.png'], 'twice'),
    (['evaluate', '--measures', 'patch,nonsense', 'a.png'], 'nonsense'),
    (['evaluate', '--measures', '', 'a.png'], 'measure'),
    (['evaluate', '--limit', '0', 'a.png'], '--limit'),
    (['evaluate', '--seed', '-1', 'a.png'], '--seed'),
    (['evaluate', '--device', 'cpu', '--target', 'nonsense', 'a.png'], 'nonsense'),
    (['evaluate', '--write', 'npz', 'a.png'], '--write'),
    (['inspect', 'a', 'b'], 'MODEL'),
    (['models', 'a'], 'models'),
    (['import'], 'FILE'),
    (['import', '--name', 'a/b', MODEL], 'a/b'),
    (['devices', 'a'], 'devices'),
    (['devices', '--device', 'cpu'], '--verify'),
    (['devices', '--verify', '--device', 'nonsense'], 'nonsense'),
    (['head', 'nonsense'], 'head train'),
    (['head', 'train'], 'head train'),
    (['head', 'train', 'a', 'b'], 'head train'),
    (['head', 'train', 'a', '--folds', '1'], '--folds'),
    (['head', 'train', 'a', '--folds', '101'], '--folds'),
    (['head', 'train', 'a', '--fit', 'nonsense'], 'nonsense'),
    (['head', 'train', 'a', '--head', 'b'], '--head'),
    (['bench', 'a'], 'bench'),
    (['bench', '--batch', '33'], '--batch'),
    (['bench', '--runs', '0'], '--runs'),
    (['bench', '--precision', 'f8'], 'f8'),
    (['bench', '--columns', '3'], '--rows'),
    (['bench', '--size', '32', '--rows', '3'], '--rows'),
]


class Usage(CliTest):
    def test_version(self):
        self.assertRegex(self.succeed('--version'), r'^vitreous \d+\.\d+\.\d+\n$')

    def test_help_lists_the_commands(self):
        for arguments in [['help'], ['--help']]:
            text = self.succeed(*arguments)
            for command in COMMANDS:
                self.assertIn(f'\n  {command} ', text)

    def test_help_of_each_command(self):
        for command in COMMANDS:
            text = self.succeed(command, '--help')
            self.assertEqual(text, self.succeed('help', command))
            self.assertTrue(text.startswith(f'Usage: vitreous {command} '))
            self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_help_comes_from_the_method_tables(self):
        text = self.succeed('explain', '--help')
        for name in ['layers', 'heads', 'query', 'temperature', 'discard-ratio', 'start-layer',
                     'features']:
            self.assertRegex(text, rf'  --{name} \S+\n( {{8}}.+\n)+')
        self.assertIn('--method raw|rollout|grad-rollout|relevance|legrad|gradcam\n', text)

    def test_man_page_has_every_option(self):
        page = MAN_PAGE.read_text().replace('\\-', '-')
        for command in COMMANDS:
            for option in re.findall(r'^  (?:-\w, )?(--[\w-]+)', self.succeed(command, '--help'),
                                     re.MULTILINE):
                self.assertIn(option, page)

    def test_no_command_is_wrong_usage(self):
        result = self.run_program()
        self.assertEqual(result.returncode, 2)
        self.assertIn('Usage:', result.stderr)

    def test_refusals(self):
        self.copy_picture('square', 'a.png')
        for arguments, word in REFUSALS:
            with self.subTest(arguments=arguments):
                self.assertIn(word, self.refuse(2, *arguments))
        self.assertFalse((self.folder / 'vitreous-out').exists())

    def test_answer_that_cannot_be_written(self):
        with open('/dev/full', 'w') as full:
            result = subprocess.run([PROGRAM, 'help'], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)


class Devices(CliTest):
    def test_table_and_json_agree(self):
        devices = json.loads(self.succeed('devices', '--json'))
        table = self.succeed('devices').splitlines()
        self.assertEqual(len(table), len(devices) + 1)
        for device, line in zip(devices, table[1:]):
            self.assertTrue(line.startswith(device['id']))
            self.assertIn(device['name'], line)
            self.assertEqual(device['usable'], device['reason'] is None)
            self.assertGreater(device['memory'], 0)

    def test_no_driver(self):
        env = {'VK_ICD_FILENAMES': '/nonexistent.json', 'VK_DRIVER_FILES': '/nonexistent.json'}
        self.assert_cpu_alone(env)

    def test_no_loader(self):
        env = {'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'no-loader'}
        self.assert_cpu_alone(env)

    def test_cpu(self):
        self.copy_picture('square', 'a.png')
        answer = json.loads(self.succeed('explain', '--json', '--device', 'cpu', 'a.png'))
        self.assertEqual(answer[0]['status'], 'done')

    def assert_cpu_alone(self, env):
        devices = json.loads(self.succeed('devices', '--json', env=env))
        self.assertEqual([device['id'] for device in devices], ['cpu'])
        self.copy_picture('square', 'a.png')
        self.succeed('explain', 'a.png', env=env)
        self.refuse(3, 'explain', '--device', 'vulkan', 'a.png', env=env)
        self.assertIn('processor', self.refuse(3, 'devices', '--verify', env=env))

    def test_cpu_is_not_verified(self):
        self.assertIn('processor', self.refuse(3, 'devices', '--verify', '--device', 'cpu'))

    def test_device_that_is_not_there(self):
        self.copy_picture('square', 'a.png')
        self.refuse(3, 'explain', '--device', 'vulkan:99', 'a.png')


class Models(CliTest):
    def test_nothing_installed(self):
        env = {'VITREOUS_MODEL': ''}
        self.assertIn('cli/demo.sh', self.refuse(3, 'explain', 'a.png', env=env))
        self.assertIn('cli/demo.sh', self.refuse(3, 'inspect', env=env))
        self.assertEqual(self.succeed('models', env=env), '')
        self.assertEqual(json.loads(self.succeed('models', '--json', env=env)), [])

    def test_import_list_use(self):
        env = {'VITREOUS_MODEL': ''}
        path = self.succeed('import', MODEL, '--name', 'tiny', env=env).strip()
        self.assertTrue(pathlib.Path(path).is_dir())
        listed = json.loads(self.succeed('models', '--json', env=env))
        self.assertEqual([(m['name'], m['path'], m['error']) for m in listed],
                         [('tiny', path, None)])
        self.assertGreater(listed[0]['bytes'], 0)
        self.assertIn('tiny', self.succeed('models', env=env))
        by_name = self.succeed('inspect', 'tiny', '--json', env=env)
        self.assertEqual(json.loads(by_name)['family'], json.loads(
            self.succeed('inspect', '--json', env=env))['family'])
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '-m', 'tiny', 'a.png', '-q', env=env)

    def test_import_does_not_replace_unasked(self):
        self.succeed('import', MODEL, '--name', 'tiny')
        self.assertIn('tiny', self.refuse(2, 'import', MODEL, '--name', 'tiny'))
        self.succeed('import', MODEL, '--name', 'tiny', '--replace')

    def test_broken_model_is_listed(self):
        path = self.succeed('import', MODEL, '--name', 'tiny').strip()
        for weights in pathlib.Path(path).glob('*.safetensors'):
            weights.write_bytes(weights.read_bytes()[:1000])
        listed = json.loads(self.succeed('models', '--json'))
        self.assertIsNotNone(listed[0]['error'])
        self.refuse(3, 'inspect', 'tiny')

    def test_inspect(self):
        described = json.loads(self.succeed('inspect', MODEL, '--json'))
        self.assertEqual(described['family'], 'vit')
        self.assertIn('family: vit\n', self.succeed('inspect', MODEL))

    def test_what_is_no_model(self):
        for name, content in [('empty.safetensors', b''), ('noise.onnx', b'noise' * 99),
                              ('words.txt', b'words')]:
            (self.folder / name).write_bytes(content)
            with self.subTest(name=name):
                self.assertIn(name, self.refuse(3, 'inspect', name))
                self.refuse(3, 'import', name)
        self.refuse(3, 'inspect', 'nothing-of-that-name')

    def test_pickles_are_refused_with_what_converts_them(self):
        (self.folder / 'model.pth').write_bytes(b'\x80\x02}q\x00.')
        result = self.run_program('inspect', 'model.pth')
        self.assertEqual(result.returncode, 3)
        self.assertIn('safetensors', result.stderr)

    def test_weights_that_are_not_numbers(self):
        copy = self.folder / 'nan'
        shutil.copytree(MODEL, copy)
        weights = next(copy.glob('*.safetensors'))
        data = bytearray(weights.read_bytes())
        data[-4:] = b'\x00\x00\xc0\x7f'
        weights.write_bytes(data)
        self.copy_picture('square', 'a.png')
        self.refuse(3, 'explain', '-q', '-m', copy, 'a.png')


class Bench(CliTest):
    def test_figures(self):
        figures = json.loads(self.succeed('bench', '--json', '--runs', '2', '--batch', '2'))
        for name in ['ms_per_image', 'gflops', 'peak_bytes', 'planned_bytes']:
            self.assertGreater(figures[name], 0, name)
        self.assertEqual(len(figures['runs_ms_per_image']), 2)
        self.assertEqual(figures['min_ms_per_image'], min(figures['runs_ms_per_image']))
        self.assertIn('matmul', [op['name'].split('-')[0] for op in figures['ops']])
        self.assertAlmostEqual(sum(op['share'] for op in figures['ops']), 1.0, places=5)

    def test_grid(self):
        figures = json.loads(self.succeed('bench', '--json', '--runs', '1', '--rows', '2',
                                          '--columns', '3', '--capture'))
        self.assertEqual((figures['rows'], figures['columns'], figures['capture']), (2, 3, True))

    def test_precision(self):
        peaks = {}
        for precision in ['f32', 'f16']:
            figures = json.loads(self.succeed('bench', '--json', '--runs', '1', '--device', 'cpu',
                                              '--precision', precision))
            self.assertEqual(figures['precision'], precision)
            peaks[precision] = figures['peak_bytes']
        self.assertLess(peaks['f16'], peaks['f32'])

    def test_table(self):
        self.assertRegex(self.succeed('bench', '--runs', '1'), r'ms per image')


main()
