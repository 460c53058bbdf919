"""How each kind of recorded case is run: one file a kind.

A format module has
    NAME       its word in ``deliberate.py``
    RECORDED   the keys of a case that hold what the reference answered (a rule never sees them)
    matches(case) -> bool
    waits(case) -> str | None      optional: why this case is not run yet
    want(case) -> value            what was recorded, in the form that ``run`` gives
    run(case) -> value             what we do
    same(case, want, got) -> bool
"""
