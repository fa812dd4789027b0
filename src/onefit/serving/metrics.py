"""What a service measures of itself, as Prometheus reads it."""

import bisect
from collections import Counter, deque

__all__ = ["Metrics"]

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds at which requests are counted apart."""

LAST = 4096
"""Requests whose quantiles are shown."""


class Metrics:
    """Counts of requests and rows, and how long requests took.

    Example:
        >>> metrics = Metrics()
        >>> metrics.answered("/predict", 200, 0.004)
        >>> metrics.called(3)
        >>> "onefit_rows_total 3" in metrics.text()
        True
    """

    def __init__(self) -> None:
        self.requests = Counter[tuple[str, int]]()
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds, self.rows, self.calls = 0.0, 0, 0
        self.last = deque[float](maxlen=LAST)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self.requests[path, status] += 1
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
        self.last.append(seconds)

    def called(self, rows: int) -> None:
        """Counts a call of the program."""
        self.rows, self.calls = self.rows + rows, self.calls + 1

    def quantile(self, q: float) -> float:
        """Seconds that so large a share of the last requests took at most."""
        last = sorted(self.last)
        return last[min(int(q * len(last)), len(last) - 1)] if last else 0.0

    def text(self) -> str:
        """All of it, a line each."""
        lines = ["# TYPE onefit_requests_total counter"]
        lines += [
            f'onefit_requests_total{{path="{path}",status="{status}"}} {count}'
            for (path, status), count in sorted(self.requests.items())
        ]
        lines.append("# TYPE onefit_request_seconds histogram")
        total = 0
        for bound, count in zip((*BOUNDS, "+Inf"), self.counts, strict=True):
            total += count
            lines.append(f'onefit_request_seconds_bucket{{le="{bound}"}} {total}')
        lines += [
            f"onefit_request_seconds_sum {self.seconds:.6f}",
            f"onefit_request_seconds_count {total}",
            "# TYPE onefit_last_seconds gauge",
            *(
                f'onefit_last_seconds{{quantile="{q}"}} {self.quantile(q):.6f}'
                for q in (0.5, 0.9, 0.99)
            ),
            "# TYPE onefit_rows_total counter",
            f"onefit_rows_total {self.rows}",
            "# TYPE onefit_calls_total counter",
            f"onefit_calls_total {self.calls}",
        ]
        return "\n".join(lines) + "\n"
