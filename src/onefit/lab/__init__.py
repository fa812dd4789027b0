"""The lab: build, train and question a network in the browser (`onefit lab`).

`design` is what one may choose, with the `settings` that its parts have of their own,
`axes` what of it varies in a map, `data` what it is trained on, `engine` trains it in
stretches of the same program that `fit` runs, `pictures`, `glass` and `advice` are what
one sees of it, `many` the same from many seeds, `lessons` pages with questions. `desk`
is all of it in one thread, `application` over HTTP (its contract stands there),
`running` keeps it up, `monitor` looks at a fit that runs elsewhere.
"""

from onefit.lab.monitor import Monitor
from onefit.lab.running import Page, show

__all__ = ["Monitor", "Page", "show"]
