"""Contract suites: what edgefake asks of a runtime, a face finder, a scorer and a sink, for the tests of who writes one.

    from edgefake.testing import check_finder

    def test_my_finder():
        check_finder(MyFinder(), edgefake.read_image("tests/somebody.jpg"))

Each function uses an object as edgefake does, from several threads too, and returns nothing when all is well. Else it raises
``AssertionError``, which begins with the clause that is broken: ``batch = singles: …``. No test framework is needed.
"""

from edgefake.testing.finder import check_finder
from edgefake.testing.runtime import check_runtime
from edgefake.testing.scorer import check_scorer
from edgefake.testing.sink import check_sink

__all__ = ["check_finder", "check_runtime", "check_scorer", "check_sink"]
