"""What `sysfuzz ci` knows: the findings that a change is measured by (`base`), and what of a run is news beside them (`change`).

Neither runs a fuzzer, and nothing is told to anybody here.
"""
