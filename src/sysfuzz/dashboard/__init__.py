"""A campaign in a browser: read only, on this machine unless somebody says otherwise, and without a script.

    look        the campaign as it stands, read again when it is asked for and not more often than that is worth
    listing     which findings a page shows; `weaknesses` which known ones are found
    series      a campaign over time; `plots`, `charts`, `drawing` make pictures of it, for pages and for files
    stories     a finding's explanation, made in a process aside
    pages       all of this as HTML; `metrics` for Prometheus, `document` as JSON
    guard, app  who may ask, and who answers; `server` listens

Nothing here writes a file.
"""
