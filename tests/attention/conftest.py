import pytest

from tests.attention.controls import wait
from tests.browser import requests_of


@pytest.fixture
def open_page(driver, tmp_path):
    """A function that opens the page of a view; whatever the test does with it, it asks for nothing and reports nothing."""

    def open_view(view, *arguments, **options):
        view(*arguments, html_action="return", path=tmp_path / "page.html", **options)
        driver.get_log("performance"), driver.get_log("browser")
        driver.get(f"file://{tmp_path}/page.html")
        wait(driver, "return document.body.dataset.shown")
        return driver

    yield open_view
    assert driver.get_log("browser") == []  # neither an error nor a warning in the console
    assert {*requests_of(driver)} == {f"file://{tmp_path}/page.html"}
