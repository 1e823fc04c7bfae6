# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reads GIMP's XCF: what an image has, by the file, not by the program that is tested."""

import array
import dataclasses
import struct
import sys
import zlib

RGB, GREY, INDEXED = 0, 1, 2
GROUP_MODES = {28: 'normal', 31: 'screen', 30: 'multiply', 23: 'overlay', 45: 'soft-light',
               44: 'hard-light', 33: 'addition', 36: 'lighten', 35: 'darken'}
# Of a channel of a pixel, by what the precision's hundreds say.
TYPES = {100: 'B', 200: 'H', 300: 'I', 500: 'half', 600: 'f', 700: 'd'}
TILE = 64

(END, COLORMAP, SELECTION, OPACITY, MODE, VISIBLE, APPLY_MASK, OFFSETS, COMPRESSION, TATTOO,
 PARASITES, GROUP, ITEM_PATH, FLOAT_OPACITY) = (0, 1, 4, 6, 7, 8, 11, 15, 17, 20, 21, 29, 30, 33)
ACTIVE_LAYER, LINEAR_MODES = 2, 50


@dataclasses.dataclass
class Item:
    """A layer, channel or mask."""
    name: str
    width: int
    height: int
    n_channels: int
    properties: dict
    parasites: dict
    mask: 'Item' = None
    children: list = dataclasses.field(default_factory=list)
    pixels: list = None  # [height * width * n_channels], 0..1 unless indexed

    @property
    def is_group(self):
        return GROUP in self.properties

    @property
    def is_active(self):
        return ACTIVE_LAYER in self.properties

    @property
    def offsets(self):
        return struct.unpack('>ii', self.properties[OFFSETS])

    @property
    def opacity(self):
        """0..1"""
        return struct.unpack('>f', self.properties[FLOAT_OPACITY])[0]

    @property
    def mode(self):
        number = struct.unpack('>I', self.properties[MODE])[0]
        return GROUP_MODES.get(number, number)

    @property
    def is_visible(self):
        return struct.unpack('>I', self.properties[VISIBLE])[0] != 0

    def at(self, x, y):
        start = (y * self.width + x) * self.n_channels
        return tuple(self.pixels[start:start + self.n_channels])

    def channel(self, index):
        return self.pixels[index::self.n_channels]

    def essence(self):
        """All that can be seen of it, to compare."""
        return (self.name, self.width, self.height, self.n_channels, self.parasites,
                self.properties.get(OFFSETS), self.properties.get(FLOAT_OPACITY),
                self.properties.get(MODE), self.properties.get(VISIBLE), list(self.pixels or []),
                self.mask and self.mask.essence(), [c.essence() for c in self.children])


@dataclasses.dataclass
class Image:
    width: int
    height: int
    base_type: int
    precision: int
    parasites: dict
    colormap: list  # [(red, green, blue)], 0..1; empty unless indexed
    layers: list
    channels: list
    selection: Item = None

    def essence(self):
        return (self.width, self.height, self.base_type, self.precision,
                [l.essence() for l in self.layers], [c.essence() for c in self.channels],
                self.selection and list(self.selection.pixels))

    def layer(self, name):
        """The one of that name, in whatever group."""
        found = [l for l in walk(self.layers) if l.name == name]
        assert len(found) == 1, f'{len(found)} layers “{name}” of {[l.name for l in self.layers]}'
        return found[0]


def walk(layers):
    for layer in layers:
        yield layer
        yield from walk(layer.children)


class Reader:
    def __init__(self, path):
        with open(path, 'rb') as file:
            self.data = file.read()
        assert self.data[:9] == b'gimp xcf ', f'{path} is no XCF'
        version = self.data[9:13]
        self.version = 0 if version == b'file' else int(version[1:])
        self.place = 14

    def words(self, n):
        values = struct.unpack_from(f'>{n}I', self.data, self.place)
        self.place += 4 * n
        return values

    def word(self):
        return self.words(1)[0]

    def pointer(self):
        size, code = (8, '>Q') if self.version >= 11 else (4, '>I')
        value = struct.unpack_from(code, self.data, self.place)[0]
        self.place += size
        return value

    def pointers(self):
        found = []
        while pointer := self.pointer():
            found.append(pointer)
        return found

    def text(self):
        size = self.word()
        self.place += size
        return self.data[self.place - size:self.place - 1].decode() if size else ''

    def properties(self):
        found = {}
        while True:
            kind, size = self.words(2)
            if kind == END:
                return found
            if kind == COLORMAP:  # of old files the size is wrong
                size = 4 + 3 * struct.unpack_from('>I', self.data, self.place)[0]
            found[kind] = self.data[self.place:self.place + size]
            self.place += size

    def image(self):
        width, height, base_type = self.words(3)
        self.precision = self.word() if self.version >= 4 else 150
        properties = self.properties()
        self.compression = properties[COMPRESSION][0]
        layers, channels = self.pointers(), self.pointers()
        image = Image(width, height, base_type, self.precision, parasites(properties),
                      colormap(properties), [], [])
        for pointer in layers:
            self.place = pointer
            self.put_layer(image, self.layer())
        for pointer in channels:
            self.place = pointer
            channel = self.channel()
            if SELECTION in channel.properties:
                image.selection = channel
            else:
                image.channels.append(channel)
        return image

    def put_layer(self, image, layer):
        path = layer.properties.get(ITEM_PATH, b'')
        place = image.layers
        for index in struct.unpack(f'>{len(path) // 4}I', path)[:-1]:
            place = place[index].children
        place.append(layer)

    def layer(self):
        width, height, _ = self.words(3)
        name = self.text()
        properties = self.properties()
        hierarchy, mask = self.pointer(), self.pointer()
        item = self.pixels(Item(name, width, height, 0, properties, parasites(properties)),
                           hierarchy)
        if mask:
            self.place = mask
            item.mask = self.channel()
        return item

    def channel(self):
        width, height = self.words(2)
        name = self.text()
        properties = self.properties()
        return self.pixels(Item(name, width, height, 0, properties, parasites(properties)),
                           self.pointer())

    def pixels(self, item, hierarchy):
        self.place = hierarchy
        _, _, bpp = self.words(3)
        self.place = self.pointer()
        self.words(2)
        kind = TYPES[self.precision // 100 * 100]
        size = {'B': 1, 'H': 2, 'half': 2, 'I': 4, 'f': 4, 'd': 8}[kind]
        item.n_channels = bpp // size
        tiles = self.pointers()
        rows = [bytearray(item.width * bpp) for _ in range(item.height)]
        across = -(-item.width // TILE)
        for index, start in enumerate(tiles):
            x, y = index % across * TILE, index // across * TILE
            w, h = min(TILE, item.width - x), min(TILE, item.height - y)
            tile = self.tile(start, w * h, bpp)
            for row in range(h):
                rows[y + row][x * bpp:(x + w) * bpp] = tile[row * w * bpp:(row + 1) * w * bpp]
        item.pixels = to_numbers(b''.join(rows), kind) if tiles else []
        return item

    def tile(self, start, n_pixels, bpp):
        if self.compression == 0:
            return self.data[start:start + n_pixels * bpp]
        if self.compression == 2:
            return zlib.decompressobj().decompress(self.data[start:])
        planes, place = bytearray(n_pixels * bpp), start
        for plane in range(bpp):
            run, place = unpack_runs(self.data, place, n_pixels)
            planes[plane::bpp] = run
        return planes


def unpack_runs(data, place, n):
    """One plane of a tile; where the next begins."""
    out = bytearray()
    while len(out) < n:
        code = data[place]
        place += 1
        if code in (127, 128):
            length = data[place] << 8 | data[place + 1]
            place += 2
        else:
            length = code + 1 if code < 127 else 256 - code
        if code <= 127:
            out += data[place:place + 1] * length
            place += 1
        else:
            out += data[place:place + length]
            place += length
    return out, place


def to_numbers(data, kind):
    """Big-endian channels as numbers, integers as shares of the greatest."""
    if kind == 'half':
        return list(struct.unpack(f'>{len(data) // 2}e', data))
    numbers = array.array(kind, bytes(data))
    if sys.byteorder == 'little' and numbers.itemsize > 1:
        numbers.byteswap()
    if kind in 'fd':
        return list(numbers)
    return [n / (256 ** numbers.itemsize - 1) for n in numbers]


def parasites(properties):
    """{name: bytes}"""
    data, place, found = properties.get(PARASITES, b''), 0, {}
    while place < len(data):
        size = struct.unpack_from('>I', data, place)[0]
        name = data[place + 4:place + 3 + size].decode()
        place += 4 + size
        _, size = struct.unpack_from('>II', data, place)
        found[name] = data[place + 8:place + 8 + size]
        place += 8 + size
    return found


def colormap(properties):
    numbers = [byte / 255 for byte in properties.get(COLORMAP, bytes(4))[4:]]
    return list(zip(numbers[0::3], numbers[1::3], numbers[2::3]))


def read(path):
    return Reader(path).image()
