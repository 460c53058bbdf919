"""The core: models, expression languages, errors, and the two composition roots ``events.cli`` and ``events.controller``.

The core imports none of its siblings ``eventsource``, ``eventbus`` and ``sensor``; only the composition roots do.
"""
