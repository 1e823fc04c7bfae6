#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compares every SPIR-V module with what the C side says of it.

  bindings        0, 1, ... as many as the kernel binds tensors, all storage buffers of set 0
  push constants  names, types and offsets of the kernel's params struct in kernels.h
  constants       ids 0, 1, ... as many as its launches set

The C side is asked by tests/shaders/list-launches.c; structs are read from the header itself.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

# GLSL type → C type, numbers of it.
TYPES = {'uint': ('guint32', 1), 'float': ('float', 1), 'uvec2': ('guint32', 2)}
SIZE = 4  # bytes of every scalar in params


def read_structs(header):
    """name → [(member, C type, count, offset)] of the structs in kernels.h, and their sizes."""
    structs = {}
    for body, name in re.findall(r'typedef struct\s*\{([^}]*)\}\s*(\w+Params);', header):
        members, offset = [], 0
        body = re.sub(r'/\*.*?\*/', '', body, flags=re.DOTALL)
        for ctype, member, count in re.findall(r'(\w+) (\w+)(?:\[(\d+)\])?;', body):
            count = int(count or 1)
            members.append((member, ctype, count, offset))
            offset += count * SIZE
        structs[name] = (members, offset)
    return structs


def read_params_names(source):
    """Kernel name → name of its params struct, from the kernel table."""
    rows = re.findall(r'\{\s*"([\w-]+)",[^}]*sizeof \((\w+)\)', source)
    return dict(rows)


def list_launches(program):
    """Shader → (kernel, tensors, bytes of params, constants); all its launches must agree."""
    launches = {}
    for line in subprocess.run([program], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        shader, kernel, *numbers = line.split()
        row = (kernel, *map(int, numbers))
        if launches.setdefault(shader, row) != row:
            sys.exit(f'{shader}: launches disagree, {launches[shader]} and {row}')
    return launches


def reflect(spirv_cross, module):
    # Debian 12's spirv-cross cannot read cooperative matrices.  The twin without is of the same
    # source, compiled with one macro more: it has the same interface.
    module = module.with_name(module.name.replace('-cooperative-', '-emulated-'))
    text = subprocess.run([spirv_cross, module, '--reflect'], check=True, capture_output=True,
                          text=True).stdout
    return json.loads(text)


def reflected_members(module):
    """The push-constant block, in the form of read_structs()."""
    blocks = module.get('push_constants', [])
    if len(blocks) != 1:
        return []
    members = []
    for member in module['types'][blocks[0]['type']]['members']:
        ctype, count = TYPES.get(member['type'], (member['type'], 1))
        for length in member.get('array', []):
            count *= length
        members.append((member['name'], ctype, count, member['offset']))
    return members


def check(module, launch, structs, params_names):
    """Sentences about what differs."""
    kernel, n_tensors, params_size, n_constants = launch
    members, size = structs[params_names[kernel]]

    if size != params_size:
        yield f'{params_names[kernel]} was read as {size} bytes, it has {params_size}'
    if reflected_members(module) != members:
        yield f'push constants {reflected_members(module)}, {params_names[kernel]} has {members}'

    # Two views of one buffer share a binding.
    buffers = module.get('ssbos', [])
    bindings = sorted({buffer['binding'] for buffer in buffers})
    if bindings != list(range(n_tensors)) or any(buffer['set'] != 0 for buffer in buffers):
        yield f'bindings {bindings}, the kernel has {n_tensors} tensors'
    others = {'ubos', 'textures', 'images', 'separate_images', 'separate_samplers'} & set(module)
    if others:
        yield f'other resources: {others}'

    # One id may stand for two constants: a name of ours and the workgroup's size.
    ids = sorted({constant['id'] for constant in module.get('specialization_constants', [])})
    if ids != list(range(n_constants)):
        yield f'constants {ids}, launches set {n_constants}'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('spirv_cross')
    parser.add_argument('list_launches')
    parser.add_argument('ops', type=pathlib.Path, help='core/ops')
    parser.add_argument('modules', type=pathlib.Path, nargs='+', help='NAME.spv')
    args = parser.parse_args()

    structs = read_structs((args.ops / 'kernels.h').read_text())
    params_names = read_params_names((args.ops / 'kernels.c').read_text())
    launches = list_launches(args.list_launches)
    n_bad = 0
    for path in args.modules:
        if path.stem not in launches:
            problems = ['no launch in tests/shaders/launch-samples.c uses it']
        else:
            module = reflect(args.spirv_cross, path)
            problems = list(check(module, launches[path.stem], structs, params_names))
        for problem in problems:
            print(f'{path.stem}: {problem}')
        n_bad += len(problems)
    print(f'{len(args.modules)} modules, {n_bad} differences')
    return 1 if n_bad else 0


if __name__ == '__main__':
    sys.exit(main())
