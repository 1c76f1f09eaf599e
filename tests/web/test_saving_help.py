"""How to save in a viewer: a contact gives words and a picture; readers see them in a silence."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image, PngImagePlugin

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.saving_help import MOST_BYTES, redraw_picture, set_saving, show_saving
from tests.web.conftest import SignIn, token_on
from tests.web.seed import SET, Scheme
from tests.web.test_reading import words

SECRET = b"taken at ward 7"


def a_screenshot(kind: str = "PNG", size: tuple[int, int] = (400, 120)) -> bytes:
    """A picture of one colour that carries words beside its pixels."""
    out, image = BytesIO(), Image.new("RGB", size, (10, 120, 200))
    if kind == "PNG":
        carried = PngImagePlugin.PngInfo()
        carried.add_text("Comment", SECRET.decode())
        image.save(out, kind, pnginfo=carried)
    else:
        image.save(out, kind, comment=SECRET)
    return out.getvalue()


def upload(client: FlaskClient, load: int, content: bytes) -> tuple[int, str]:
    token = token_on(client.get(f"/loads/{load}/saving").text)
    form = {"csrf_token": token, "picture": (BytesIO(content), "save.png")}
    answer = client.post(f"/loads/{load}/saving/picture", data=form)
    answer.request.environ["wsgi.input"].close()  # the client's own, of what is sent
    return answer.status_code, words(answer.text)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_drawn_anew_and_shown_to_readers_of_whom_nothing_reaches_us(
    kind: str, sign_in: SignIn, scheme: Scheme
) -> None:
    contact, reader = sign_in("contact"), sign_in("midway")
    load, given = scheme.loads["northfield"], a_screenshot(kind)
    assert SECRET in given
    assert upload(contact, load, given)[0] == 303
    shown = reader.get(f"/viewer/{SET}/saving.png")
    assert (shown.status_code, shown.mimetype) == (200, "image/png")
    assert SECRET not in shown.data
    with Image.open(BytesIO(shown.data)) as picture:
        assert (picture.format, picture.size, picture.info.get("Comment")) == (
            "PNG",
            (400, 120),
            None,
        )
    token = token_on(reader.get(f"/viewer/{SET}").text)
    place = {"csrf_token": token, "workstation": "MAMMO-WS2"}
    assert reader.post(f"/viewer/{SET}/session", data=place).status_code == 303
    scheme.pass_time(minutes=4)
    assert "Nothing reaches us" not in words(reader.get(f"/reading/{SET}").text)
    scheme.pass_time(minutes=4)
    reader.get("/account")
    scheme.pass_time(minutes=3)
    page = reader.get(f"/reading/{SET}").text
    assert "Nothing has reached us since" in words(page)
    assert f'src="/viewer/{SET}/saving.png' in page


def test_words_and_picture_are_changed_and_taken_away(sign_in: SignIn, scheme: Scheme) -> None:
    contact, load = sign_in("contact"), scheme.loads["northfield"]
    page = contact.get(f"/loads/{load}/saving")
    assert "In your viewer: Save / Send." in words(page.text)
    form = {"csrf_token": token_on(page.text)}
    said = "Click the disk, then Send to PERFORMS."
    path = f"/loads/{load}/saving"
    assert contact.post(f"{path}/words", data=form | {"words": said}).status_code == 303
    upload(contact, load, a_screenshot())
    assert show_saving("northfield", begin=scheme.begin).words == said
    assert contact.post(f"{path}/remove", data=form).status_code == 303
    assert contact.post(f"{path}/remove", data=form).status_code == 303  # again changes nothing
    assert contact.post(f"{path}/words", data=form | {"words": ""}).status_code == 303
    left = show_saving("northfield", begin=scheme.begin)
    assert (left.words, left.picture) == ("In your viewer: Save / Send.", None)
    assert contact.get(f"{path}/picture.png").status_code == 404
    with scheme.begin() as uow:
        kinds = [event.kind for event in uow.events.newest(5)]
    assert kinds == ["saving-set"] * 5


def test_what_is_no_picture_is_refused_and_never_kept(sign_in: SignIn, scheme: Scheme) -> None:
    contact, load = sign_in("contact"), scheme.loads["northfield"]
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    for content, told in (
        (b"", "Choose a picture first."),
        (svg, "Choose a picture in PNG or JPEG"),
        (a_screenshot()[:60], "This picture cannot be read"),
        (a_screenshot() + b"0" * MOST_BYTES, "more than 2 MB"),
        (a_screenshot(size=(6000, 6000)), "too many pixels"),
    ):
        status, page = upload(contact, load, content)
        assert status == 422, told
        assert told in page
    assert upload(contact, load, b"\x89PNG" + b"0" * (4 << 20))[0] == 413
    assert show_saving("northfield", begin=scheme.begin).picture is None


def test_a_picture_is_no_larger_than_a_page_shows() -> None:
    with Image.open(BytesIO(redraw_picture(a_screenshot(size=(3000, 2000))))) as picture:
        assert picture.size == (1280, 853)


def test_only_the_readers_of_a_pacs_see_its_picture(sign_in: SignIn, scheme: Scheme) -> None:
    set_saving(
        "northfield", begin=scheme.begin, now=scheme.now, redraw=redraw_picture,
        picture=a_screenshot(),
    )  # fmt: skip
    assert sign_in("midway").get(f"/viewer/{SET}/saving.png").status_code == 200
    assert sign_in("fresh").get(f"/viewer/{SET}/saving.png").status_code == 404
    assert sign_in("nobody").get(f"/viewer/{SET}/saving.png").status_code == 404
    with pytest.raises(RefusedInput, match="at most 300"):
        set_saving(
            "northfield", begin=scheme.begin, now=scheme.now, redraw=redraw_picture, words="a" * 301
        )
