# SPDX-License-Identifier: LGPL-3.0-or-later
"""A screen without a monitor, and hands that use it: Xvfb, xdotool, ImageMagick."""

import os
import pathlib
import subprocess
import time

WAIT = 60  # seconds for a window on a busy machine


class Screen:
    def __init__(self, folder, prefix):
        """Screenshots become FOLDER/PREFIX-NAME.png."""
        self.folder, self.prefix = pathlib.Path(folder), prefix
        self.folder.mkdir(parents=True, exist_ok=True)
        end, other_end = os.pipe()
        self.server = subprocess.Popen(
            ['Xvfb', '-displayfd', str(other_end), '-screen', '0', '1280x1000x24', '-nolisten',
             'tcp'], pass_fds=[other_end], stderr=subprocess.DEVNULL)
        os.close(other_end)
        with os.fdopen(end) as told:
            self.display = f':{told.readline().strip()}'

    def close(self):
        self.server.terminate()
        self.server.wait()

    def tool(self, *words, check=True):
        result = subprocess.run(words, env=dict(os.environ, DISPLAY=self.display), timeout=WAIT,
                                capture_output=True, text=True)
        if check and result.returncode:
            raise AssertionError(f'{" ".join(words)}: {result.stderr or result.stdout}')
        return result.stdout.strip()

    def windows(self, title):
        """Of those that are seen, the ones whose title matches."""
        return self.tool('xdotool', 'search', '--onlyvisible', '--name', title,
                         check=False).split()

    def wait_for_window(self, title):
        self.wait_until(lambda: self.windows(title), f'No window “{title}” has come.')
        return self.windows(title)[0]

    def wait_for_end(self, title):
        self.wait_until(lambda: not self.windows(title), f'The window “{title}” has not gone.')

    def wait_until(self, holds, complaint):
        deadline = time.monotonic() + WAIT
        while not holds():
            if time.monotonic() > deadline:
                self.photograph('failed')
                raise AssertionError(f'{complaint} What is seen: {self.prefix}-failed.png')
            time.sleep(0.1)

    def wait_until_still(self, window):
        """Until two pictures of it, half a second apart, are the same, and something is drawn."""
        seen = []

        def is_still():
            time.sleep(0.4)
            seen.append(self.tool('import', '-window', window, '-format', '%# %k', 'info:'))
            return seen[-2:-1] == seen[-1:] and int(seen[-1].split()[1]) > 50
        self.wait_until(is_still, 'Nothing is drawn, or it does not come to rest.')

    def focus(self, window):
        self.tool('xdotool', 'windowfocus', '--sync', window)
        time.sleep(0.2)

    def press(self, *keys):
        self.tool('xdotool', 'key', '--delay', '120', *keys)

    def write(self, text):
        """In place of what stands in the field."""
        self.press('ctrl+a')
        self.tool('xdotool', 'type', '--delay', '60', text)

    def click_what_came(self, before, window):
        """At the right end of what is new at the lower edge of a window since a photograph."""
        left, top, width, height = (int(line.split('=')[1]) for line in self.tool(
            'xdotool', 'getwindowgeometry', '--shell', window).splitlines()[1:5])
        now = self.photograph('now')
        strip = f'{width}x40+{left}+{top + height - 40}'
        box = self.tool('convert', str(before), str(now), '-compose', 'difference', '-composite',
                        '-colorspace', 'gray', '-threshold', '4%', '-crop', strip, '+repage',
                        '-format', '%@', 'info:')
        now.unlink()
        size, x, y = box.split('+')
        columns, rows = size.split('x')
        self.tool('xdotool', 'mousemove', str(left + int(x) + int(columns) - 20),
                  str(top + height - 40 + int(y) + int(rows) // 2), 'click', '1')

    def photograph(self, name, window='root'):
        path = self.folder / f'{self.prefix}-{name}.png'
        self.tool('import', '-window', window, str(path))
        return path
