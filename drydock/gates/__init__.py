"""Gates: each module here with FACTS and `judge(subject)` is one; it prints and stores nothing.

`gate` defines the shape and the registry, `subject` a gate's input, `run` the verdicts, `proof` the receipts,
and `closure` the code that a receipt covers.
"""
