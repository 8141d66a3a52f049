"""MobileStyleGAN's OpenVINO files: read to the same numbers, and hostile ones refused in one line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from forensics.core.errors import CheckpointError
from forensics.generators.base import load_generator
from tests.generators.architectures.reference import assert_equal
from tests.generators.checkpoints.formats.openvino_files import CONFIG, small, write
from tests.generators.checkpoints.outcomes import read_here


def changed(path: Path, old: str, new: str, count: int = 1) -> None:
    """Replace text in an .xml, where it must be."""
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, count))


def sub(path: Path, pattern: str, new: str) -> None:
    """Replace the first match in an .xml, where there must be one."""
    text, n = re.subn(pattern, new, path.read_text(), count=1)
    assert n == 1, pattern
    path.write_text(text)


@pytest.fixture
def xml(tmp_path: Path) -> Path:
    return write(tmp_path, small())


@pytest.mark.parametrize("given", ["SynthesisNetwork.xml", "MappingNetwork.xml"])
def test_the_network_comes_back(given: str, xml: Path) -> None:
    g, ours = load_generator(xml.with_name(given)), small()
    network = read_here(xml.with_name(given)).networks["G"]
    assert network.config == {**CONFIG, "img_channels": 3}
    assert network.kind == "mobile-stylegan"
    for name, value in ours.state_dict().items():
        if name != "mapping.w_avg":
            assert_equal(g.state_dict()[name], value, 1e-6)
    ws = ours.map(ours.sample_z(2))
    assert_equal(g.map(ours.sample_z(2)), ws, 1e-6)
    assert_equal(g.synthesize(ws), ours.synthesize(ws), 2e-6)
    many = ours.map(torch.randn(20_000, 16, generator=torch.Generator().manual_seed(1)))[:, 0]
    assert float((g.w_avg - many.mean(dim=0)).norm() / many.std(dim=0).norm()) < 0.03


def test_one_hash_stands_for_the_four_files(xml: Path) -> None:
    before = read_here(xml).sha256
    assert read_here(xml.with_name("MappingNetwork.xml")).sha256 == before
    changed(xml.with_name("MappingNetwork.xml"), 'name="var"', 'name="z"')
    assert read_here(xml).sha256 != before


def test_names_and_order_of_layers_do_not_matter(xml: Path) -> None:
    text = xml.read_text()
    layers = re.findall(r"<layer .*?</layer>", text)
    body = "".join(reversed(layers))
    text = re.sub(r"<layers>.*</layers>", f"<layers>{body}</layers>", text)
    xml.write_text(re.sub(r' name="[^"]*" type', ' name="x" type', text))
    assert set(read_here(xml).networks) == {"G"}


BOMB = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def entity_bomb(xml: Path) -> None:
    changed(xml, '<?xml version="1.0" ?>', f'<?xml version="1.0" ?>{BOMB}')
    changed(xml, 'name="SynthesisNetwork"', 'name="&b;"')


def external_entity(xml: Path) -> None:
    changed(xml, "\n<net", '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<net')


def outside_the_blob(xml: Path) -> None:
    sub(xml, r'offset="\d+" size="64"', 'offset="99999999" size="64"')


def overlapping_the_end(xml: Path) -> None:
    blob = xml.with_suffix(".bin")
    blob.write_bytes(blob.read_bytes()[:-1])


def negative_offset(xml: Path) -> None:
    sub(xml, r'offset="\d+" size="64"', 'offset="-64" size="64"')


def huge_shape(xml: Path) -> None:
    sub(xml, r'shape="16, 16, 3, 3"', 'shape="99999999999, 99999999999, 3, 3"')


def endless_number(xml: Path) -> None:
    sub(xml, r'offset="\d+"', f'offset="{"9" * 5000}"')


def wrong_size(xml: Path) -> None:
    sub(xml, r'shape="16, 16, 3, 3"', 'shape="16, 16, 3, 2"')


def unknown_operation(xml: Path) -> None:
    changed(xml, 'type="PReLU"', 'type="Exec"')


def unknown_type(xml: Path) -> None:
    changed(xml, 'element_type="f32" shape="16, 16"', 'element_type="object" shape="16, 16"')


def half_precision(xml: Path) -> None:
    changed(xml, 'element_type="f32" shape="16, 16"', 'element_type="f16" shape="16, 16"')


def cycle(xml: Path) -> None:
    source, target = re.findall(r'from-layer="(\d+)" from-port="\d+" to-layer="(\d+)"', xml.read_text())[-1]
    changed(
        xml,
        "</edges>",
        f'<edge from-layer="{target}" from-port="9" to-layer="{source}" to-port="7"/></edges>',
    )


def edge_to_nowhere(xml: Path) -> None:
    changed(xml, "</edges>", '<edge from-layer="0" from-port="0" to-layer="zzz" to-port="0"/></edges>')


def two_edges_a_port(xml: Path) -> None:
    edge = re.findall(r"<edge [^>]*/>", xml.read_text())[-1]
    changed(xml, "</edges>", f"{edge}</edges>")


def one_id_twice(xml: Path) -> None:
    changed(xml, '<layer id="1"', '<layer id="0"')


def too_many_layers(xml: Path) -> None:
    changed(xml, "</layers>", "".join(f'<layer id="x{i}" type="Const"/>' for i in range(6000)) + "</layers>")


def deep_nesting(xml: Path) -> None:
    changed(xml, "</net>", "<a>" * 100_000 + "</a>" * 100_000 + "</net>")


def broken_xml(xml: Path) -> None:
    xml.write_text(xml.read_text()[:-40])


def another_version(xml: Path) -> None:
    changed(xml, 'version="10"', 'version="11"')


def other_filter(xml: Path) -> None:
    changed(xml, 'strides="2, 1"', 'strides="1, 2"')


def other_slope(xml: Path) -> None:
    sub(xml, r'type="PReLU"', 'type="ReLU"')


def no_result(xml: Path) -> None:
    sub(xml, r"<layer [^>]*type=\"Result\".*?</layer>", "")
    target = re.findall(r'<edge [^>]*to-layer="(\d+)"[^>]*/>', xml.read_text())[-1]
    sub(xml, rf'<edge [^>]*to-layer="{target}"[^>]*/>(?=</edges>)', "")


def missing_blob(xml: Path) -> None:
    xml.with_suffix(".bin").unlink()


def missing_mapping(xml: Path) -> None:
    xml.with_name("MappingNetwork.xml").unlink()


def link_out_of_the_folder(xml: Path) -> None:
    outside = xml.parent.parent / f"outside-{xml.parent.name}.bin"
    xml.with_suffix(".bin").rename(outside)
    xml.with_suffix(".bin").symlink_to(outside)


def fifo(xml: Path) -> None:
    xml.with_suffix(".bin").unlink()
    os.mkfifo(xml.with_suffix(".bin"))


def link_to_itself(xml: Path) -> None:
    xml.with_suffix(".bin").unlink()
    xml.with_suffix(".bin").symlink_to(xml.with_suffix(".bin"))


def folder_for_blob(xml: Path) -> None:
    xml.with_suffix(".bin").unlink()
    xml.with_suffix(".bin").mkdir()


def huge_blob(xml: Path) -> None:
    with xml.with_suffix(".bin").open("r+b") as stream:
        stream.truncate(1 << 40)


def not_finite(xml: Path) -> None:
    blob = xml.with_suffix(".bin")
    data = bytearray(blob.read_bytes())
    data[: 16 * 4 * 4 * 4] = b"\xff" * (16 * 4 * 4 * 4)
    blob.write_bytes(bytes(data))


def synthesis_twice(xml: Path) -> None:
    xml.with_name("MappingNetwork.xml").write_bytes(xml.read_bytes())
    xml.with_name("MappingNetwork.bin").write_bytes(xml.with_suffix(".bin").read_bytes())


def another_name(xml: Path) -> None:
    xml.rename(xml.with_name("net.xml"))


HOSTILE: dict[Callable[[Path], None], str] = {
    entity_bomb: "declares a document type or entities",
    external_entity: "declares a document type or entities",
    outside_the_blob: "bytes at 99999999; the blob has",
    overlapping_the_end: "the blob has",
    negative_offset: "has no shape, offset and size that are numbers",
    huge_shape: "of shape [99999999999, 99999999999, 3, 3] wants",
    endless_number: "has no shape, offset and size that are numbers",
    wrong_size: "of shape [16, 16, 3, 2] wants 9216 bytes",
    unknown_operation: "Exec PReLU_",
    unknown_type: "is of type object",
    half_precision: "is of type f16",
    cycle: "its layers form a cycle",
    edge_to_nowhere: "to zzz leads nowhere",
    two_edges_a_port: "two edges end at port",
    one_id_twice: "two layers have the id 0",
    too_many_layers: "the limits are 5000 and 20000",
    broken_xml: "damaged XML",
    another_version: "not an OpenVINO network of version 10",
    other_filter: "GroupConvolutionBackpropData",
    other_slope: "ReLU PReLU_",
    no_result: "gives neither w nor an image",
    missing_blob: "SynthesisNetwork.bin: no such file; it belongs to SynthesisNetwork.xml",
    missing_mapping: "MappingNetwork.xml: no such file",
    link_out_of_the_folder: "is a link that leads out of its folder",
    fifo: "not a file",
    link_to_itself: "SynthesisNetwork.bin",
    folder_for_blob: "is a folder",
    huge_blob: "the limit is",
    not_finite: "NaN or infinity",
    synthesis_twice: "not a mapping and a synthesis network",
    another_name: "no such file",
}


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_hostile_and_damaged_files_end_in_one_line(spoil: Callable[[Path], None], xml: Path) -> None:
    spoil(xml)
    with pytest.raises(CheckpointError) as error:
        read_here(xml)
    assert HOSTILE[spoil] in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_a_name_that_says_neither_part_is_asked_for(xml: Path) -> None:
    other = xml.rename(xml.with_name("net.xml"))
    with pytest.raises(CheckpointError, match="named with MappingNetwork and SynthesisNetwork"):
        read_here(other)


def test_what_a_network_says_beside_its_layers_is_passed_over(xml: Path) -> None:
    deep_nesting(xml)
    changed(xml, "</net>", "<meta_data><cli_parameters/></meta_data></net>")
    assert set(read_here(xml).networks) == {"G"}
