# SPDX-License-Identifier: LGPL-3.0-or-later
"""explain --score: what a map is worth, and everywhere it is said."""

import json
import math
import statistics
import zipfile

from harness import CliTest, main

STUDENT_T = 2.2621571628
LINE = r'^a\.png: score (-?\d+\.\d+) \(random (-?\d+\.\d+)±(\d+\.\d+)\), (better|not better) than random$'


def area(curve):
    steps = zip(curve['shares'], curve['shares'][1:], curve['values'], curve['values'][1:])
    return sum((end - start) * (first + second) / 2 for start, end, first, second in steps)


class Score(CliTest):
    def score(self, *options, out='o'):
        """What STEM.json says of the score, and what was printed."""
        self.copy_picture('square', 'a.png')
        printed = self.succeed('explain', '--score', *options, '-o', out, 'a.png')
        return json.loads((self.folder / out / 'a.json').read_text())['score'], printed

    def test_numbers_belong_together(self):
        score, _ = self.score('--write', 'json', '--method', 'rollout')
        self.assertEqual(score['quantity'], 'probability')
        for name in ['insertion', 'deletion']:
            curve = score[name]
            self.assertEqual(len(curve['values']), 11)
            self.assertEqual((curve['shares'][0], curve['shares'][-1]), (0, 1))
            self.assertAlmostEqual(curve['area'], area(curve))
            self.assertTrue(all(0 <= value <= 1 for value in curve['values']))
        # All patches or none, whichever the order.
        self.assertEqual(score['insertion']['values'][0], score['deletion']['values'][-1])
        self.assertEqual(score['insertion']['values'][-1], score['deletion']['values'][0])
        self.assertAlmostEqual(score['score'],
                               score['insertion']['area'] - score['deletion']['area'])
        random = score['random']
        mean, half = statistics.mean(random['scores']), statistics.stdev(random['scores'])
        half *= STUDENT_T * math.sqrt(1 + 1 / 10)
        self.assertEqual(len(random['scores']), 10)
        self.assertAlmostEqual(random['mean'], mean)
        self.assertAlmostEqual(random['low'], mean - half)
        self.assertAlmostEqual(random['high'], mean + half)
        self.assertEqual(score['better'], score['score'] > random['high'])

    def test_the_whole_picture_has_the_probability_of_top(self):
        self.copy_picture('square', 'a.png')
        self.succeed('explain', '--score', '--write', 'json', '-o', 'o', 'a.png')
        answer = json.loads((self.folder / 'o/a.json').read_text())
        self.assertAlmostEqual(answer['score']['deletion']['values'][0], answer['top'][0]['softmax'],
                               places=5)
        self.assertEqual(answer['score']['target'], str(answer['top'][0]['class']))

    def test_said_everywhere(self):
        score, printed = self.score('--write', 'overlay,map,layers,json')
        line = printed.splitlines()[-1]
        self.assertRegex(line, LINE)
        self.assertEqual('not better' in line, not score['better'])
        verdict = ('better' if score['better'] else 'not better') + ' than random'
        for name in ['a.overlay.png', 'a.map.png']:
            data = (self.folder / 'o' / name).read_bytes()
            self.assertIn(b'vitreous:score\0' + str(score['score'])[:8].encode(), data)
            self.assertIn(b'vitreous:score-verdict\0' + verdict.encode(), data)
            self.assertIn(b'--score', data)
        stack = zipfile.ZipFile(self.folder / 'o/a.ora').read('stack.xml').decode()
        worth = line.removeprefix('a.png: score ').removesuffix(', better than random')
        self.assertIn(f'heads  {worth}"', stack)

    def test_said_of_the_summary_alone(self):
        _, printed = self.score('--write', 'layers,json', '--heads', 'all', '--layers', 'all')
        score = printed.splitlines()[-1].split()[2]
        stack = zipfile.ZipFile(self.folder / 'o/a.ora')
        self.assertEqual(stack.read('stack.xml').decode().count(f'  {score} (random '), 1)
        scored = [name for name in stack.namelist() if b'vitreous:score\0' in stack.read(name)]
        self.assertEqual(len(scored), 2, scored)  # the summary and the merged image

    def test_answers_in_json(self):
        self.copy_picture('square', 'a.png', 'b.png')
        answers = json.loads(self.succeed('explain', '--score', '--json', '-o', 'o', 'a.png', 'b.png'))
        score = json.loads((self.folder / 'o/a.json').read_text())['score']
        self.assertEqual(answers[0]['score'],
                         {'score': score['score'], 'better': score['better'],
                          'quantity': 'probability', 'random_mean': score['random']['mean'],
                          'random_low': score['random']['low'],
                          'random_high': score['random']['high']})
        self.assertEqual(answers[0]['score'], answers[1]['score'])  # no chance is in it

    def test_only_where_asked_for(self):
        self.copy_picture('square', 'a.png')
        answers = json.loads(self.succeed('explain', '--json', '-o', 'o', 'a.png'))
        self.assertNotIn('score', answers[0])
        self.assertNotIn('score', json.loads((self.folder / 'o/a.json').read_text()))
        self.assertNotIn(b'score', (self.folder / 'o/a.overlay.png').read_bytes())

    def test_target_of_what_is_asked_nothing(self):
        first, _ = self.score('--write', 'json', '--method', 'raw', '--target', '2-0', out='c')
        self.assertEqual((first['quantity'], first['target']), ('difference', '2-0'))
        rest, _ = self.score('--write', 'json', '--method', 'rollout', '--target', '1-rest', out='r')
        self.assertEqual((rest['quantity'], rest['target']), ('log-odds', '1-rest'))
        patch, _ = self.score('--write', 'json', '--method', 'rollout', '--target', 'patch:9,9',
                              out='p')
        self.assertEqual((patch['quantity'], patch['target']), ('cosine', 'patch:9,9'))
        self.assertAlmostEqual(patch['deletion']['values'][0], 1)

    def test_a_place_outside_is_refused(self):
        self.copy_picture('square', 'a.png')
        message = self.refuse(1, 'explain', '--score', '--method', 'rollout', '--target',
                              'patch:900,9', 'a.png')
        self.assertIn('900,9', message)

    def test_resume_goes_by_it(self):
        self.copy_picture('square', 'a.png')
        for options, status in [([], 'done'), (['--score'], 'done'), (['--score'], 'skipped')]:
            answers = json.loads(self.succeed('explain', '--resume', '--json', *options, '-o', 'o',
                                              'a.png'))
            self.assertEqual(answers[0]['status'], status, options)


main()
