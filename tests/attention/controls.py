"""What a reader does with a page of the viewer, and what it then says."""

import time


def wait(driver, script, seconds=20):
    end = time.monotonic() + seconds
    while not (value := driver.execute_script(script)):
        assert time.monotonic() < end, f"{script} stayed {value!r}"
        time.sleep(0.02)
    return value


def click(driver, selector, index=0):
    driver.execute_script(f"document.querySelectorAll({selector!r})[{index}].click()")


def choose(driver, menu, text):
    driver.execute_script(
        f"const menu = document.getElementById({menu!r});"
        f"menu.value = [...menu.options].find((o) => o.text === {text!r}).value; menu.dispatchEvent(new Event('change'))"
    )
    wait(driver, f"return document.body.dataset.shown.includes({text!r})")


def texts(driver, selector):
    return driver.execute_script(f"return [...document.querySelectorAll({selector!r})].map((e) => e.textContent)")


def saved(driver, downloads, name):
    """Saves what is seen as SVG, PNG and CSV; the three paths."""
    paths = [downloads / f"{name}.{ending}" for ending in ("svg", "png", "csv")]
    for index, path in enumerate(paths):
        path.unlink(missing_ok=True)  # another test's
        click(driver, "#save button", index)
        end = time.monotonic() + 10
        while not path.exists():
            assert time.monotonic() < end, path
            time.sleep(0.05)
    return paths
