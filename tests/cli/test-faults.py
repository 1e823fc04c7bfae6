# SPDX-License-Identifier: LGPL-3.0-or-later
"""explain where disks fill up, devices vanish and users lose patience."""

import signal
import subprocess

from harness import FAULTS, PROGRAM, TIMEOUT, CliTest, main


def fault(name):
    return {'LD_PRELOAD': FAULTS, 'VITREOUS_TEST_FAULT': name}


class Output(CliTest):
    def test_folder_that_cannot_be_made(self):
        self.copy_picture('square', 'a.png')
        (self.folder / 'file').touch()
        for folder in ['file', 'file/deeper', '/proc/vitreous']:
            with self.subTest(folder=folder):
                self.assertIn(folder, self.refuse(1, 'explain', '-q', 'a.png', '-o', folder))

    def test_file_that_cannot_be_replaced(self):
        self.copy_picture('square', 'a.png', 'b.png')
        (self.folder / 'o/a.map.png/taken').mkdir(parents=True)
        result = self.run_program('explain', '-q', 'a.png', 'b.png', '-o', 'o', '--write', 'map')
        self.assertEqual(result.returncode, 1)
        self.assertIn('a.map.png', result.stderr)
        self.assertEqual(self.files_in('o'), ['b.map.png'])

    def test_full_disk(self):
        self.copy_picture('square', 'a.png')
        sentence = self.refuse(1, 'explain', '-q', 'a.png', env=fault('full'))
        self.assertIn('No space left on device', sentence)
        self.assertIn('vitreous-out/a.', sentence)
        self.assertEqual(self.files_in('vitreous-out'), [])


class Device(CliTest):
    def test_lost_once(self):
        self.copy_picture('square', 'a.png', 'b.png', 'c.png')
        self.succeed('explain', '-q', '--batch', '2', 'a.png', 'b.png', 'c.png', env=fault('lost'))
        self.assert_files('vitreous-out', ['a', 'b', 'c'])

    def test_lost_for_good(self):
        self.copy_picture('square', 'a.png', 'b.png')
        sentence = self.refuse(3, 'explain', '-q', 'a.png', 'b.png', env=fault('gone'))
        self.assertIn('gone', sentence)

    def test_too_little_memory_for_one_in_a_batch(self):
        self.copy_picture('landscape', 'a.png', 'c.png')
        self.copy_picture('portrait', 'b.png')
        result = self.run_program('explain', '-q', '--batch', '3', 'a.png', 'b.png', 'c.png',
                                  env=fault('memory'))
        self.assertEqual(result.returncode, 1)
        self.assertIn('b.png: The device has too little memory.', result.stderr)
        self.assert_files('vitreous-out', ['a', 'c'])


class Interrupt(CliTest):
    N_PICTURES = 60

    def start(self):
        """A run of several seconds that has written the first picture's files."""
        self.copy_picture('landscape', *[f'in/{n:02}.png' for n in range(self.N_PICTURES)])
        process = subprocess.Popen([PROGRAM, 'explain', 'in'], cwd=self.folder, text=True,
                                   env={**self.env, **fault('slow')}, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdout.readline()
        return process

    def check_files(self):
        """Whole pictures only, in order; no temporary files."""
        names = self.files_in('vitreous-out')
        n_done = sum(name.endswith('.json') for name in names)
        self.assert_files('vitreous-out', [f'{n:02}' for n in range(n_done)])
        self.assertIn(n_done, range(1, self.N_PICTURES))
        return n_done

    def end_by(self, number):
        process = self.start()
        process.send_signal(number)
        _, messages = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 130, messages)
        self.assertIn(f'{self.check_files()} of {self.N_PICTURES} pictures are done', messages)

    def test_ctrl_c_ends_cleanly(self):
        self.end_by(signal.SIGINT)

    def test_sigterm_ends_cleanly(self):
        self.end_by(signal.SIGTERM)

    def test_resume_goes_on(self):
        process = self.start()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
        n_done = self.check_files()
        listed = self.succeed('explain', 'in', '--resume').split()
        self.assert_files('vitreous-out', [f'{n:02}' for n in range(self.N_PICTURES)])
        self.assertEqual(len(listed), 4 * (self.N_PICTURES - n_done))

    def test_second_signal_ends_at_once(self):
        process = self.start()
        for _ in range(20):
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 130)


main()
