# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the scripts do: {name of a step: Scheme}.  Most save NAME.xcf, for the tests to look at."""

# Images of 8 bits, by how they are made from one with colours and one with transparency.
KINDS = {
    'rgb': ('square.png', ''),
    'rgb-alpha': ('clear.png', ''),
    'grey': ('square.png', '(gimp-image-convert-grayscale image)'),
    'grey-alpha': ('clear.png', '(gimp-image-convert-grayscale image)'),
    'indexed': ('square.png', '(to-indexed image)'),
    'indexed-alpha': ('clear.png', '(to-indexed image)'),
}
RESULTS = ['selection', 'channel', 'layer-mask']
OPERATIONS = ['replace', 'add', 'subtract', 'intersect']


def steps_of_layers(gimp):
    def heatmaps(**fields):
        return gimp.call('heatmaps', 'image', 'layer', **fields)

    def simple(name, **fields):
        return f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                     {heatmaps(**fields)} (save image "{name}.xcf"))'''

    heads = heatmaps(show='heads', layers='all', heads='all', opacity=35, mode='screen')
    steps = {
        'heads': f'''(let* ((image (open-image "landscape.png")) (layer (active image))
                            (group {heads}))
                       (save image "heads.xcf")
                       (list (name-of group) (equal? (active image) layer)))''',
        # The image on top, reaching beyond a smaller canvas, between two others.
        'placed': f'''(let* ((image (open-image "square.png"))
                             (layer (layer-from image "landscape" (active (open-image "landscape.png"))))
                             (above (layer-from image "small" (active (open-image "small.png")))))
                        (insert image layer no-parent 0)
                        (insert image above no-parent 0)
                        (move layer -20 13)
                        {heatmaps()} (save image "placed.xcf"))''',
        'nested': f'''(let* ((image (open-image "square.png"))
                             (folder (new-group image "folder"))
                             (layer (layer-from image "small" (active (open-image "small.png")))))
                        (insert image folder no-parent 0)
                        (insert image layer folder 0)
                        (move layer 7 9)
                        {heatmaps()} (save image "nested.xcf"))''',
        'target': f'''(let* ((image (open-image "heart-star.png")) (layer (active image)))
                        {heatmaps(model=gimp.inside(gimp.path('shapes')), method='relevance',
                                  target='heart', contrast='star')}
                        (save image "target.xcf"))''',
        # The selection reaches from above the layer to beyond its middle.
        'selection-only': f'''(let* ((image {on_canvas('RGB')}) (layer (active image)))
                                (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 40 10 50 55)
                                {heatmaps(selection_only='yes')}
                                (save image "selection-only.xcf"))''',
        # A place of the canvas is one of the layer, as far as it is moved.
        'query-place': f'''(let* ((image {on_canvas('RGB')}) (layer (active image)))
                             {heatmaps(query='100,70')} (save image "query-place.xcf"))''',
        'query-middle': f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                              (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 50 30 20 16)
                              {heatmaps(query='middle')} (save image "query-middle.xcf"))''',
        'query-selection': f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                                 (gimp-selection-all image)
                                 {heatmaps(query='selection')}
                                 (save image "query-selection.xcf"))''',
    }
    steps['grey-style'] = simple('grey-style', style='grey')
    steps['alpha-style'] = simple('alpha-style', style='alpha', show='layers', layers='all')
    steps['rollout'] = simple('rollout', method='rollout', discard_ratio=0.5, colormap='viridis')
    steps['score'] = simple('score', score='yes')
    return steps


def on_canvas(kind):
    """A canvas of 140 × 100 with the landscape at 30,20, so that it reaches beyond both edges."""
    return f'''(let* ((image (new-image 140 100 {kind}))
                      (bottom (new-layer image "bottom" 140 100 RGB-IMAGE))
                      (layer (layer-from image "landscape" (active (open-image "landscape.png")))))
                 (insert image bottom no-parent 0) (insert image layer no-parent 0)
                 (move layer 30 20) (gimp-image-clean-all image) (activate image layer)
                 image)'''


def steps_of_types(gimp):
    def typed(name, source, convert, **fields):
        return f'''(let* ((image (open-image "{source}")) (layer (active image)))
                     {convert} (save image "{name}-before.xcf")
                     {gimp.call('heatmaps', 'image', '(active image)', **fields)}
                     (save image "{name}.xcf"))'''

    steps = {name: typed(name, *how) for name, how in KINDS.items()}
    for precision in gimp.precisions:
        convert = f'(gimp-image-convert-precision image {precision})'
        steps[f'precision-{precision}'] = typed(f'precision-{precision}', 'small.png', convert)
    for precision in gimp.grey_precisions:
        convert = '(gimp-image-convert-grayscale image)'
        if precision != 150:
            convert += f' (gimp-image-convert-precision image {precision})'
        steps[f'grey-{precision}'] = typed(f'grey-{precision}', 'small.png', convert, style='grey')
    steps['profile'] = typed('profile', 'landscape.png', '(set-profile image "wide.icc")')
    return steps


def steps_of_selections(gimp):
    def select(name, before='', **fields):
        call = gimp.call('select', 'image', 'layer', **fields)
        return f'''(let* ((image {on_canvas('RGB')}) (layer (active image)))
                     {before} (save image "{name}-before.xcf") {call} (save image "{name}.xcf"))'''

    steps = {
        'mass-40': select('mass-40', amount=40),
        'mass-90': select('mass-90', amount=90),
        'value-30': select('value-30', keep='value', amount=30),
    }
    # What is there before: a rectangle, or what the plug-in makes of another layer of the model.
    def there(result, operation):
        if result == 'selection':
            return '(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 20 30 60 40)'
        if operation == 'replace':
            return ''
        return gimp.call('select', 'image', 'layer', result=result, keep='value', amount=55,
                         layers='0')

    for result in RESULTS:
        for operation in OPERATIONS:
            name = f'{result}-{operation}'
            steps[name] = select(name, there(result, operation), result=result, keep='value',
                                 operation=operation, amount=35)
    return steps


def steps_of_redo(gimp):
    first = gimp.call('heatmaps', 'image', 'layer', method='rollout', opacity=45, mode='multiply')

    def redo(name, drawable):
        again = gimp.call('redo', 'image', drawable, model=None, device=None)
        return f'''(let* ((image (open-image "landscape.png")) (layer (active image))
                          (group {first}))
                     {again} (save image "{name}.xcf"))'''

    last = gimp.call('heatmaps', 'image', 'layer', run_mode='RUN-WITH-LAST-VALS', model=None,
                     device=None)
    steps = {
        'redo-group': redo('redo-group', 'group'),
        'redo-layer': redo('redo-layer', 'layer'),
        'last-values': f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                             {last} (save image "last-values.xcf"))''',
    }
    if gimp.version == '3.0':
        steps['ora'] = '(let* ((image (open-image "maps.ora"))) (save image "ora.xcf"))'
    return steps


def failures(gimp):
    """{name: words that are in the message}"""
    found = {
        'no-model': ['/nowhere'],
        'layers': ['99'],
        'class': ['unicorn'],
        'nothing-selected': ['elected'],
        'redo': ['eatmaps'],
        'redo-gone': ['gone'],
    }
    if gimp.version == '2.10':  # GIMP 3 refuses these before the plug-in is asked
        found.update({'unknown': ['colour-map'], 'choice': ['magic'], 'number': ['opacity']})
    return found


def steps_of_failures(gimp):
    def heatmaps(**fields):
        return gimp.call('heatmaps', 'image', 'layer', **fields)

    calls = {
        'no-model': heatmaps(model='/nowhere'),
        'layers': heatmaps(layers='99'),
        'class': heatmaps(method='relevance', target='unicorn'),
        'nothing-selected': heatmaps(selection_only='yes'),
        'redo': gimp.call('redo', 'image', 'layer', model=None, device=None),
        'unknown': heatmaps(colour_map='jet'),
        'choice': heatmaps(method='magic'),
        'number': heatmaps(opacity='much'),
    }
    steps = {f'failure-{name}': untouched(f'failure-{name}', calls[name])
             for name in failures(gimp) if name in calls}
    # The heatmaps are there, their layer is not.
    steps['failure-redo-gone'] = untouched(
        'failure-redo-gone', gimp.call('redo', 'image', '(car (layers-of image))', model=None,
                                       device=None),
        f'''(let* ((other (layer-from image "other" layer)))
              (insert image other no-parent 0)
              {gimp.call('heatmaps', 'image', 'other')}
              (remove image other))''')
    return steps


def untouched(name, call, before=''):
    """The image before and after, what the call says and whether the image counts as changed."""
    return f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                 {before} (gimp-image-clean-all image) (save image "{name}-before.xcf")
                 (let ((answer (failing image (lambda () {call}))))
                   (save image "{name}.xcf") answer))'''


def make(gimp):
    """What must work."""
    return {**steps_of_layers(gimp), **steps_of_types(gimp), **steps_of_selections(gimp),
            **steps_of_redo(gimp), **steps_of_failures(gimp)}


def make_disasters(gimp):
    """What ends the plug-in, and what works afterwards in the same GIMP."""
    slow = gimp.call('heatmaps', 'image', 'layer', size=1024, score='yes',
                     model=gimp.inside(gimp.path('shapes')))
    by_driver = gimp.call('heatmaps', 'image', 'layer', device='vulkan')
    after = gimp.call('heatmaps', 'image', 'layer')
    return {
        'driver': untouched('driver', by_driver),
        'about-to-be-killed': '#t',
        'killed': untouched('killed', slow),
        'after-driver': f'''(let* ((image (open-image "landscape.png")) (layer (active image)))
                              {after} (save image "after-driver.xcf"))''',
    }
