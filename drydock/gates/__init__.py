"""Gates: each module here with FACTS and `judge(subject)` is one; none of them prints, keeps or builds.

`gate` has the shape and the registry, `subject` all that a gate may ask for, `run` the verdicts, `proof` the
receipts, `closure` the code that a receipt stands for.
"""
