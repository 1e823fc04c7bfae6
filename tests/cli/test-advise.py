# SPDX-License-Identifier: LGPL-3.0-or-later
"""advise: what could be left out, as it was tried, and the term for a training run."""

import json
import math
import os
import re
import shutil
import signal
import struct
import subprocess

from harness import FAULTS, GOLDEN, MODEL, PROGRAM, TIMEOUT, CliTest, main

PICTURES = ['square', 'small', 'landscape', 'portrait']
SHAPES = GOLDEN.parent / 'shapes'
HEADLESS = GOLDEN / 'cases' / 'dinov2' / 'model'

# Runs regularization.py as a training script would.  argv: the folder, the checkpoint, its targets.
TRAINING = '''
import math, sys
sys.path.insert(0, sys.argv[1])
import torch, transformers
import regularization as term

torch.manual_seed(0)

# transformers: the very model that was looked at.
model = transformers.AutoModelForImageClassification.from_pretrained(
    sys.argv[2], attn_implementation='eager')
size = model.config.image_size
size = size if isinstance(size, int) else size[0]
pixels = torch.randn(2, 3, size, size)
outputs = model(pixels, labels=torch.tensor([0, 1]), output_attentions=True)
penalty = term.attention_penalty(outputs.attentions)
by_hand = sum((sum(-(row * row.clamp_min(1e-38).log()).sum() for row in a.flatten(0, 2)) /
               a.flatten(0, 2).shape[0] / math.log(a.shape[-1]) - t) ** 2
              for a, t in zip(outputs.attentions, term.TARGETS)) / len(term.TARGETS)
assert abs(penalty.item() - term.WEIGHT * by_hand.item()) < 1e-4 * abs(penalty.item()), (penalty, by_hand)
(outputs.loss + penalty).backward()
assert all(p.grad is not None and p.grad.isfinite().all()
           for n, p in model.named_parameters() if 'query' in n or 'q_proj' in n)

# Attention as timm's blocks hand it on, and training that brings the penalty down.
class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.attn_drop = torch.nn.Linear(12, 36), torch.nn.Dropout(0.0)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        attention = (q @ k.transpose(-2, -1) / 12 ** 0.5).softmax(-1)[:, None]
        return self.attn_drop(attention)[:, 0] @ v

class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention()

    def forward(self, x):
        return x + self.attn(x)

class Model(torch.nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.blocks = torch.nn.Sequential(*(Block() for _ in range(depth)))

    def forward(self, x):
        return self.blocks(x).mean(1)[:, :4]

n = len(term.TARGETS)
small = Model(n)
recorder = term.AttentionRecorder(small)
optimizer = torch.optim.Adam(small.parameters(), lr=1e-2)
tokens, labels = torch.randn(4, 17, 12), torch.tensor([0, 1, 2, 3])
penalties = []
for step in range(60):
    loss = torch.nn.functional.cross_entropy(small(tokens), labels)
    penalty = term.attention_penalty(recorder.attentions)
    penalties.append(penalty.item())
    optimizer.zero_grad()
    (loss + penalty).backward()
    optimizer.step()
assert len(recorder.attentions) == n
assert penalties[-1] < penalties[0] / 2, penalties
recorder.close()
small(tokens)
assert len(recorder.attentions) == n

# A row of one key, and half precision, stay finite; too few layers are refused.
hard = torch.zeros(1, 1, 5, 5, dtype=torch.float16, requires_grad=True)
one = hard + torch.eye(5)
penalty = term.attention_penalty([one] * n)
penalty.backward()
assert penalty.isfinite() and hard.grad.isfinite().all()
try:
    term.attention_penalty([one] * (n + 1))
except ValueError:
    print('all right')
'''


class AdviseTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in PICTURES:
            self.copy_picture(name, f'photos/{name}.png')

    def advise(self, *arguments):
        return json.loads(self.succeed('advise', '--device', 'cpu', '--json', *arguments))


class Advice(AdviseTest):
    def test_json(self):
        found = self.advise('photos')
        self.assertEqual(set(found), {
            'vitreous', 'model', 'model_hash', 'device', 'fit', 'target', 'pictures', 'failed',
            'layers', 'alike', 'trials', 'advice', 'reference', 'regularization'})
        self.assertEqual((found['pictures'], found['failed']), (4, []))
        for layer in found['layers']:
            self.assertTrue(all(value >= 0 for value in layer['importance']))
            self.assertLessEqual(layer['likeness'], 1)
        self.assertTrue(found['trials'])
        for trial in found['trials']:
            self.assertRegex(trial['prune'], r'^--(heads \d+%|heads [\d:,]+|layers \d+)$')
            self.assertTrue(trial['heads'] > 0 and -1 <= trial['cosine'] <= 1 + 1e-6)
            self.assertLessEqual(trial['least_cosine'], trial['cosine'] + 1e-9)
            self.assertEqual(trial['safe'], trial['cosine'] >= 0.98 and trial['top1'] >= 0.98)
        safe = [trial['prune'] for trial in found['trials'] if trial['safe']]
        self.assertEqual(found['advice'] is None, not safe)
        term = found['regularization']
        n = len(found['layers'])
        self.assertEqual((len(term['present']), len(term['targets'])), (n, n))
        penalty = sum((a - b) ** 2 for a, b in zip(term['present'], term['targets'])) / n
        self.assertAlmostEqual(term['penalty'], penalty, 9)

    def test_what_prune_does(self):
        """The trial says what the smaller checkpoint then does."""
        for trial in self.advise('photos')['trials']:
            name = trial['prune'].replace(' ', '')
            told = json.loads(self.succeed('prune', '--device', 'cpu', '--json', '--ablate', '0',
                                           'photos', *trial['prune'].split(), '-o', name))
            agreement = told['pruned']['agreement']
            self.assertAlmostEqual(agreement['cosine'], trial['cosine'], 4)
            self.assertAlmostEqual(agreement['top1'], trial['top1'], 4)

    def test_both_devices(self):
        cpu, other = (json.loads(self.succeed('advise', '--device', device, '--json', 'photos'))
                      for device in ['cpu', 'vulkan'])
        self.assertEqual([trial['prune'] for trial in cpu['trials']],
                         [trial['prune'] for trial in other['trials']])
        for one, two in zip(cpu['trials'], other['trials']):
            self.assertAlmostEqual(one['cosine'], two['cosine'], 4)

    def test_table(self):
        text = self.succeed('advise', '--device', 'cpu', 'photos')
        for trial in self.advise('photos')['trials']:
            self.assertIn(trial['without'], text)
        self.assertIn('Advice: ', text)

    def test_reference(self):
        """Where it is known what is healthy, that is the target."""
        own = self.advise('photos', '-m', SHAPES / 'model')
        self.assertIsNone(own['reference'])
        pictures = sorted((SHAPES / 'pictures').glob('*.png'))[:8]
        (self.folder / 'healthy').mkdir()
        for picture in pictures:
            shutil.copy(picture, self.folder / 'healthy')
        self.succeed('reference', 'make', '--device', 'cpu', SHAPES / 'model', 'healthy')
        found = self.advise('photos', '-m', SHAPES / 'model')
        self.assertEqual(found['reference'], 'model')
        self.assertNotEqual(found['regularization']['targets'], own['regularization']['targets'])
        self.assertGreater(found['regularization']['penalty'], 0)

    def test_without_classes(self):
        found = self.advise('photos', '-m', HEADLESS)
        self.assertTrue(all(trial['top1'] is None for trial in found['trials']))

    def test_heads_that_repeat(self):
        """Two heads made the same are found, and leaving one of them out is tried."""
        found = self.advise('photos', '-m', self.twin())
        pairs = [[(head['layer'], head['head']) for head in group['heads']]
                 for group in found['alike']]
        self.assertIn([(0, 0), (0, 1)], pairs)
        self.assertTrue(any('repeat' in trial['without'] for trial in found['trials']))

    def twin(self):
        """A copy of the model in which head 1 of layer 0 computes what head 0 does."""
        shutil.copytree(MODEL, self.folder / 'twin')
        path = self.folder / 'twin/model.safetensors'
        data = bytearray(path.read_bytes())
        size = struct.unpack('<Q', data[:8])[0]
        header = json.loads(data[8:8 + size])
        config = json.loads((self.folder / 'twin/config.json').read_text())
        rows = config['hidden_size'] // config['num_attention_heads']
        n = 0
        for name, tensor in header.items():
            if not re.search(r'layer\.0\.attention\.attention\.(query|key|value)\.', name):
                continue
            begin, end = (8 + size + offset for offset in tensor['data_offsets'])
            head = (end - begin) // tensor['shape'][0] * rows
            data[begin + head:begin + 2 * head] = data[begin:begin + head]
            n += 1
        self.assertGreaterEqual(n, 3)
        path.write_bytes(data)
        return 'twin'


class Training(AdviseTest):
    def test_files(self):
        found = self.advise('photos', '-o', 'out')
        self.assertEqual(self.files_in('out'), ['advice.json', 'regularization.json',
                                                'regularization.py'])
        self.assertEqual(json.loads((self.folder / 'out/advice.json').read_text()), found)
        self.assertEqual(json.loads((self.folder / 'out/regularization.json').read_text()),
                         found['regularization'])
        told = {}
        text = (self.folder / 'out/regularization.py').read_text()
        exec(re.search(r'^WEIGHT.*?^\]$', text, re.MULTILINE | re.DOTALL)[0], told)
        for number, target in zip(told['TARGETS'], found['regularization']['targets']):
            self.assertAlmostEqual(number, target, 4)
        self.assertTrue(math.isclose(told['WEIGHT'], found['regularization']['weight'],
                                     rel_tol=1e-5))

    def test_in_pytorch(self):
        python = os.environ.get('VTR_TEST_PYTHON')
        if not python:
            self.skipTest('no PyTorch: tests/python.sh makes an environment with it')
        self.advise('photos', '-o', 'out')
        result = subprocess.run([python, '-c', TRAINING, self.folder / 'out', MODEL],
                                capture_output=True, text=True, timeout=TIMEOUT, cwd=self.folder)
        self.assertEqual((result.returncode, result.stdout.strip()), (0, 'all right'),
                         result.stderr[-3000:])


class Trouble(AdviseTest):
    def test_pictures_that_fail_are_listed(self):
        (self.folder / 'photos/broken.png').write_bytes(b'no picture')
        result = self.run_program('advise', '--device', 'cpu', 'photos', '--json')
        self.assertEqual(result.returncode, 1)
        found = json.loads(result.stdout)
        self.assertEqual((found['pictures'], len(found['failed'])), (4, 1))

    def test_nothing_to_say(self):
        (self.folder / 'broken.png').write_bytes(b'no picture')
        result = self.run_program('advise', '--device', 'cpu', 'broken.png', '-o', 'out')
        self.assertEqual((result.returncode, result.stdout), (2, ''))
        self.assertIn('no picture to advise by', result.stderr)
        self.assertEqual(self.files_in('out'), [])

    def test_ctrl_c(self):
        process = subprocess.Popen(
            [PROGRAM, 'advise', '--device', 'cpu', 'photos', '-o', 'out'], cwd=self.folder,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.env, 'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'slow'})
        self.addCleanup(process.kill)
        while not (self.folder / 'out').exists():
            pass
        process.send_signal(signal.SIGINT)
        text, said = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, text), (130, ''), said)
        self.assertEqual(self.files_in('out'), [])


if __name__ == '__main__':
    main()
