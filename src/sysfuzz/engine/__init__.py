"""The coverage-guided loop: one epoch of libFuzzer in worker processes.

`epoch.run_epoch` is the way in. It starts lanes (`lane`), each a worker at a time (`process`), which run a job under libFuzzer (`worker`,
`driver`) and share a page with their parent (`journal`). What goes wrong in all this is a fault (`faults`), never a finding. `job` is the
one that fuzzes targets; everything else here would run any other.
"""
