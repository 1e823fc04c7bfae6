# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in as scripts call it: layers, pixels, types of images, selections, what goes wrong.

usage: test-batch.py 2|3
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import pictures
import steps
import xcf
from gimps import Gimp2, Gimp3, Missing
from harness import GOLDEN, main
from reference import Reference

SHAPES = GOLDEN.parent / 'shapes'
PICTURES = ['landscape', 'square', 'small']
BYTE = 1 / 255
MAP_NAME = re.compile(r'layer (\d+)(?:, head (\d+)|, mean of \d+ heads)$')


def short_name(label):
    """“layer 1, head 2” as the plug-in calls it."""
    layer, head = MAP_NAME.match(label).groups()
    return f'L{layer}' if head is None else f'L{layer} H{head}'


def all_maps():
    return reference.explain(GOLDEN / 'pictures/landscape.png', '--layers', 'all', '--heads', 'all')


class Batch(unittest.TestCase):
    def xcf(self, name):
        gimp.result(name)
        return xcf.read(gimp.path(f'{name}.xcf'))

    def group(self, image):
        groups = [l for l in xcf.walk(image.layers) if 'vitreous-settings' in l.parasites]
        self.assertEqual(len(groups), 1, [l.name for l in xcf.walk(image.layers)])
        self.assertTrue(groups[0].is_group)
        return groups[0]

    def assert_close(self, got, expected, tolerance, what=''):
        self.assertEqual(len(got), len(expected), what)
        worst = max(abs(g - e) for g, e in zip(got, expected))
        self.assertLessEqual(worst, tolerance, what)

    def assert_colours(self, layer, picture, tolerance=1e-6):
        """The layer is the picture."""
        self.assertEqual((layer.width, layer.height), (picture.width, picture.height))
        self.assert_close(layer.pixels, pictures.with_alpha(picture).values, tolerance, layer.name)


class Layers(Batch):
    def test_a_layer_for_each_head(self):
        image = self.xcf('heads')
        group = self.group(image)
        self.assertEqual([l.name for l in group.children],
                         [f'L{layer} H{head}' for layer in (1, 0) for head in range(4)])
        self.assertEqual(group.name, 'raw · model')
        self.assertEqual([l.name for l in image.layers][0], group.name)
        self.assertEqual(len(image.layers), 2)
        for layer in group.children:
            self.assertEqual((layer.offsets, layer.width, layer.height), ((0, 0), 113, 74))
            self.assertAlmostEqual(layer.opacity, 0.35, 3)
            self.assertEqual(layer.mode, 'screen')
        self.assertEqual([l.is_visible for l in group.children], [True] + [False] * 7)

    def test_what_is_returned_is_the_group_and_the_layer_stays_chosen(self):
        name, same = gimp.result('heads')
        self.assertEqual((name, same), ('raw · model', True))

    def test_colours_are_those_of_the_command_line(self):
        expected = {label: picture for label, picture in all_maps().maps.items() if 'of' not in label}
        group = self.group(self.xcf('heads'))
        self.assertEqual(sorted(map(short_name, expected)), sorted(l.name for l in group.children))
        by_name = {l.name: l for l in group.children}
        for label, picture in expected.items():
            self.assert_colours(by_name[short_name(label)], picture)

    def test_grey_values_are_those_of_the_command_line(self):
        expected = reference.explain(GOLDEN / 'pictures/landscape.png')
        layer, = self.group(self.xcf('grey-style')).children
        self.assertEqual(layer.name, 'L1')
        for index in range(3):
            self.assert_close(layer.channel(index), expected.map.values, BYTE / 2 + 1 / 65535)
        self.assertEqual(set(layer.channel(3)), {1.0})

    def test_alpha_is_that_of_the_map(self):
        expected = reference.explain(GOLDEN / 'pictures/landscape.png', '--layers', 'all')
        group = self.group(self.xcf('alpha-style'))
        self.assertEqual([l.name for l in group.children], ['L1', 'L0'])
        colours = {short_name(k): v for k, v in expected.maps.items()}
        for layer in group.children:
            for index in range(3):
                self.assert_close(layer.channel(index), colours[layer.name].channel(index), 1e-6)
        last = reference.explain(GOLDEN / 'pictures/landscape.png', '--layers', '1')
        self.assert_close(group.children[0].channel(3), last.map.values, BYTE / 2 + 1 / 65535)

    def test_other_colours(self):
        expected = reference.explain(GOLDEN / 'pictures/landscape.png', '--method', 'rollout',
                                     '--discard-ratio', '0.5', '--colormap', 'viridis')
        layer, = self.group(self.xcf('rollout')).children
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_group_and_layers_say_how_they_were_made(self):
        group = self.group(self.xcf('heads'))
        settings = json.loads(group.parasites['vitreous-settings'])
        for name, value in {'method': 'raw', 'layers': 'all', 'mode': 'screen', 'show': 'heads',
                            'device': 'cpu'}.items():
            self.assertEqual(settings[name], value)
        self.assertEqual(float(settings['opacity']), 35)
        self.assertRegex(settings['version'], r'^\d+\.\d+')
        ranges = {short_name(m['label']): m for m in all_maps().record['maps']}
        for layer in group.children:
            told = json.loads(layer.parasites['vitreous-map'])
            expected = ranges[layer.name]
            self.assertEqual((told['layer'], told['head']), (expected['layer'], expected['head']))
            for end in ('min', 'max'):
                self.assertAlmostEqual(told[end], expected[end], 6)

    def test_layer_that_reaches_beyond_the_canvas(self):
        image = self.xcf('placed')
        self.assertEqual([l.name for l in image.layers][0::2], ['small', 'landscape'])
        group = image.layers[1]
        self.assertEqual(group, self.group(image))
        layer, = group.children
        self.assertEqual(layer.offsets, (-20, 13))
        expected = reference.explain(GOLDEN / 'pictures/landscape.png')
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_layer_in_a_group(self):
        image = self.xcf('nested')
        folder = image.layer('folder')
        self.assertEqual([len(image.layers), len(folder.children)], [2, 2])
        self.assertEqual(folder.children[0], self.group(image))
        self.assertEqual(folder.children[0].children[0].offsets, (7, 9))

    def test_question_about_a_class(self):
        expected = reference_of_shapes.explain(SHAPES / 'pictures/heart-star.png', '--method',
                                               'relevance', '--target', 'heart-star')
        group = self.group(self.xcf('target'))
        for word in ['relevance', 'heart', 'star', 'shapes']:
            self.assertIn(word, group.name)
        self.assert_colours(group.children[0], list(expected.maps.values())[0])

    def test_score_in_the_name(self):
        layer, = self.group(self.xcf('score')).children
        self.assertRegex(layer.name, r'^L1\b.*\d')
        self.assertGreater(len(layer.name), 6)

    def test_only_what_is_selected(self):
        layer, = self.group(self.xcf('selection-only')).children
        # The part of the selection that the layer, at 30,20, has.
        self.assertEqual((layer.offsets, layer.width, layer.height), ((40, 20), 50, 45))
        whole = pictures.read_png(GOLDEN / 'pictures/landscape.png')
        expected = reference.explain(whole.crop(10, 0, 50, 45))
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_query_in_the_middle_of_the_selection(self):
        expected = reference.explain(GOLDEN / 'pictures/landscape.png', '--query', '60,38')
        other = reference.explain(GOLDEN / 'pictures/landscape.png')
        self.assertNotEqual(expected.map.values, other.map.values)
        layer, = self.group(self.xcf('query-middle')).children
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_query_at_a_place_of_the_canvas(self):
        expected = reference.explain(GOLDEN / 'pictures/landscape.png', '--query', '70,50')
        layer, = self.group(self.xcf('query-place')).children
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_query_of_all_that_is_selected(self):
        mean = reference.explain(GOLDEN / 'pictures/landscape.png', '--query', 'mean')
        layer, = self.group(self.xcf('query-selection')).children
        self.assert_colours(layer, list(mean.maps.values())[0], 1.01 * BYTE)


class Types(Batch):
    """Each kind of image: what the drawable holds is what is explained, what is added is seen."""

    def rgba(self, image, layer):
        """Its pixels brought to sRGB, as four channels."""
        linear = image.precision % 100 == 0
        curve = pictures.from_linear if linear else (lambda v: v)
        n = layer.n_channels
        colours = [layer.channel(i) for i in range(n)]
        alpha = colours.pop() if n in (2, 4) else [1.0] * (layer.width * layer.height)
        if image.base_type == xcf.INDEXED:
            table = image.colormap
            colours = [[table[round(v * 255)][i] for v in colours[0]] for i in range(3)]
        elif len(colours) == 1:
            colours *= 3
        colours = [[curve(v) for v in c] for c in colours]
        if 'icc-profile' in image.parasites:
            colours = list(zip(*map(pictures.wide_to_srgb, zip(*colours))))
        return pictures.Picture(layer.width, layer.height, 4,
                                [v for pixel in zip(*colours, alpha) for v in pixel])

    def check(self, name, tolerance, base_type=xcf.RGB):
        before, after = xcf.read(gimp.path(f'{name}-before.xcf')), self.xcf(name)
        source, = before.layers
        expected = reference.explain(self.rgba(before, source))
        layer, = self.group(after).children
        self.assertEqual((after.base_type, after.precision), (base_type, before.precision))
        shown = self.rgba(after, layer)
        wanted = pictures.with_alpha(list(expected.maps.values())[0])
        self.assert_colours_seen(shown, wanted, tolerance, name)

    def assert_colours_seen(self, shown, wanted, tolerance, name):
        self.assertEqual((shown.width, shown.height), (wanted.width, wanted.height))
        self.assert_close(shown.channel(3), wanted.channel(3), BYTE / 2, name)
        for index in range(3):
            self.assert_close(shown.channel(index), wanted.channel(index), tolerance, name)

    def test_kinds_of_8_bits(self):
        for name in steps.KINDS:
            with self.subTest(name):
                self.check(name, 1e-6)

    def test_precisions(self):
        for precision in gimp.precisions:
            with self.subTest(precision):
                # 8 linear bits are few for dark colours: up to 13 steps of 255 from 0 to 1.
                tolerance = 7 * BYTE if precision == 100 else 1.6 * BYTE
                self.check(f'precision-{precision}', tolerance)

    def test_precisions_in_grey(self):
        """The grey style stays grey, with more than 8 bits where there are more."""
        for precision in gimp.grey_precisions:
            with self.subTest(precision):
                name = f'grey-{precision}'
                before, after = xcf.read(gimp.path(f'{name}-before.xcf')), self.xcf(name)
                expected = reference.explain(self.rgba(before, before.layers[0])).map
                layer, = self.group(after).children
                self.assertEqual((after.base_type, layer.n_channels), (xcf.GREY, 2))
                tolerance = {100: 7 * BYTE, 150: BYTE / 2 + 1 / 65535}.get(precision, 1.5 / 2048)
                self.assert_close(self.rgba(after, layer).channel(0), expected.values, tolerance)

    def test_profile_that_is_not_srgb(self):
        self.check('profile', 5 * BYTE)
        # The same numbers without the profile would be other colours.
        before = xcf.read(gimp.path('profile-before.xcf'))
        self.assertIn('icc-profile', before.parasites)
        raw = pictures.read_png(GOLDEN / 'pictures/landscape.png')
        seen = self.rgba(before, before.layers[0])
        self.assertGreater(max(abs(a - b) for a, b in zip(raw.channel(0), seen.channel(0))), 0.05)

    def test_layer_under_it_is_left_alone(self):
        for name in ['rgb', 'rgb-alpha', 'precision-600']:
            before, after = xcf.read(gimp.path(f'{name}-before.xcf')), self.xcf(name)
            self.assertEqual(before.layers[0].essence()[:5], after.layers[-1].essence()[:5])
            self.assertEqual(before.layers[0].pixels, after.layers[-1].pixels)


class Selections(Batch):
    WIDTH, HEIGHT, X, Y = 140, 100, 30, 20  # of the canvas; where the landscape lies

    def shares(self):
        """The map from 0 to 1, and its values, on the canvas; None where the layer is not."""
        explanation = reference.explain(GOLDEN / 'pictures/landscape.png')
        low, high = explanation.range
        shares = [None] * (self.WIDTH * self.HEIGHT)
        for y in range(explanation.map.height):
            for x in range(explanation.map.width):
                place = (x + self.X, y + self.Y)
                if place[0] < self.WIDTH and place[1] < self.HEIGHT:
                    shares[place[1] * self.WIDTH + place[0]] = \
                        explanation.map.values[y * explanation.map.width + x]
        return shares, low, high

    def assert_mask(self, mask):
        self.assertEqual((mask.width, mask.height), (self.WIDTH, self.HEIGHT))
        self.assertEqual(set(mask.pixels), {0.0, 1.0})

    def check_mass(self, name, amount):
        """The fewest pixels that hold that much; the map is known in steps of 1/65535."""
        mask = self.xcf(name).selection
        self.assert_mask(mask)
        explanation = reference.explain(GOLDEN / 'pictures/landscape.png')
        low, high = explanation.range
        shares, _, _ = self.shares()
        kept = [s for s, m in zip(shares, mask.pixels) if m and s is not None]
        dropped = [s for s, m in zip(shares, mask.pixels) if not m and s is not None]
        self.assertEqual(sum(mask.pixels), len(kept), 'something beside the layer is selected')
        self.assertGreaterEqual(min(kept), max(dropped) - 2 / 65535)
        # Of all the layer, part of which lies beyond the canvas.
        threshold = min(kept)
        values = [low + s * (high - low) for s in explanation.map.values]
        held = sum(v for v, s in zip(values, explanation.map.values) if s >= threshold - 1 / 65535)
        fewer = sum(v for v, s in zip(values, explanation.map.values) if s > threshold + 2 / 65535)
        self.assertGreaterEqual(held, amount * sum(values) * (1 - 1e-6))
        self.assertLess(fewer, amount * sum(values))

    def test_mass(self):
        self.check_mass('mass-40', 0.4)
        self.check_mass('mass-90', 0.9)

    def test_value(self):
        mask = self.xcf('value-30').selection
        self.assert_mask(mask)
        shares, _, _ = self.shares()
        for share, selected in zip(shares, mask.pixels):
            if share is None:
                self.assertEqual(selected, 0)
            elif abs(share - 0.3) > 2 / 65535:
                self.assertEqual(selected, share > 0.3)

    def combined(self, operation, old, new):
        return {'replace': lambda a, b: b, 'add': max, 'subtract': lambda a, b: min(a, 1 - b),
                'intersect': min}[operation](old, new)

    def check_operations(self, result, get, whole):
        new = get(self.xcf(f'{result}-replace'))
        self.assertEqual(set(new), {0.0, 1.0})
        for operation in ['replace', 'add', 'subtract', 'intersect']:
            with self.subTest(operation):
                before = xcf.read(gimp.path(f'{result}-{operation}-before.xcf'))
                old = get(before) if get(before) else [whole] * len(new)
                got = get(self.xcf(f'{result}-{operation}'))
                self.assertEqual(got, [self.combined(operation, o, n) for o, n in zip(old, new)])
                if operation != 'replace':
                    self.assertNotEqual(got, new)

    def test_selection(self):
        self.check_operations('selection', lambda i: i.selection and i.selection.pixels, 0.0)
        image = self.xcf('selection-add')
        self.assertEqual((image.channels, len(image.layers)), ([], 2))

    def test_channel(self):
        def pixels(image):
            return image.channels[0].pixels if image.channels else None
        self.check_operations('channel', pixels, 0.0)
        channel, = self.xcf('channel-replace').channels
        self.assert_mask(channel)
        self.assertEqual(len(self.xcf('channel-add').channels), 1)
        before = xcf.read(gimp.path('channel-add-before.xcf'))
        self.assertIsNone(before.selection)
        # The same pixels as the selection has.
        self.assertEqual(channel.pixels, self.xcf('selection-replace').selection.pixels)

    def test_layer_mask(self):
        def pixels(image):
            mask = image.layer('landscape').mask
            return mask and mask.pixels
        self.check_operations('layer-mask', pixels, 1.0)
        mask = self.xcf('layer-mask-replace').layer('landscape').mask
        canvas = self.xcf('selection-replace').selection
        for y in range(0, mask.height, 7):
            for x in range(0, min(mask.width, self.WIDTH - self.X), 5):
                self.assertEqual(mask.at(x, y), canvas.at(x + self.X, y + self.Y))


class Again(Batch):
    def test_redo_from_the_group(self):
        first, again = self.groups('redo-group')
        self.assert_same_maps(first, again)

    def test_redo_from_the_layer_below(self):
        first, again = self.groups('redo-layer')
        self.assert_same_maps(first, again)

    def groups(self, name):
        image = self.xcf(name)
        groups = [l for l in image.layers if 'vitreous-settings' in l.parasites]
        self.assertEqual(len(groups), 2, [l.name for l in image.layers])
        self.assertTrue(groups[0].name.startswith('rollout'))
        return groups[1], groups[0]

    def assert_same_maps(self, first, again):
        self.assertEqual(json.loads(first.parasites['vitreous-settings']),
                         json.loads(again.parasites['vitreous-settings']))
        layer, = first.children
        other, = again.children
        self.assertEqual(layer.pixels, other.pixels)
        self.assertEqual((layer.opacity, layer.mode), (other.opacity, other.mode))

    def test_with_last_values_and_none_before(self):
        """The defaults, and the model that the environment names."""
        layer, = self.group(self.xcf('last-values')).children
        expected = reference.explain(GOLDEN / 'pictures/landscape.png')
        self.assert_colours(layer, list(expected.maps.values())[0])

    def test_menu(self):
        for name in ['heatmaps', 'select', 'redo']:
            with self.subTest(name):
                known = re.search(rf'"plug-in-vitreous-{name}".*?\(menu-path "([^"]*)"',
                                  (gimp.profile / 'pluginrc').read_text(errors='replace'), re.DOTALL)
                self.assertEqual(known[1], '<Image>/Filters/Attention')

    def test_ora_of_the_command_line(self):
        """GIMP 3 opens it with its groups; 2.10 of Debian has no OpenRaster."""
        if gimp.version != '3.0':
            return
        ora = all_maps().ora
        self.assertEqual(self.tree(self.xcf('ora').layers), self.tree_of_ora(ora.tree))
        image = self.xcf('ora')
        for name, picture in pictures.leaves(ora.tree):
            layer = image.layer(name)
            self.assertEqual(layer.n_channels, picture.n_channels)
            self.assert_close(layer.pixels, picture.values, 1e-6, name)

    def tree(self, layers):
        return [(l.name, self.tree(l.children)) for l in layers]

    def tree_of_ora(self, nodes):
        return [(n, self.tree_of_ora(c) if isinstance(c, list) else []) for n, c in nodes]


class Failures(Batch):
    def assert_untouched(self, name):
        (worked, message), changed = gimp.result(name)
        self.assertFalse(worked, f'{name} did not fail')
        self.assertFalse(changed, f'{name} changed the image, as GIMP sees it')
        before, after = (xcf.read(gimp.path(f'{name}{end}.xcf')) for end in ('-before', ''))
        self.assertEqual(before.essence(), after.essence())
        return ' '.join(message)

    def test_one_sentence_and_the_image_as_it_was(self):
        for name, words in steps.failures(gimp).items():
            with self.subTest(name):
                message = self.assert_untouched(f'failure-{name}')
                for word in words:
                    self.assertIn(word, message)
                self.assertNotIn('\n', message.strip())
                self.assertRegex(message.strip(), r'[^.]\.(\s*\(.*\))?$')

    def test_plug_in_that_is_killed(self):
        self.assertTrue(killer.done.is_set(), 'the plug-in was not found at work')
        self.assert_untouched('killed')

    def test_driver_that_crashes(self):
        self.assert_untouched('driver')
        self.assertIn('Plug-in crashed', gimp.logs())

    def test_script_goes_on_after_it(self):
        layer, = self.group(self.xcf('after-driver')).children
        expected = reference.explain(GOLDEN / 'pictures/landscape.png')
        self.assert_colours(layer, list(expected.maps.values())[0])


    def test_nothing_is_complained_of(self):
        """By GLib, GTK or libgimp, to the console."""
        lines = [line for line in gimp.logs().splitlines() if '(vitreous:' in line]
        # GIMP ends a plug-in's pipe before the plug-in has ended, with its own plug-ins, too.
        self.assertEqual([line for line in lines if 'Broken pipe' not in line], [])


class Killer(threading.Thread):
    """Kills the plug-in in the midst of its work, as Cancel does."""

    def __init__(self, marker):
        super().__init__(daemon=True)
        self.marker, self.done = marker, threading.Event()

    def run(self):
        while not self.marker.exists():
            time.sleep(0.05)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for pid in find_plug_ins():
                time.sleep(0.7)
                os.kill(pid, signal.SIGKILL)
                self.done.set()
                return
            time.sleep(0.05)


def find_plug_ins():
    """Processes of our plug-in that GIMP has started to run a procedure."""
    own = gimp.inside(gimp.folder).encode()
    for folder in os.listdir('/proc'):
        try:
            with open(f'/proc/{folder}/cmdline', 'rb') as file:
                words = file.read().split(b'\0')
        except OSError:
            continue
        if words[0].startswith(own) and words[0].endswith(b'/vitreous') and b'-run' in words:
            yield int(folder)


# ---------------------------------------------------------------- the sessions

def make_files(folder):
    """What scripts use besides the folders of the tests."""
    square = pictures.read_png(GOLDEN / 'pictures/square.png')
    alpha = [min(1.0, (i % square.width) / square.width * 1.5) for i in
             range(square.width * square.height)]
    clear = [v for rgb, a in zip(zip(*[square.channel(i) for i in range(3)]), alpha)
             for v in (*rgb, a)]
    pictures.write_png(folder / 'clear.png', pictures.Picture(square.width, square.height, 4, clear))
    (folder / 'wide.icc').write_bytes(pictures.wide_profile())


def run_sessions():
    """Everything that GIMP is to do, before the first test; tests only look."""
    icd = {'file_format_version': '1.0.0',
           'ICD': {'library_path': gimp.inside(gimp.path('driver.so')), 'api_version': '1.3.0'}}
    gimp.path('driver.json').write_text(json.dumps(icd))
    gimp.run(steps.make(gimp), env=drivers('/nonexistent.json'))
    killer.start()
    gimp.run(steps.make_disasters(gimp), env=drivers(gimp.inside(gimp.path('driver.json'))))


def drivers(path):
    return {'VK_ICD_FILENAMES': path, 'VK_DRIVER_FILES': path}


if __name__ == '__main__':
    files = {f'{n}.png': GOLDEN / f'pictures/{n}.png' for n in PICTURES}
    files.update({'model': GOLDEN / 'cases/vit/model', 'shapes': SHAPES / 'model',
                  'heart-star.png': SHAPES / 'pictures/heart-star.png',
                  'driver.so': os.environ['VITREOUS_TEST_CRASHING_DRIVER']})
    try:
        gimp = {'2': Gimp2, '3': Gimp3}[sys.argv[1]](os.environ, files)
    except Missing as reason:
        print(f'1..0 # SKIP {reason}')
        sys.exit(0)
    reference = Reference(GOLDEN / 'cases/vit/model')
    reference_of_shapes = Reference(SHAPES / 'model')
    killer = Killer(gimp.path('answers') / 'about-to-be-killed')
    try:
        make_files(gimp.folder)
        shutil.copyfile(all_maps().ora_path, gimp.path('maps.ora'))
        run_sessions()
        main()
    finally:
        if not os.environ.get('VITREOUS_TEST_KEEP'):
            gimp.close()
            reference.close()
            reference_of_shapes.close()
