#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Rewrites a SPIR-V module from SPV_NV_cooperative_matrix to SPV_KHR_cooperative_matrix.

glslang learnt GL_KHR_cooperative_matrix in version 13 (Debian 12 has 12); drivers implement that
one, which all vendors share.  The two differ in this:

  - A type of KHR says how its matrices are used: as first or second factor, or as sum.  It follows
    from where values of that type stand in the multiplications.  One type in two places would need
    two types: the shader keeps them apart by giving each size of the matrices a constant of its own.
  - Loads and stores of NV have stride and a bool for column-major, of KHR layout and stride.
"""
import argparse
import pathlib
import struct
import sys

SPIRV_MAGIC = 0x07230203
HEADER_WORDS = 5
BOUND = 3  # word of the header: one more than the largest id

OP_NAME = 5
OP_EXTENSION = 10
OP_CAPABILITY = 17
OP_TYPE_INT = 21
OP_CONSTANT_TRUE = 41
OP_CONSTANT_FALSE = 42
OP_CONSTANT = 43
OP_DECORATE = 71

# NV → KHR
CAPABILITY = {5357: 6022}
EXTENSION = {'SPV_NV_cooperative_matrix': 'SPV_KHR_cooperative_matrix'}
TYPE_NV, TYPE_KHR = 5358, 4456
LOAD_NV, LOAD_KHR = 5359, 4457
STORE_NV, STORE_KHR = 5360, 4458
MUL_ADD_NV, MUL_ADD_KHR = 5361, 4459
LENGTH_NV = 5362

USES = (0, 1, 2)  # of the operands of a multiplication: MatrixA, MatrixB, MatrixAccumulator
ROW_MAJOR, COLUMN_MAJOR = 0, 1


def read_module(path):
    """The header, and the instructions as (opcode, operands)."""
    data = path.read_bytes()
    words = struct.unpack(f'={len(data) // 4}I', data[:len(data) // 4 * 4])
    if len(words) < HEADER_WORDS or words[0] != SPIRV_MAGIC or len(data) % 4 != 0:
        sys.exit(f'{path}: not SPIR-V')
    instructions, at = [], HEADER_WORDS
    while at < len(words):
        length = words[at] >> 16
        if length == 0 or at + length > len(words):
            sys.exit(f'{path}: instructions do not end where the file does')
        instructions.append((words[at] & 0xffff, list(words[at + 1:at + length])))
        at += length
    return list(words[:HEADER_WORDS]), instructions


def write_module(path, header, instructions):
    words = list(header)
    for opcode, operands in instructions:
        words += [(len(operands) + 1) << 16 | opcode, *operands]
    path.write_bytes(struct.pack(f'={len(words)}I', *words))


def text_of(words):
    return struct.pack(f'={len(words)}I', *words).rstrip(b'\0').decode()


def words_of(text):
    data = text.encode() + b'\0'
    data += b'\0' * (-len(data) % 4)
    return list(struct.unpack(f'={len(data) // 4}I', data))


def find_uses(instructions):
    """Type of matrix → its use, one of USES."""
    types = {operands[0] for opcode, operands in instructions if opcode == TYPE_NV}
    # An instruction that begins with a type and an id makes a value of that type.
    value_types = {operands[1]: operands[0] for opcode, operands in instructions
                   if len(operands) > 1 and operands[0] in types
                   and opcode not in (OP_NAME, OP_DECORATE)}
    uses = {}
    for opcode, operands in instructions:
        if opcode != MUL_ADD_NV:
            continue
        for value, use in zip(operands[2:5], USES):
            if uses.setdefault(value_types[value], use) != use:
                sys.exit('one type of matrix stands in two places of a multiplication')
    if set(uses) != types:
        sys.exit('a type of matrix stands in no multiplication')
    return uses


def translate(header, instructions):
    uses = find_uses(instructions)
    bools = {operands[1]: COLUMN_MAJOR if opcode == OP_CONSTANT_TRUE else ROW_MAJOR
             for opcode, operands in instructions
             if opcode in (OP_CONSTANT_TRUE, OP_CONSTANT_FALSE)}
    # Ids of constants of our own, behind the type uint: 0, 1, 2.
    constants = [header[BOUND] + value for value in USES]
    header[BOUND] += len(constants)

    n_uints = 0
    for opcode, operands in instructions:
        if opcode == OP_CAPABILITY:
            operands = [CAPABILITY.get(operands[0], operands[0])]
        elif opcode == OP_EXTENSION:
            operands = words_of(EXTENSION.get(text_of(operands), text_of(operands)))
        elif opcode == TYPE_NV:
            opcode, operands = TYPE_KHR, [*operands, constants[uses[operands[0]]]]
        elif opcode == LOAD_NV:
            result_type, result, pointer, stride, column_major, *access = operands
            opcode = LOAD_KHR
            operands = [result_type, result, pointer, constants[bools[column_major]], stride,
                        *access]
        elif opcode == STORE_NV:
            pointer, value, stride, column_major, *access = operands
            opcode = STORE_KHR
            operands = [pointer, value, constants[bools[column_major]], stride, *access]
        elif opcode == MUL_ADD_NV:
            opcode = MUL_ADD_KHR
        elif opcode == LENGTH_NV:
            sys.exit('the length of a matrix is not translated')
        yield opcode, operands
        if opcode == OP_TYPE_INT and operands[1:] == [32, 0]:
            n_uints += 1
            for value, constant in zip(USES, constants):
                yield OP_CONSTANT, [operands[0], constant, value]
    if n_uints != 1:
        sys.exit('the module has no type uint')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('nv', type=pathlib.Path, help='module to read')
    parser.add_argument('khr', type=pathlib.Path, help='module to write')
    args = parser.parse_args()

    header, instructions = read_module(args.nv)
    translated = list(translate(header, instructions))
    write_module(args.khr, header, translated)


if __name__ == '__main__':
    main()
