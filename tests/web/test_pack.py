"""The site pack: exact for this site, on the page, in the files, and never another's."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from flask import Flask

from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.services.site_pack import site_pack
from pacs_bridge.web.pack import render_file
from tests.web.conftest import NODE, SignIn
from tests.web.seed import SET, Scheme


def test_the_page_names_this_sites_addresses_rule_and_firewall_lines(
    sign_in: SignIn, scheme: Scheme
) -> None:
    page = sign_in("contact").get(f"/loads/{scheme.loads['northfield']}/site-pack").text
    assert f"AccessionNumber begins with {SET}" in page
    assert "host bridge.example, port" in page
    assert "allow tcp from bridge.example to" in page
    assert "office@scheme.example" in page
    assert "not for diagnosis" in page


def test_the_orders_are_handed_out_as_files(sign_in: SignIn, scheme: Scheme) -> None:
    client, address = sign_in("contact"), f"/loads/{scheme.loads['northfield']}/site-pack/orders."
    table = client.get(address + "csv")
    assert table.headers["Content-Disposition"] == f'attachment; filename="{SET}-orders.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert rows[0]["AccessionNumber"].startswith(SET)
    messages = client.get(address + "omi")
    assert messages.mimetype == "text/plain"
    assert messages.text.count("MSH|") == len(rows)
    assert client.get(address + "exe").status_code == 404


def test_the_file_stands_alone(app: Flask, scheme: Scheme) -> None:
    with scheme.begin() as uow:
        pacs = uow.loads.get(scheme.loads["northfield"]).pacs
    page = render_file(app, site_pack(SET, pacs, begin=scheme.begin, node=NODE))
    assert "allow tcp from bridge.example to" in page
    assert "src=" not in page
    assert "href=" not in page


def test_a_site_whose_readers_use_our_page_is_asked_for_no_rule(app: Flask, scheme: Scheme) -> None:
    with scheme.begin() as uow:
        pacs = uow.loads.get(scheme.loads["northfield"]).pacs
    pack = site_pack(SET, pacs, begin=scheme.begin, node=NODE)
    told = {mode: render_file(app, replace(pack, isolation=mode)) for mode in Isolation}
    for mode, page in told.items():
        has_rule = "AccessionNumber begins with" in page
        assert has_rule is (mode is not Isolation.SHEET)
        assert has_rule is ("marks on these cases</td>" in page)
        assert has_rule is ("Filter the rule" in page)
        assert has_rule is not ("nothing is saved in your PACS" in page)
