# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the program as a user would, in a folder and a home of its own; reports as TAP."""

import fcntl
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ['VITREOUS']
FAULTS = os.environ['VITREOUS_TEST_FAULTS']  # faults.c, to be preloaded
GOLDEN = pathlib.Path(os.environ['VITREOUS_TEST_GOLDEN'])
MODEL = GOLDEN / 'cases' / 'vit' / 'model'
PICTURES = GOLDEN / 'pictures'
DEFAULT_ENDINGS = ['.overlay.png', '.map.png', '.ora', '.json']
TIMEOUT = 300  # seconds; a busy machine takes two minutes for a first verification


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='vitreous-cli-'))
        self.addCleanup(shutil.rmtree, self.folder)
        # The cache is shared: it holds compiled kernels.
        self.env = dict(os.environ, VITREOUS_MODEL=str(MODEL),
                        XDG_DATA_HOME=str(self.folder / 'data'))
        os.makedirs(self.env.get('XDG_CACHE_HOME', self.folder), exist_ok=True)

    def run_program(self, *arguments, env={}, **options):
        return subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder,
                              env={**self.env, **env}, capture_output=True, text=True,
                              timeout=TIMEOUT, **options)

    def succeed(self, *arguments, **options):
        """stdout of a run that must end well."""
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refuse(self, code, *arguments, **options):
        """The one sentence of a run that must fail."""
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(result.stdout, '')
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertRegex(lines[0], r'^vitreous: .{12,}[^.]\.$')
        return lines[0]

    def copy_picture(self, name, *places):
        """Copies of a golden picture; their paths as the program gets them, relative."""
        for place in places:
            (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PICTURES / f'{name}.png', self.folder / place)
        return list(places)

    def files_in(self, place):
        """Every file below a folder, by relative path, sorted."""
        top = self.folder / place
        return sorted(str(path.relative_to(top)) for path in top.rglob('*') if path.is_file())

    def assert_files(self, place, stems, endings=DEFAULT_ENDINGS):
        self.assertEqual(self.files_in(place), sorted(s + e for s in stems for e in endings))

    def peak_of(self, *arguments):
        """KiB that a run takes at most.

        Its ru_maxrss would begin at what Python takes, which is more: what the kernel counts for
        the program alone is there only as long as it runs.  So it is read while the program waits
        to write the rest of its answer, all pictures being counted.
        """
        with subprocess.Popen([PROGRAM, *map(str, arguments), '--device', 'cpu', '--json'],
                              cwd=self.folder, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, bufsize=0) as process:
            self.addCleanup(process.kill)
            size = fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
            answer = process.stdout.read(1)
            status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
            while part := process.stdout.read(1 << 16):
                answer += part
        self.assertEqual(process.returncode, 0)
        self.assertGreater(len(answer), 1 + size)
        return int(re.search(r'^VmHWM:\s+(\d+) kB$', status, re.MULTILINE)[1])


def png_size(path):
    """Width and height that a PNG says it has."""
    head = pathlib.Path(path).read_bytes()[:24]
    assert head[:8] == b'\x89PNG\r\n\x1a\n', f'{path} is no PNG'
    return struct.unpack('>II', head[16:24])


def png_texts(data):
    """The text entries of a PNG by key."""
    texts, place = {}, 8
    while place < len(data):
        size, kind = struct.unpack('>I4s', data[place:place + 8])
        key, _, value = data[place + 8:place + 8 + size].partition(b'\0')
        if kind == b'tEXt':
            texts[key.decode('latin-1')] = value.decode('latin-1')
        elif kind == b'iTXt':  # as written: not packed, no language, no translated key
            texts[key.decode('latin-1')] = value[4:].decode()
        place += size + 12
    return texts


class TapResult(unittest.TestResult):
    """One line for each test; what went wrong in it, parts of it included, as comments."""

    def startTest(self, test):
        super().startTest(test)
        self.verdict, self.note = 'ok', ''

    def stopTest(self, test):
        name = test.id().split('.', 1)[1]
        print(f'{self.verdict} {self.testsRun} - {name}{self.note}', flush=True)
        super().stopTest(test)

    def problem(self, test, error):
        self.verdict = 'not ok'
        for line in f'{test.id()}\n{self._exc_info_to_string(error, test)}'.splitlines():
            print(f'# {line}', flush=True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.problem(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.problem(test, error)

    def addSubTest(self, test, part, error):
        super().addSubTest(test, part, error)
        if error is not None:
            self.problem(part, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note = f' # SKIP {reason}'


def main():
    """Runs the tests of the script that calls it."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    print(f'1..{suite.countTestCases()}', flush=True)
    result = TapResult()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
