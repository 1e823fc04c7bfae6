# SPDX-License-Identifier: LGPL-3.0-or-later
"""PNG files and colours, with nothing but Python's own library."""

import dataclasses
import struct
import zipfile
import zlib
import xml.etree.ElementTree

N_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclasses.dataclass
class Picture:
    width: int
    height: int
    n_channels: int
    values: list  # [height * width * n_channels], 0..1

    def channel(self, index):
        return self.values[index::self.n_channels]

    def crop(self, x, y, width, height):
        values = []
        for row in range(y, y + height):
            start = (row * self.width + x) * self.n_channels
            values += self.values[start:start + width * self.n_channels]
        return Picture(width, height, self.n_channels, values)


def with_alpha(picture):
    """One that hides nothing as one that could."""
    if picture.n_channels == 4:
        return picture
    colours = [picture.channel(i) for i in range(3)] + [[1.0] * (picture.width * picture.height)]
    return Picture(picture.width, picture.height, 4, [v for pixel in zip(*colours) for v in pixel])


def parse_png(data):
    assert data[:8] == b'\x89PNG\r\n\x1a\n', 'no PNG'
    place, packed = 8, b''
    while place < len(data):
        size, kind = struct.unpack_from('>I4s', data, place)
        body = data[place + 8:place + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour, _, _, interlaced = struct.unpack('>IIBBBBB', body)
            assert depth in (8, 16) and colour != 3 and not interlaced
        elif kind == b'IDAT':
            packed += body
        place += size + 12
    n = N_CHANNELS[colour]
    rows = unfilter(zlib.decompress(packed), height, width * n * depth // 8, n * depth // 8)
    numbers = rows if depth == 8 else struct.unpack(f'>{len(rows) // 2}H', rows)
    return Picture(width, height, n, [v / (2 ** depth - 1) for v in numbers])


def unfilter(data, height, stride, step):
    out, above = bytearray(), bytearray(stride)
    for y in range(height):
        kind = data[y * (stride + 1)]
        row = bytearray(data[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left = row[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            row[x] = (row[x] + predict(kind, left, above[x], corner)) & 255
        out += row
        above = row
    return bytes(out)


def predict(kind, left, up, corner):
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    guess = left + up - corner
    return min((left, up, corner), key=lambda v: abs(guess - v))


def read_png(path):
    with open(path, 'rb') as file:
        return parse_png(file.read())


def write_png(path, picture):
    """With 8 bits a channel."""
    colour = {v: k for k, v in N_CHANNELS.items() if k != 3}[picture.n_channels]
    stride = picture.width * picture.n_channels
    data = bytes(to_byte(v) for v in picture.values)
    rows = b''.join(b'\0' + data[y * stride:(y + 1) * stride] for y in range(picture.height))
    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n')
        head = struct.pack('>IIBBBBB', picture.width, picture.height, 8, colour, 0, 0, 0)
        for kind, body in [(b'IHDR', head), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')]:
            file.write(struct.pack('>I', len(body)) + kind + body +
                       struct.pack('>I', zlib.crc32(kind + body)))


def to_byte(value):
    return min(255, max(0, int(value * 255 + 0.5)))


class Ora:
    """An OpenRaster file: its tree as (name, children or Picture), from the top."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        stack = xml.etree.ElementTree.fromstring(self.zip.read('stack.xml')).find('stack')
        self.tree = [self.node(n) for n in stack]

    def node(self, element):
        if element.tag == 'stack':
            return element.get('name'), [self.node(n) for n in element]
        return element.get('name'), parse_png(self.zip.read(element.get('src')))

    def maps(self):
        """The maps as Pictures by name."""
        return dict(leaf for leaf in leaves(self.tree) if leaf[0] != 'photo')


def leaves(tree):
    for name, content in tree:
        if isinstance(content, list):
            yield from leaves(content)
        else:
            yield name, content


# ---------------------------------------------------------------- colours

def to_linear(v):
    """From sRGB's curve."""
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def from_linear(v):
    return v * 12.92 if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055


# Of Adobe RGB (1998) and of sRGB, both adapted to D50: RGB to XYZ.
WIDE = [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
SRGB = [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
WIDE_GAMMA = 563 / 256


def multiply(matrix, vector):
    return [sum(m * v for m, v in zip(row, vector)) for row in matrix]


def invert(m):
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return [[(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
            [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
            [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det]]


def wide_to_srgb(rgb):
    """Of the profile below, with its curve, to sRGB with its."""
    xyz = multiply(WIDE, [max(0.0, v) ** WIDE_GAMMA for v in rgb])
    return [from_linear(min(1.0, max(0.0, v))) for v in multiply(invert(SRGB), xyz)]


def wide_profile():
    """An ICC profile with the primaries of Adobe RGB (1998), version 2.1."""
    def fixed(v):
        return struct.pack('>i', round(v * 65536))

    def xyz(values):
        return b'XYZ ' + bytes(4) + b''.join(fixed(v) for v in values)

    title = b'Vitreous test, wide'
    tags = {
        b'desc': b'desc' + bytes(4) + struct.pack('>I', len(title) + 1) + title + bytes(1 + 78),
        b'cprt': b'text' + bytes(4) + b'none\0',
        b'wtpt': xyz([0.95045, 1.0, 1.08905]),
        b'rXYZ': xyz([row[0] for row in WIDE]),
        b'gXYZ': xyz([row[1] for row in WIDE]),
        b'bXYZ': xyz([row[2] for row in WIDE]),
    }
    for name in (b'rTRC', b'gTRC', b'bTRC'):
        tags[name] = b'curv' + bytes(4) + struct.pack('>IH', 1, round(WIDE_GAMMA * 256))
    table, bodies, place = b'', b'', 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += struct.pack('>4sII', name, place + len(bodies), len(body))
        bodies += body
    head = struct.pack('>I4sI4s4s4s', place + len(bodies), bytes(4), 0x02100000, b'mntr', b'RGB ',
                       b'XYZ ') + struct.pack('>6H', 2020, 1, 1, 0, 0, 0) + b'acsp'
    head += bytes(68 - len(head)) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return head + bytes(128 - len(head)) + struct.pack('>I', len(tags)) + table + bodies
