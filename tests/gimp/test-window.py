# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in as a user has it: dialogs, keys, the menu, undo and cancel, on a screen of its own.

usage: test-window.py 2|3
"""

import errno
import json
import os
import sys
import time
import unittest

import steps
import xcf
from gimps import Gimp2, Gimp3, Missing
from harness import GOLDEN, main
from screen import Screen

SHAPES = GOLDEN.parent / 'shapes'
HEATMAPS, SELECT, REDO = '^Heatmaps$', '^Select by Attention$', '^Redo with$'
IMAGE = 'GIMP$'
before_long_work = {}


class Window(unittest.TestCase):
    def xcf(self, name):
        gimp.result(name)
        return xcf.read(gimp.path(f'{name}.xcf'))

    def groups(self, image):
        return [l for l in image.layers if 'vitreous-settings' in l.parasites]

    def settings(self, name):
        """Of the newest group."""
        return json.loads(self.groups(self.xcf(name))[0].parasites['vitreous-settings'])

    def assert_same_image(self, name, other):
        self.assertEqual(self.xcf(name).essence(), self.xcf(other).essence())

    def test_dialog_was_there(self):
        self.assertEqual(trouble, [])

    def test_cancel_leaves_the_image_alone(self):
        answer, changed = gimp.result('cancelled')
        self.assertFalse(changed)
        self.assert_same_image('cancelled', 'opened')

    def test_changed_field_is_used(self):
        group, = self.groups(self.xcf('changed'))
        self.assertEqual(group.name, 'raw · model')
        self.assertAlmostEqual(group.children[0].opacity, 0.35, 3)
        self.assertEqual(float(self.settings('changed')['opacity']), 35)

    def test_last_values(self):
        image = self.xcf('last')
        self.assertEqual(len(self.groups(image)), 2)
        newest, first = self.groups(image)
        self.assertEqual(self.settings('last'), self.settings('changed'))
        self.assertEqual(newest.children[0].pixels, first.children[0].pixels)
        self.assertAlmostEqual(newest.children[0].opacity, 0.35, 3)

    def test_one_step_to_undo(self):
        self.assert_same_image('undone', 'changed')
        self.assert_same_image('undone-twice', 'opened')
        self.assert_same_image('redone', 'last')

    def test_indexed_image_is_indexed_again(self):
        self.assertEqual(self.xcf('indexed').base_type, xcf.RGB)
        before = self.xcf('indexed-before')
        self.assertEqual(before.base_type, xcf.INDEXED)
        self.assert_same_image('indexed-undone', 'indexed-before')

    def test_menu(self):
        self.assertEqual(len(self.groups(self.xcf('menu'))), 1)

    def test_cancel_of_long_work(self):
        _, changed = gimp.result('long')  # Script-Fu takes what was cancelled for done
        self.assertFalse(changed)
        self.assert_same_image('long', 'menu')

    def test_select_in_its_dialog(self):
        image = self.xcf('select')
        self.assertEqual(len(image.layers), 1)
        share = sum(image.selection.pixels) / len(image.selection.pixels)
        self.assertGreater(share, 0.01)
        self.assertLess(share, 0.25)  # 25 % of the attention


    def test_question_asked_again(self):
        newest, first = self.groups(self.xcf('question'))
        self.assertEqual(first.name, 'relevance · heart rather than star · shapes')
        self.assertEqual(newest.name, f'{first.name} #1')
        self.assertEqual(newest.children[0].pixels, first.children[0].pixels)


# ---------------------------------------------------------------- the session

def make_steps():
    def call(procedure, mode, **fields):
        return gimp.call(procedure, 'image', '(active image)', run_mode=mode, model=None, device=None,
                         **fields)

    def saved(name, expression='#t'):
        return {name: f'(let ((answer {expression})) (save image "{name}.xcf") answer)'}

    def waiting(name):
        return saved(name, f'(wait-for "{name}.pipe")')

    interactive = call('heatmaps', 'RUN-INTERACTIVE')
    slow = gimp.call('heatmaps', 'image', '(active image)', size=1024, score='yes',
                     model=gimp.inside(gimp.path('shapes')))
    found = {
        'open': '(set! image (open-image "landscape.png")) (show image) #t',
        **saved('opened', '(gimp-image-clean-all image)'),
        **saved('cancelled', f'(failing image (lambda () {interactive}))'),
        **saved('changed', interactive),
        **saved('last', call('heatmaps', 'RUN-WITH-LAST-VALS')),
    }
    for name in ['undone', 'undone-twice', 'redone']:
        found.update(waiting(name))
    found['another'] = '''(set! image (open-image "square.png")) (show image)
                          (gimp-image-clean-all image) #t'''
    found.update(waiting('menu'))
    found.update(saved('clean', '(gimp-image-clean-all image)'))
    found.update(saved('long', f'(failing image (lambda () {slow}))'))
    found['third'] = '(set! image (open-image "landscape.png")) (to-indexed image) (show image) #t'
    found.update(saved('indexed-before'))
    found.update(saved('indexed', call('heatmaps', 'RUN-WITH-LAST-VALS')))
    found.update(waiting('indexed-undone'))
    found['fourth'] = '(set! image (open-image "landscape.png")) (show image) #t'
    found.update(saved('select', call('select', 'RUN-INTERACTIVE')))
    question = gimp.call('heatmaps', 'image', '(active image)', device='cpu', method='relevance',
                         model=gimp.inside(gimp.path('shapes')), target='heart', contrast='star')
    found['fifth'] = '(set! image (open-image "heart-star.png")) (show image) #t'
    found.update(saved('asked', question))
    found.update(saved('question', call('redo', 'RUN-INTERACTIVE')))
    found['end'] = '#t'
    return found


def go_on(name):
    """Lets the script go on that waits for it."""
    deadline = time.monotonic() + 60
    while True:
        try:
            os.close(os.open(gimp.path(f'{name}.pipe'), os.O_WRONLY | os.O_NONBLOCK))
            return
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def wait_for_step(name):
    screen.wait_until((gimp.answers / name).exists, f'The step “{name}” did not end.')


def use_dialogs():
    window = screen.wait_for_window(HEATMAPS)
    screen.wait_until_still(window)
    screen.photograph('heatmaps')
    screen.focus(window)
    screen.press('Escape')
    wait_for_step('cancelled')

    window = screen.wait_for_window(HEATMAPS)
    screen.wait_until_still(window)
    screen.focus(window)
    screen.press('alt+i')  # Opac_ity
    screen.write('35')
    screen.press('Tab')
    screen.wait_until_still(window)
    screen.photograph('changed')
    screen.press('alt+o')
    screen.wait_for_end(HEATMAPS)
    wait_for_step('last')


def undo_and_redo():
    image = screen.wait_for_window(IMAGE)
    screen.focus(image)
    for step, keys in [('undone', ['ctrl+z']), ('undone-twice', ['ctrl+z']),
                       ('redone', ['ctrl+y', 'ctrl+y'])]:
        screen.press(*keys)
        screen.wait_until_still(image)
        go_on(step)
        wait_for_step(step)
    screen.photograph('layers')


def use_menu():
    wait_for_step('another')
    image = screen.wait_for_window(IMAGE)
    screen.wait_until_still(image)
    screen.focus(image)
    screen.press('alt+r', *gimp.keys_to_menu)
    screen.photograph('menu')
    screen.press('Return')
    window = screen.wait_for_window(HEATMAPS)
    screen.wait_until_still(window)
    screen.focus(window)
    screen.press('alt+o')
    screen.wait_for_end(HEATMAPS)
    screen.wait_until_still(image)
    before_long_work.update(windows=screen.windows('.'), photograph=screen.photograph('idle'))
    go_on('menu')
    wait_for_step('clean')


def cancel_long_work():
    """By the Cancel of the window that tells of it, or of the image's status bar."""
    time.sleep(2)
    others = [w for w in screen.windows('.') if w not in before_long_work['windows']]
    screen.photograph('progress')
    if others:
        screen.focus(others[-1])
        screen.press('Escape')
    else:
        screen.click_what_came(before_long_work['photograph'], screen.wait_for_window(IMAGE))
    wait_for_step('long')


def undo_indexed():
    wait_for_step('indexed')
    image = screen.wait_for_window(IMAGE)
    screen.wait_until_still(image)
    screen.focus(image)
    screen.press('ctrl+z')
    screen.wait_until_still(image)
    go_on('indexed-undone')


def use_select_dialog():
    window = screen.wait_for_window(SELECT)
    screen.wait_until_still(window)
    screen.photograph('select')
    screen.focus(window)
    screen.press('alt+a')  # _Amount
    screen.write('25')
    screen.press('Return')
    wait_for_step('select')


def ask_a_question():
    """By Redo, which begins with what was asked; the picture of the README is made here."""
    window = screen.wait_for_window(REDO)
    screen.wait_until_still(window)
    screen.photograph('question', window)
    screen.focus(window)
    screen.press('alt+o')
    wait_for_step('end')


def run_session():
    """All that is to be seen and pressed; what went wrong."""
    for step in ['undone', 'undone-twice', 'redone', 'menu', 'indexed-undone']:
        os.mkfifo(gimp.path(f'{step}.pipe'))
    none = '/nonexistent.json'
    script = gimp.write_script(make_steps())
    process = gimp.start(gimp.program + gimp.batch(script),
                         {'DISPLAY': screen.display, 'VK_ICD_FILENAMES': none,
                          'VK_DRIVER_FILES': none})
    try:
        for part in [use_dialogs, undo_and_redo, use_menu, cancel_long_work, undo_indexed,
                     use_select_dialog, ask_a_question]:
            part()
    except AssertionError as error:
        return [f'{part.__name__}: {error}', gimp.logs()[-3000:]]
    finally:
        gimp.finish(process, 1 if sys.exc_info()[0] else 20)
    return []


if __name__ == '__main__':
    files = {'landscape.png': GOLDEN / 'pictures/landscape.png',
             'square.png': GOLDEN / 'pictures/square.png',
             'heart-star.png': SHAPES / 'pictures/heart-star.png',
             'model': GOLDEN / 'cases/vit/model', 'shapes': SHAPES / 'model'}
    try:
        gimp = {'2': Gimp2, '3': Gimp3}[sys.argv[1]](os.environ, files)
    except Missing as reason:
        print(f'1..0 # SKIP {reason}')
        sys.exit(0)
    screen = Screen(os.environ['VITREOUS_TEST_SCREENSHOTS'], f'gimp{sys.argv[1]}')
    try:
        trouble = run_session()
        main()
    finally:
        screen.close()
        if not os.environ.get('VITREOUS_TEST_KEEP'):
            gimp.close()
