"""The lab on convolution: its maps are those of the course's own layer, and the keyboard does what the mouse does."""

import numpy as np
import pytest
from opened_pages import assert_accessible_and_fits, open_lab, opened
from test_pages import SITE, is_elsewhere

from utils.labs.convolution import KERNELS, pictures
from utils.numpy_nn import Convolution

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/convolution.html"
RESULT = "document.querySelector('.lab[data-lab=convolution]').result"


def choose(lab, group: int, value: str) -> None:
    """Choose a value: 0 picture, 1 stride, 2 padding, 3 ReLU."""
    lab.locator("fieldset").nth(group).locator(f"input[value='{value}']").check()


def expected_map(picture, kernel, stride, padding, relu):
    """Return the map (H', W') of a grey picture by the course's layer."""
    layer = Convolution(1, 1, 3, np.random.default_rng(0), stride=stride, padding=padding, dtype=np.float64)
    layer.parameters["weight"] = np.reshape(np.array(kernel, float), (3, 3, 1, 1))
    z = layer.forward(picture[None, ..., None] / 255)[0, ..., 0]
    return np.maximum(z, 0) if relu else z


def assert_right(page, name, kernel, stride, padding, relu):
    """Compare map, products and settings of the page with the course's layer."""
    expected = expected_map(pictures()[name], kernel, stride, padding, relu)
    result = page.evaluate(
        f"(({{map, kernel, settings, place, products}}) => ({{map, kernel, settings, place, products}}))({RESULT})"
    )
    assert result["settings"] == {"name": name, "stride": stride, "padding": padding, "relu": relu}
    np.testing.assert_allclose(result["kernel"], np.ravel(kernel), rtol=0, atol=1e-12)
    assert result["map"]["size"] == len(expected)
    np.testing.assert_allclose(
        np.reshape(result["map"]["values"], expected.shape), expected, rtol=0, atol=1e-6
    )
    total = max(0, sum(result["products"])) if relu else sum(result["products"])
    np.testing.assert_allclose(total, expected[*result["place"]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_each_kernel_and_setting_gives_the_map_of_the_layer(browser, address, scheme):
    url = f"{address if scheme == 'http' else SITE.as_uri() + '/'}{PAGE}"
    with opened(browser, url) as page:
        lab = open_lab(page, "convolution")
        assert_right(page, "ring", KERNELS["upright"], 1, 0, False)
        names, buttons = list(pictures()), lab.locator(".lab-buttons").first.locator("button")
        for step, kernel in enumerate(KERNELS.values()):
            name, stride, padding, relu = names[step], 1 + step % 3, step // 2, step % 2 == 1
            for group, value in enumerate((name, stride, padding, "on" if relu else "off")):
                choose(lab, group, str(value))
            buttons.nth(step).click()
            assert_right(page, name, kernel, stride, padding, relu)
            assert (
                lab.locator(".convolution-size")
                .text_content()
                .endswith(f"= {page.evaluate(RESULT + '.map.size')}")
            )
        buttons.nth(len(KERNELS)).click()
        drawn = page.evaluate(f"{RESULT}.kernel")
        assert_right(page, name, np.reshape(drawn, (3, 3)), stride, padding, relu)
        assert [request for request in page.requested if is_elsewhere(request)] == []
        assert page.errors == []


def test_numbers_can_be_typed_and_an_empty_field_is_zero(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "convolution")
        kernel = np.array([[-0.5, 2, 1.25], [1e-3, -7, 0], [0.1, 0.2, -0.3]])
        for field, number in zip(lab.locator("input[type=number]").all(), kernel.ravel(), strict=True):
            field.fill(str(number))
        assert_right(page, "ring", kernel, 1, 0, False)
        lab.locator("input[type=number]").nth(4).fill("")
        kernel[1, 1] = 0
        assert_right(page, "ring", kernel, 1, 0, False)


def test_mouse_and_keyboard_show_the_same_pixel(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "convolution")
        choose(lab, 0, "digit")
        canvas = lab.locator("canvas.lab-cursor")
        box = canvas.bounding_box()
        canvas.hover(position={"x": box["width"] * 3.5 / 6, "y": box["height"] * 2.5 / 6})
        assert page.evaluate(f"{RESULT}.place") == [2, 3]
        told = lab.locator(".lab-status").text_content()
        page.mouse.move(0, 0)
        canvas.focus()
        for key in ["ArrowUp"] * 6 + ["ArrowLeft"] * 6:
            page.keyboard.press(key)
        assert page.evaluate(f"{RESULT}.place") == [0, 0]
        for key in ["ArrowDown"] * 2 + ["ArrowRight"] * 3:
            page.keyboard.press(key)
        assert page.evaluate(f"{RESULT}.place") == [2, 3]
        assert lab.locator(".lab-status").text_content() == told
        lab.locator("button").last.press("Enter")
        assert_right(page, "ring", KERNELS["upright"], 1, 0, False)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_convolution_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        open_lab(page, "convolution")
        for width in (1350, 390, 320):
            assert_accessible_and_fits(page, width)
