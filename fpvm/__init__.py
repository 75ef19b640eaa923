"""The fraud-proof VM: a MIPS32 machine whose every step can be proved.

Read in this order: :mod:`fpvm.state`, :mod:`fpvm.memory`, :mod:`fpvm.step` (the executable
specification), :mod:`fpvm.proof` (one step, proved to somebody who has no memory), then
:mod:`fpvm.fast` (the same machine at native speed).
"""
