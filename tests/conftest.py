"""Every run of the tests is the same run: property tests draw the same examples each time.

``HYPOTHESIS_PROFILE=explore`` draws new ones. At the end it is said how much was compared with
what, for a test that compares at random is worth no more than that.
"""

import os
from collections.abc import Callable

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have the end of the run say something. What is printed is lost if tests run in processes of
    their own."""
    return lambda text: request.node.user_properties.append(("told", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("passed", ())
    told = [text for report in reports for name, text in report.user_properties if name == "told"]
    if told:
        terminalreporter.write_sep("=", "how much was compared")
    for text in sorted(told):
        terminalreporter.write_line(text)
