# SPDX-License-Identifier: LGPL-3.0-or-later
"""GIMP 2.10 and GIMP 3, run by scripts that are written once for both.

A script is Scheme.  What the two call differently has one name in prelude2.scm and prelude3.scm;
calls of the plug-in are written by Gimp.call ().  Each step of a script leaves a file with what it
returned or how it failed, so that one start of a GIMP answers for many tests.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
TIMEOUT = 600  # seconds for a whole session, on a busy machine
DATA = ['gradient', 'brush', 'pattern', 'palette', 'dynamics', 'tool-preset']


class Missing(Exception):
    """A GIMP that is not here and need not be."""


class Gimp:
    """One of the two, with a profile and a folder of its own."""

    def __init__(self, environment, files):
        """files: folders and files that scripts use, by the name they get."""
        self.environment = environment
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='vitreous-gimp-', dir=self.work_folder()))
        os.chmod(self.folder, 0o755)
        for name, source in files.items():
            copy = shutil.copytree if os.path.isdir(source) else shutil.copyfile
            copy(source, self.folder / name)
        self.profile = self.folder / 'profile'
        self.home = self.folder / 'home'
        self.home.mkdir()
        self.make_profile()
        self.n_sessions = 0
        self.answers = self.folder / 'answers'
        self.answers.mkdir()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ the profile

    def make_profile(self):
        """The plug-ins that scripts need and ours: others take seconds to be asked."""
        (self.profile / 'plug-ins').mkdir(parents=True)
        for name in self.plug_ins:
            shutil.copytree(self.system_plug_ins / name, self.profile / 'plug-ins' / name)
        self.add_own_plug_in()
        lines = [f'({option})' for option in self.options()]
        (self.profile / 'gimprc').write_text('\n'.join(lines) + '\n')

    def options(self):
        # Each of these questions is a window that waits for an answer.
        yield 'color-profile-policy keep'
        yield 'check-updates no'
        yield f'plug-in-path "{self.inside(self.profile)}/plug-ins"'
        yield f'temp-path "{self.inside(self.folder)}"'
        yield f'swap-path "{self.inside(self.folder)}"'

    # ------------------------------------------------------------ scripts

    def call(self, procedure, image, drawable, run_mode='RUN-NONINTERACTIVE', **fields):
        """Scheme that calls plug-in-vitreous-PROCEDURE; fields as in the settings, _ for -."""
        fields = {'model': self.inside(self.folder / 'model'), 'device': 'cpu', **fields}
        return self.write_call(f'plug-in-vitreous-{procedure}', image, drawable, run_mode,
                               {k.replace('_', '-'): v for k, v in fields.items() if v is not None})

    def write_script(self, steps):
        """steps: {name: Scheme expression}"""
        self.n_sessions += 1
        script = (HERE / self.prelude).read_text() + (HERE / 'prelude.scm').read_text()
        script = script.replace('@ANSWERS@', self.inside(self.answers))
        script = script.replace('@FOLDER@', self.inside(self.folder))
        for name, expression in steps.items():
            script += f'(step "{name}" (lambda () {expression}))\n'
        path = self.folder / f'script-{self.n_sessions}.scm'
        path.write_text(script)
        return f'(load "{self.inside(path)}")'

    def run(self, steps, env={}, timeout=TIMEOUT):
        """Runs a script without a window."""
        process = self.start(self.console + self.batch(self.write_script(steps)), env)
        self.finish(process, timeout)

    def start(self, command, env={}):
        """Its own process group, so that plug-ins end with it."""
        self.log = self.folder / f'log-{self.n_sessions}.txt'
        with open(self.log, 'wb') as log:
            return subprocess.Popen(self.wrap(command, {**self.base_environment(), **env}),
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    cwd=self.folder, start_new_session=True)

    def finish(self, process, timeout=TIMEOUT):
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    # ------------------------------------------------------------ answers

    def logs(self):
        return ''.join(path.read_text(errors='replace') for path in
                       sorted(self.folder.glob('log-*.txt')))

    def answer(self, name):
        path = self.answers / name
        if not path.exists():
            raise AssertionError(f'No script came as far as “{name}”:\n{self.logs()[-4000:]}')
        return parse(path.read_text())

    def result(self, name):
        """What the step returned; it must not have failed."""
        worked, value = self.answer(name)
        if not worked:
            raise AssertionError(f'“{name}” failed: {value}')
        return value

    # ------------------------------------------------------------ processes

    def base_environment(self):
        return {
            'PATH': '/usr/bin:/bin', 'HOME': self.inside(self.home), 'LC_ALL': 'C.UTF-8',
            self.profile_variable: self.inside(self.profile),
            'VITREOUS_MODEL': self.inside(self.folder / 'model'),
            'OMP_WAIT_POLICY': 'passive',
            'NO_AT_BRIDGE': '1',
        }

    def path(self, name):
        return self.folder / name


class Gimp2(Gimp):
    """The system's; the plug-in is the one in the build folder."""

    version = '2.10'
    # Integers of 8, 16, 32 bits, half, float and double; linear or with sRGB's curve.
    precisions = [100, 200, 250, 300, 350, 500, 550, 600, 650, 700, 750]
    grey_precisions = [100, 150, 250, 600, 650]
    # From the open menu “Filters” to our first entry.
    keys_to_menu = ['Up', 'Up', 'Right']
    prelude = 'prelude2.scm'
    profile_variable = 'GIMP2_DIRECTORY'
    plug_ins = ['script-fu', 'file-png']
    console = ['gimp-console-2.10', '-i', '-d', '-f']
    program = ['gimp-2.10', '-n', '-s', '-d', '-f']
    # A failed script must not keep the second from ending the program.
    @staticmethod
    def batch(script):
        return ['-b', script, '-b', '(gimp-quit 1)']

    def __init__(self, environment, files):
        if not shutil.which('gimp-console-2.10'):
            raise Missing('there is no GIMP 2.10')
        self.plug_in = pathlib.Path(environment['VITREOUS_GIMP2_PLUGIN'])
        folder = subprocess.run(['pkg-config', '--variable=gimplibdir', 'gimp-2.0'], check=True,
                                capture_output=True, text=True).stdout.strip()
        self.system_plug_ins = pathlib.Path(folder) / 'plug-ins'
        super().__init__(environment, files)

    def work_folder(self):
        return None

    def inside(self, path):
        return str(path)

    def add_own_plug_in(self):
        """By a link: it finds the library from where it was built."""
        shutil.copytree(self.plug_in.parent, self.profile / 'plug-ins' / 'vitreous',
                        copy_function=os.symlink,
                        ignore=lambda folder, names: [n for n in names if n.endswith('.p')])

    def options(self):
        yield from super().options()
        # Nothing is read from these, and 2.10 is content.
        empty = self.profile / 'empty'
        empty.mkdir()
        for kind in DATA:
            yield f'{kind}-path "{empty}"'
            yield f'{kind}-path-writable "{empty}"'

    def wrap(self, command, environment):
        return ['env', '-i'] + [f'{k}={v}' for k, v in environment.items()] + command

    def write_call(self, procedure, image, drawable, mode, fields):
        settings = '; '.join(f'{name}={value}' for name, value in fields.items())
        result = f'({procedure} {mode} {image} {drawable} {quote(settings)})'
        return f'(car {result})' if procedure != 'plug-in-vitreous-select' else result


class Gimp3(Gimp):
    """That of the Debian 13 folder, where Vitreous is installed."""

    version = '3.0'
    # As in 2.10, and what is perceptual rather than nonlinear.
    precisions = Gimp2.precisions + [175, 275, 675]
    grey_precisions = Gimp2.grey_precisions + [675]
    keys_to_menu = ['Up', 'Right']
    prelude = 'prelude3.scm'
    profile_variable = 'GIMP3_DIRECTORY'
    plug_ins = ['script-fu', 'file-png', 'file-openraster']
    _batch = ['-d', '-f', '--quit', '--batch-interpreter=plug-in-script-fu-eval']
    console = ['gimp-console-3.0', '-i'] + _batch
    program = ['gimp-3.0', '-n', '-s'] + _batch
    # Fields that are not strings in GIMP's own terms.
    numbers = ['temperature', 'discard-ratio', 'size', 'opacity', 'amount']
    switches = ['selection-only', 'score']

    @staticmethod
    def batch(script):
        return ['-b', script]

    def __init__(self, environment, files):
        root = environment.get('VTR_TEST_GIMP3')
        if root is None:
            raise Missing('VTR_TEST_GIMP3 names no folder with GIMP 3; tests/run.sh makes it')
        self.root = pathlib.Path(root)
        if not (self.root / 'usr/bin/gimp-console-3.0').exists():
            raise RuntimeError(f'There is no GIMP 3 in {root}: tests/run.sh makes it.')
        self.system_plug_ins = next(self.root.glob('usr/lib/*/gimp/3.0')) / 'plug-ins'
        super().__init__(environment, files)

    def work_folder(self):
        return self.root / 'work'

    def inside(self, path):
        return '/' + str(pathlib.Path(path).relative_to(self.root))

    def add_own_plug_in(self):
        """By the path where it was installed, which a link inside the folder has to name."""
        os.symlink('/' + str((self.system_plug_ins / 'vitreous').relative_to(self.root)),
                   self.profile / 'plug-ins' / 'vitreous')

    def options(self):
        yield from super().options()
        yield 'show-welcome-dialog no'

    def wrap(self, command, environment):
        enter = ['chroot'] if os.geteuid() == 0 else ['unshare', '--map-root-user', 'chroot']
        return (enter + [str(self.root), 'env', '-i'] +
                [f'{k}={v}' for k, v in environment.items()] + command)

    def write_call(self, procedure, image, drawable, mode, fields):
        arguments = ''.join(f' #:{name} {self.write_value(name, value)}'
                            for name, value in fields.items())
        return (f'({procedure} #:run-mode {mode} #:image {image} #:drawables (vector {drawable})'
                f'{arguments})')

    def write_value(self, name, value):
        if name in self.switches:
            return {'yes': '#t', 'no': '#f'}[value]
        return str(value) if name in self.numbers else quote(value)


def quote(text):
    """A Scheme string."""
    return '"' + str(text).replace('\\', '\\\\').replace('"', '\\"') + '"'


# ---------------------------------------------------------------- answers

TOKEN = re.compile(r'\s*(?:#?(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))', re.DOTALL)
ATOMS = {'#t': True, '#f': False}


def parse(text):
    """A Scheme datum as Python has it: lists and vectors as lists, symbols as strings."""
    stack = [[]]
    for opened, closed, string, atom in TOKEN.findall(text):
        if opened:
            stack.append([])
        elif closed:
            finished = stack.pop()
            stack[-1].append(finished)
        elif atom:
            stack[-1].append(ATOMS.get(atom, to_number(atom)))
        else:
            stack[-1].append(re.sub(r'\\(.)', lambda m: {'n': '\n'}.get(m[1], m[1]), string,
                                    flags=re.DOTALL))
    return stack[0][0]


def to_number(atom):
    for kind in (int, float):
        try:
            return kind(atom)
        except ValueError:
            pass
    return atom
