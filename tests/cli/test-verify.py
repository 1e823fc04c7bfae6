# SPDX-License-Identifier: LGPL-3.0-or-later
"""devices --verify, on a driver that computes right."""

import json
import os
import pty
import signal
import subprocess

from harness import FAULTS, PROGRAM, TIMEOUT, CliTest, main

# Op and largest NMSE; 0: exact.
OPS = {
    'patchify': 0, 'embed-tokens': 1e-7, 'gather-tokens': 0, 'layer-norm': 1e-7, 'matmul': 1e-7,
    'swiglu': 1e-7, 'rope': 1e-7, 'attention': 1e-7, 'pool': 1e-7, 'attention-rows': 1e-7,
    'attention-apply': 1e-7, 'attention-statistics': 1e-7, 'rollout-histogram': 0,
    'rollout-select': 0, 'rollout-cutoff': 1e-8, 'rollout-step': 1e-7, 'grad-rollout-step': 1e-7, 'relevance-step': 1e-7,
    'attention-sensitivity': 1e-7, 'layer-norm-backward': 1e-7, 'matmul-backward': 1e-7,
    'activation-backward': 1e-7, 'swiglu-backward': 1e-7, 'attention-backward': 1e-7,
    'pool-backward': 1e-7,
}
DEVICE_MEMBERS = ['id', 'name', 'driver', 'verdict', 'ops']
OP_MEMBERS = ['op', 'cases', 'verdict', 'worst_case', 'nmse', 'max_nmse', 'max_error', 'problem']
WRONG = {'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': 'wrong'}


class Verify(CliTest):
    def test_json(self):
        result = self.run_program('devices', '--verify', '--json')
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        devices = json.loads(result.stdout)
        self.assertEqual([device['id'] for device in devices], ['vulkan:0'])
        self.assertEqual(list(devices[0]), DEVICE_MEMBERS)
        self.assertEqual(devices[0]['verdict'], 'right')
        self.assertEqual({op['op']: round(op['max_nmse'], 12) for op in devices[0]['ops']}, OPS)
        for op in devices[0]['ops']:
            self.assertEqual(list(op), OP_MEMBERS)
            self.assertEqual((op['verdict'], op['problem']), ('right', None))
            self.assertGreaterEqual(op['cases'], 5)
            self.assertLessEqual(op['nmse'], op['max_nmse'])
            self.assertGreaterEqual(op['max_error'], 0)
            self.assertTrue(op['worst_case'])

    def test_table_of_the_smallest_device(self):
        heading, *rows, verdict = self.succeed('devices', '--verify', '--device', 'vulkan',
                                               env={'VTR_DEBUG': 'limits-min'}).splitlines()
        self.assertRegex(heading, r'^DEVICE  +DRIVER  +OP  .+  VERDICT$')
        self.assertEqual(len(rows), len(OPS))
        for op, row in zip(OPS, rows):
            self.assertRegex(row, rf'^vulkan:0  .+  {op}  .+  \d\.\de[+-]\d\d  .+  right$')
        self.assertRegex(verdict, r'^vulkan:0 \(.+\) computes what the processor does\.$')

    def test_wrong(self):
        result = self.run_program('devices', '--verify', env=WRONG)
        self.assertEqual(result.returncode, 1)
        heading, wrong, failed, *right = result.stdout.splitlines()
        self.assertRegex(wrong, r'  patchify .+  inf  +inf  .+  wrong$')
        self.assertRegex(failed, r'  embed-tokens .+  -  +-  .+  failed$')
        self.assertEqual(len(right), len(OPS) - 2)
        self.assertEqual(result.stderr.splitlines(), [
            'vitreous: vulkan:0, patchify: In the case “odd”: there is no number.',
            'vitreous: vulkan:0, embed-tokens: In the case “even”: there is no memory.'])

    def test_wrong_in_json(self):
        result = self.run_program('devices', '--verify', '--json', env=WRONG)
        self.assertEqual((result.returncode, result.stderr), (1, ''))
        device = json.loads(result.stdout)[0]
        self.assertEqual(device['verdict'], 'wrong')
        wrong, failed, right = device['ops'][:3]
        self.assertEqual((wrong['verdict'], wrong['nmse'], wrong['max_error'], wrong['problem']),
                         ('wrong', None, None, 'In the case “odd”: there is no number.'))
        self.assertEqual((failed['verdict'], right['verdict']), ('failed', 'right'))

    def test_no_such_device(self):
        self.refuse(3, 'devices', '--verify', '--device', 'vulkan:99')

    def test_ctrl_c_on_a_terminal(self):
        terminal, stderr = pty.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([PROGRAM, 'devices', '--verify'], cwd=self.folder,
                                   env=self.env, stdout=subprocess.PIPE, stderr=stderr)
        self.addCleanup(process.kill)
        os.close(stderr)
        said = b''
        while b' %  verifying ' not in said:
            said += os.read(terminal, 1000)
        process.send_signal(signal.SIGINT)
        answer, _ = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, answer), (130, b''))


main()
