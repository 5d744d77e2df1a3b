"""Campaigns: days of fuzzing over one directory, which is all that there is to know about one.

    opening      what a directory holds is made ready: one runner, one core version, every program with its features
    run          what goes on from then on, whoever carries out the epochs
    runner       does on this machine: workers, each an epoch at a time (`task`)
    cluster      does on the workers of a `fleet`: each epoch is an `errand`, and a `depot` may follow the directory
    local        has such workers on this machine, and replaces those that end
    ledger       what is known, and written: hands out tasks, and commits their outcomes to a `shard`
    notice       changes of findings are told to the log, the care and the herald
    care         findings are verified and made smaller, in the background
    herald       tells them to whoever wants to know
    state        the same directory for people and dashboards, read only
    merge, prune `merge` and `distil`, each while nobody runs the campaign (`visit`); `check` is `fsck`

Clock, host and processes are known here, and nowhere below.
"""
