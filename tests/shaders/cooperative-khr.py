#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checks what shaders/cooperative-khr.py made of a module, read as SPV_KHR_cooperative_matrix says.

  cooperative-khr.py TRANSLATOR NAME.nv.spv NAME.spv

  types          x and w are f16, used as MatrixA and MatrixB; the sums f32, MatrixAccumulator
  sizes          M × K, K × N, M × N: constants of three names
  loads, stores  rows of x and of the sums one after the other, of w columns; the strides of before
  all else       as it was
  modules that cannot be translated are refused
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

HEADER_WORDS = 5
OP_TYPE_FLOAT = 22
OP_CONSTANT = 43
TYPE_NV, LOAD_NV, STORE_NV, MUL_ADD_NV = 5358, 5359, 5360, 5361
TYPE, LOAD, STORE, MUL_ADD = 4456, 4457, 4458, 4459
CAPABILITY = (17, [6022])
SUBGROUP = 3
MATRIX_A, MATRIX_B, ACCUMULATOR = 0, 1, 2
ROW_MAJOR, COLUMN_MAJOR = 0, 1


class Module:
    def __init__(self, path):
        self.words = struct.unpack(f'={path.stat().st_size // 4}I', path.read_bytes())
        self.bound = self.words[3]
        self.instructions, at = [], HEADER_WORDS
        while at < len(self.words):
            length = self.words[at] >> 16
            self.instructions.append((self.words[at] & 0xffff,
                                      list(self.words[at + 1:at + length])))
            at += length
        self.constants = {operands[1]: operands[2] for operands in self.all(OP_CONSTANT)}

    def all(self, opcode):
        return [operands for op, operands in self.instructions if op == opcode]


def check(condition, sentence):
    if not condition:
        sys.exit(sentence)


def check_types(module):
    """Type of matrix → its use."""
    widths = dict(module.all(OP_TYPE_FLOAT))
    types = {}
    for result, component, scope, rows, cols, use in module.all(TYPE):
        use = module.constants[use]
        check(module.constants[scope] == SUBGROUP, 'a matrix is not of a subgroup')
        check(use not in types, f'two types have the use {use}')
        types[use] = (result, widths[component], rows, cols)
    (x, x_bits, m, k), (w, w_bits, k_of_w, n), (sums, bits, m_of_sums, n_of_sums) = (
        types[use] for use in (MATRIX_A, MATRIX_B, ACCUMULATOR))
    check((x_bits, w_bits, bits) == (16, 16, 32), 'the matrices have other types of values')
    check((k, m, n) == (k_of_w, m_of_sums, n_of_sums) and len({m, n, k}) == 3,
          'the sizes of the matrices do not fit')
    check({operands[0] for operands in module.all(MUL_ADD)} == {sums},
          'a product is not of the type of the sums')
    return {x: MATRIX_A, w: MATRIX_B, sums: ACCUMULATOR}


def check_accesses(before, after, uses):
    for old, new in zip(before.all(LOAD_NV), after.all(LOAD), strict=True):
        layout = COLUMN_MAJOR if uses[new[0]] == MATRIX_B else ROW_MAJOR
        check(new[:3] == old[:3] and new[4] == old[3] and new[5:] == old[5:],
              'a load has other operands than before')
        check(after.constants[new[3]] == layout, 'a load has the wrong layout')
    for old, new in zip(before.all(STORE_NV), after.all(STORE), strict=True):
        check(new[:2] == old[:2] and new[3] == old[2] and new[4:] == old[4:],
              'a store has other operands than before')
        check(after.constants[new[2]] == ROW_MAJOR, 'a store has the wrong layout')
    check([operands for operands in after.all(MUL_ADD)] == before.all(MUL_ADD_NV),
          'a multiplication has other operands than before')


def check_rest(before, after):
    """Apart from what is translated, only constants were added, with ids of their own."""
    names = (b'SPV_NV_cooperative_matrix', b'SPV_KHR_cooperative_matrix')
    changed = {TYPE_NV, LOAD_NV, STORE_NV, MUL_ADD_NV, TYPE, LOAD, STORE, MUL_ADD}

    def rest(module):
        kept = []
        for opcode, operands in module.instructions:
            text = struct.pack(f'={len(operands)}I', *operands)
            is_new = opcode == OP_CONSTANT and operands[1] >= before.bound
            if opcode not in changed and not is_new and opcode != 17 and \
                    not any(name in text for name in names):
                kept.append((opcode, operands))
        return kept

    check(rest(before) == rest(after), 'more was changed than the matrices')
    check(CAPABILITY in after.instructions, 'the capability is missing')
    check(max(result for _, result, *_ in after.all(OP_CONSTANT)) < after.bound,
          'the bound is too low')


def check_refuses(translator, words, what):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / 'in.spv', pathlib.Path(folder) / 'out.spv'
        source.write_bytes(struct.pack(f'={len(words)}I', *words))
        status = subprocess.run([translator, source, target], capture_output=True, check=False)
        check(status.returncode != 0 and not target.exists(), f'{what} was translated')
        check(b'Traceback' not in status.stderr, f'{what} was not recognised')


def with_types_replaced(module, old, new):
    """The words with the id @old of a type put where loads and products make values of @new."""
    words, at = list(module.words), HEADER_WORDS
    while at < len(words):
        if words[at] & 0xffff in (LOAD_NV, 61) and words[at + 1] == old:
            words[at + 1] = new
        at += words[at] >> 16
    return words


def main():
    translator, nv, khr = sys.argv[1:]
    before, after = Module(pathlib.Path(nv)), Module(pathlib.Path(khr))

    for opcode in (LOAD_NV, STORE_NV, MUL_ADD_NV):
        check(before.all(opcode), 'the module multiplies no matrices')
    uses = check_types(after)
    check_accesses(before, after, uses)
    check_rest(before, after)

    (x,), (w,) = ([result for result, use in uses.items() if use == wanted]
                  for wanted in (MATRIX_A, MATRIX_B))
    check_refuses(translator, (*before.words, 5 << 16), 'a module that is cut off')
    check_refuses(translator, (0, *before.words[1:]), 'a file that is not SPIR-V')
    check_refuses(translator, with_types_replaced(before, w, x), 'a type with two uses')
    print(f'{khr}: {len(after.all(LOAD))} loads, {len(after.all(MUL_ADD))} products, '
          f'{len(after.all(STORE))} stores')


if __name__ == '__main__':
    main()
