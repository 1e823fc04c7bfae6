#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes all SPIR-V modules as C: the header with the VtrShader enum, the source with the words.

Taking the whole shader table at once means that no shader can be half-added.
"""
import argparse
import pathlib
import struct
import sys

HEADER = """\
/* Made by shaders/embed.py from the table in shaders/meson.build. */
#pragma once

#include <glib.h>

typedef enum
{{
{enumerators}
  VTR_N_SHADERS
}} VtrShader;

typedef struct
{{
  const char *name;    /* "matmul-tiles" */
  const guint32 *code; /* SPIR-V */
  gsize size;          /* bytes */
}} VtrShaderModule;

extern const VtrShaderModule vtr_shaders[VTR_N_SHADERS];
"""

SOURCE = """\
/* Made by shaders/embed.py from the table in shaders/meson.build. */
#include "{header}"

{arrays}
const VtrShaderModule vtr_shaders[VTR_N_SHADERS] = {{
{rows}
}};
"""

SPIRV_MAGIC = 0x07230203


def read_words(path):
    """The 32-bit words of a SPIR-V file, in the byte order of this machine."""
    data = path.read_bytes()
    if len(data) < 20 or len(data) % 4 != 0:
        sys.exit(f'{path}: not SPIR-V')
    words = struct.unpack(f'={len(data) // 4}I', data)
    if words[0] != SPIRV_MAGIC:
        sys.exit(f'{path}: not SPIR-V')
    return words


def c_array(identifier, words):
    lines = [' '.join(f'0x{word:08x},' for word in words[i:i + 8]) for i in range(0, len(words), 8)]
    body = '\n  '.join(lines)
    return f'static const guint32 {identifier}[] = {{\n  {body}\n}};\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('header', type=pathlib.Path)
    parser.add_argument('source', type=pathlib.Path)
    parser.add_argument('modules', type=pathlib.Path, nargs='+', help='NAME.spv')
    args = parser.parse_args()

    enumerators, arrays, rows = [], [], []
    for path in args.modules:
        name = path.stem
        identifier = name.replace('-', '_')
        enumerator = f'VTR_SHADER_{identifier.upper()}'
        enumerators.append(f'  {enumerator},')
        arrays.append(c_array(identifier, read_words(path)))
        rows.append(f'  [{enumerator}] = {{ "{name}", {identifier}, sizeof {identifier} }},')

    args.header.write_text(HEADER.format(enumerators='\n'.join(enumerators)))
    args.source.write_text(SOURCE.format(header=args.header.name, arrays='\n'.join(arrays),
                                         rows='\n'.join(rows)))


if __name__ == '__main__':
    main()
