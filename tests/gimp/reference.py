# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the command line makes of the same pictures: the plug-in's layers are to show the same."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pictures

PROGRAM = os.environ['VITREOUS']


class Reference:
    """Explanations of pictures, each made once."""

    def __init__(self, model):
        self.model = model
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='vitreous-reference-'))
        self.known = {}

    def close(self):
        shutil.rmtree(self.folder)

    def explain(self, picture, *options):
        """picture: a path, or a Picture of 8 bits a channel."""
        place = self.folder / str(len(self.known))
        if isinstance(picture, pictures.Picture):
            key = (tuple(picture.values), picture.width) + options
            path = place.with_suffix('.png')
        else:
            key, path = (str(picture),) + options, picture
        if key not in self.known:
            if isinstance(picture, pictures.Picture):
                pictures.write_png(path, picture)
            subprocess.run([PROGRAM, 'explain', '-q', '-m', self.model, '--device', 'cpu',
                            '--write', 'overlay,map,layers,json', '-o', place, *options, path],
                           check=True, timeout=300)
            self.known[key] = Explanation(place / pathlib.Path(path).stem)
        return self.known[key]


class Explanation:
    def __init__(self, stem):
        self.record = json.loads(stem.with_suffix('.json').read_text())
        # The summary from its least value, 0, to its greatest, 1.
        self.map = pictures.read_png(stem.with_suffix('.map.png'))
        self.ora_path = stem.with_suffix('.ora')
        self.ora = pictures.Ora(self.ora_path)
        self.maps = self.ora.maps()

    @property
    def range(self):
        """Of the summary."""
        return self.record['summary']['min'], self.record['summary']['max']
