# SPDX-License-Identifier: LGPL-3.0-or-later
"""prune: a smaller checkpoint, what it says, and what is left where it is not written."""

import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

from harness import GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main

HEADLESS = GOLDEN / 'cases' / 'dinov2' / 'model'
TIMM = GOLDEN / 'cases' / 'timm-args' / 'model'
CLIP = GOLDEN / 'cases' / 'clip' / 'model'
ONE_FILE = next((GOLDEN / 'cases' / 'timm-file' / 'model').glob('*.safetensors'))
PICTURES = ['square', 'small', 'landscape', 'portrait']


def tensors_of(path):
    """Name → (shape, type), from the header of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    size, = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + size])
    header.pop('__metadata__')
    assert max(one['data_offsets'][1] for one in header.values()) == len(data) - 8 - size
    return {name: (one['shape'], one['dtype']) for name, one in header.items()}


class PruneTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in PICTURES:
            self.copy_picture(name, f'photos/{name}.png')

    def prune(self, *arguments, out='small', **options):
        return json.loads(self.succeed('prune', '--device', 'cpu', '--json', 'photos', '-o', out,
                                       *arguments, **options))

    def config(self, out='small'):
        return json.loads((self.folder / out / 'config.json').read_text())

    def inspect(self, out='small'):
        return json.loads(self.succeed('inspect', '--json', out))

    def assert_nothing_left(self):
        self.assertEqual(sorted(os.listdir(self.folder)), ['photos'])


class Heads(PruneTest):
    def test_share(self):
        found = self.prune('--heads', '25%', '--ablate', '1')
        heads = [(head['importance'], layer['layer'], head['head'], head['removed'])
                 for layer in found['layers'] for head in layer['heads']]
        self.assertEqual(len(heads), 8)
        self.assertEqual([removed for *_, removed in sorted(heads)], [True] * 2 + [False] * 6)
        pruned = found['pruned']
        self.assertEqual(sum(pruned['heads']), 6)
        self.assertTrue(pruned['only_vitreous_reads_it'])
        self.assertLess(pruned['bytes_after'], pruned['bytes_before'])
        self.assertLess(pruned['speed']['flops_after'], pruned['speed']['flops_before'])
        self.assertGreater(pruned['speed']['ms_after'], 0)
        agreement = pruned['agreement']
        self.assertEqual(agreement['n_pictures'], 4)
        for name in ('cosine', 'map_correlation'):
            self.assertTrue(-1 <= agreement[name] < 1, agreement)
        self.assertEqual(agreement['top1'] * 4 % 1, 0)
        ends = found['ablations']
        self.assertEqual([one['counts'] for one in ends], ['least', 'most'])
        self.assertEqual((ends[0]['layer'], ends[0]['head']), sorted(heads)[0][1:3])
        self.assertEqual((ends[1]['layer'], ends[1]['head']), sorted(heads)[-1][1:3])
        self.assertEqual(self.config()['vitreous'], {'heads': pruned['heads']})
        self.assertEqual(self.inspect()['layer_heads'], pruned['heads'])

    def test_list_and_shapes(self):
        found = self.prune('--heads', '0:1,1:0, 1:3', '--ablate', '0')
        self.assertEqual((found['pruned']['heads'], found['ablations']), ([3, 2], []))
        self.assertEqual([[head['removed'] for head in layer['heads']] for layer in found['layers']],
                         [[False, True, False, False], [True, False, False, True]])
        before = tensors_of(MODEL / 'model.safetensors')
        after = tensors_of(self.folder / 'small/model.safetensors')
        self.assertEqual(list(before), list(after))
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(len(changed), 2 * 7)  # q, k, v with their biases, the projection
        for name in changed:
            n_heads = 3 if '.0.' in name else 2
            (old, dtype), (new, new_dtype) = before[name], after[name]
            self.assertEqual(dtype, new_dtype)
            axis = 1 if 'output' in name or 'o_proj' in name else 0
            self.assertEqual(new[axis], old[axis] * n_heads // 4)

    def test_what_is_written_can_be_explained_and_pruned_again(self):
        self.prune('--heads', '0:1,1:0,1:3')
        self.succeed('explain', '-q', '--device', 'cpu', '-m', 'small', 'photos', '--layers', 'all',
                     '--heads', 'all', '--write', 'npz,sheet,json', '--save-matrix')
        record = json.loads((self.folder / 'vitreous-out/square.json').read_text())
        self.assertEqual((record['model']['layer_heads'], record['heads']), ([3, 2], [0, 1, 2]))
        for method in ('rollout', 'relevance', 'grad-rollout', 'legrad', 'gradcam'):
            self.succeed('explain', '-q', '--device', 'cpu', '-m', 'small', 'photos/square.png',
                         '--method', method)
        said = self.refuse(2, 'explain', '-q', '--device', 'cpu', '-m', 'small', 'photos/square.png',
                           '--layers', 'all', '--heads', '2')
        self.assertIn('layer 1', said)
        self.succeed('explain', '-q', '--device', 'cpu', '-m', 'small', 'photos/square.png',
                     '--layers', '0', '--heads', '2')
        again = self.prune('-m', 'small', '--heads', '1', out='smaller')
        self.assertEqual(sum(again['pruned']['heads']), 4)

    def test_by_layer(self):
        found = self.prune('--heads', '1', '--by-layer', '--ablate', '0')
        for layer in found['layers']:
            self.assertAlmostEqual(sum(head['weight'] ** 2 for head in layer['heads']), 1, 9)

    def test_other_worlds(self):
        for model in (HEADLESS, TIMM, CLIP, ONE_FILE):
            out = f'small-{model.parent.name}-{model.name}'
            with self.subTest(model=model):
                found = self.prune('-m', model, '--heads', '1', '--ablate', '0', out=out)
                self.assertEqual(self.inspect(out)['layer_heads'], found['pruned']['heads'])
                self.assertEqual(found['target'], 'top1' if model is TIMM else found['target'])

    def test_a_model_without_classes(self):
        found = self.prune('-m', HEADLESS, '--heads', '1')
        self.assertEqual(found['target'], 'embedding')
        self.assertIsNone(found['pruned']['agreement']['top1'])
        self.assertLess(found['pruned']['agreement']['cosine'], 1)


class Layers(PruneTest):
    def test_number(self):
        found = self.prune('--layers', '1')
        likeness = [layer['likeness'] for layer in found['layers']]
        removed = [layer['removed'] for layer in found['layers']]
        self.assertEqual(removed, [value == max(likeness) for value in likeness])
        self.assertEqual((found['pruned']['n_layers'], found['pruned']['heads']), (1, [4]))
        self.assertFalse(found['pruned']['only_vitreous_reads_it'])
        self.assertEqual(self.config()['num_hidden_layers'], 1)
        self.assertNotIn('vitreous', self.config())
        self.assertEqual({one['layer'] for one in found['ablations']}, {0, 1})
        self.assertTrue(all('head' not in one for one in found['ablations']))
        # Turned off by itself is what is taken out.
        alone, = [one for one in found['ablations'] if removed[one['layer']]]
        for name in ('top1', 'cosine', 'logit_change'):
            self.assertAlmostEqual(alone['agreement'][name], found['pruned']['agreement'][name], 5)

    def test_list(self):
        found = self.prune('--layers', '0,')
        self.assertEqual([layer['removed'] for layer in found['layers']], [True, False])
        names = tensors_of(self.folder / 'small/model.safetensors')
        self.assertFalse([name for name in names if '.1.' in name])

    def test_worlds_state_their_depth(self):
        self.prune('-m', TIMM, '--layers', '1', out='timm')
        self.assertEqual(self.config('timm')['model_args']['depth'],
                         self.inspect('timm')['n_layers'])
        self.prune('-m', CLIP, '--layers', '1', out='clip')
        self.assertEqual(self.config('clip')['vision_config']['num_hidden_layers'],
                         self.inspect('clip')['n_layers'])

    def test_text(self):
        said = self.succeed('prune', '--device', 'cpu', 'photos', '-o', 'small', '--layers', '1',
                            '--heads', '1')
        for part in ('the whole layer', 'same likeliest class', 'times as fast', 'only Vitreous'):
            self.assertIn(part, said)


class Refused(PruneTest):
    def test_sentences(self):
        for arguments, part in [
                (['photos', '--heads', '1'], '-o'),
                (['-o', 'small', '--heads', '1'], 'IMAGE'),
                (['photos', '-o', 'small'], '--heads'),
                (['photos', '-o', 'small', '--heads', 'many'], '“many”'),
                (['photos', '-o', 'small', '--heads', '0%'], '0%'),
                (['photos', '-o', 'small', '--heads', '120%'], '120%'),
                (['photos', '-o', 'small', '--heads', '7'], 'only 6'),
                (['photos', '-o', 'small', '--heads', '0:0,0:1,0:2,0:3'], 'Layer 0'),
                (['photos', '-o', 'small', '--heads', '0:9'], 'head 9'),
                (['photos', '-o', 'small', '--heads', '9:0'], 'layer 9'),
                (['photos', '-o', 'small', '--heads', '0:1:2'], '0:1:2'),
                (['photos', '-o', 'small', '--layers', '2'], 'no layer left'),
                (['photos', '-o', 'small', '--layers', '5,'], 'layer 5'),
                (['photos', '-o', 'small', '--layers', '1,,0'], '1,,0'),
                (['photos', '-o', 'small', '--layers', '1', '--ablate', '-1'], '--ablate'),
                (['photos', '-o', 'small', '--heads', '1', '--target', 'nonsense'], 'nonsense'),
                (['photos', '-o', 'photos', '--heads', '1'], 'exists'),
                (['photos', '-o', MODEL, '--heads', '1'], 'exists'),
                (['photos', '-o', MODEL / 'model.safetensors', '--heads', '1'], 'exists')]:
            with self.subTest(arguments=arguments):
                before = {path: path.read_bytes() for path in MODEL.iterdir()}
                self.assertIn(part, self.refuse(2, 'prune', '--device', 'cpu', *arguments))
                self.assert_nothing_left()
                self.assertEqual(before, {path: path.read_bytes() for path in MODEL.iterdir()})

    def test_what_cannot_be_written(self):
        (self.folder / 'file').write_text('no folder')
        self.refuse(1, 'prune', '--device', 'cpu', 'photos', '-o', 'file/small', '--heads', '1')
        self.assertEqual(sorted(os.listdir(self.folder)), ['file', 'photos'])

    def test_a_broken_picture_is_told_of(self):
        (self.folder / 'photos/broken.png').write_bytes(b'no picture')
        result = self.run_program('prune', '--device', 'cpu', '--json', 'photos', '-o', 'small',
                                  '--heads', '1')
        self.assertEqual(result.returncode, 1)
        self.assertEqual([one['path'] for one in json.loads(result.stdout)['failed']],
                         ['photos/broken.png'])
        self.assertEqual(json.loads(result.stdout)['pruned']['agreement']['n_pictures'], 4)

    def test_interrupt(self):
        for i in range(200):
            shutil.copyfile(self.folder / 'photos/landscape.png', self.folder / f'photos/{i}.png')
        process = subprocess.Popen(
            [PROGRAM, 'prune', '--device', 'cpu', 'photos', '-o', 'small', '--heads', '1',
             '--size', '320', '--ablate', '100'], cwd=self.folder, env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        text, messages = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, text), (130, ''), messages)
        self.assertEqual(messages, 'vitreous: Stopped.\n')
        self.assert_nothing_left()


class Contradictions(PruneTest):
    """What config.json says of heads must be what the tensors say."""

    def setUp(self):
        super().setUp()
        self.prune('--heads', '0:1,1:0,1:3', '--ablate', '0')

    def test_heads(self):
        for heads, part in [([3], 'heads of 1 layers'), ([3, 2, 1], 'heads of 3 layers'),
                            ([3, 0], '0 heads of layer 1'), ([3, 5], '5 heads of layer 1'),
                            ([2, 3], 'shape'), ([4, 4], 'shape'), ('3,2', 'list'), ([3, -2], 'list'),
                            ([3, 2.5], 'list'), ([3, '2'], 'list'), ({}, 'list'), (None, 'shape')]:
            with self.subTest(heads=heads):
                config = self.config()
                config['vitreous']['heads'] = heads
                (self.folder / 'small/config.json').write_text(json.dumps(config))
                self.assertIn(part, self.refuse(3, 'inspect', 'small'))

    def test_no_object(self):
        config = self.config()
        config['vitreous'] = [3, 2]
        (self.folder / 'small/config.json').write_text(json.dumps(config))
        self.assertIn('vitreous', self.refuse(3, 'inspect', 'small'))


if __name__ == '__main__':
    main()
