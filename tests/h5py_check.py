#!/usr/bin/env python3
"""Has h5py (and so libhdf5) read what the HDF5 writer of the project writes.

Not part of `cargo test`, which needs nothing but Rust. By hand, with h5py in a virtual environment outside the project:

    python3 -m venv venv && venv/bin/pip install h5py numpy libsonata pynwb
    venv/bin/python tests/h5py_check.py

(libsonata and pynwb are optional.) It runs the ignored test `sample_for_h5py`, compares every object of the file with what that test put there, and then
lets libsonata and pynwb
read their parts, and libhdf5 change a copy of it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent


def write_sample(path):
    command = ["cargo", "test", "--lib", "sample_for_h5py", "--", "--ignored"]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "H5PY_SAMPLE": str(path)}, stdout=subprocess.DEVNULL)


def same(found, wanted):
    assert np.array_equal(found, wanted), (found, wanted)


def check_types(types):
    for name in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"):
        dtype = np.dtype("<" + name)
        info = np.iinfo(dtype)
        dataset = types[f"{name[0]}{dtype.itemsize * 8}"]
        assert dataset.dtype == dtype, dataset
        same(dataset[:], np.array([info.min, info.max], dtype))
    for name in ("f32", "f64"):
        dtype = np.dtype(f"<f{int(name[1:]) // 8}")
        assert types[name].dtype == dtype
        same(types[name][:], np.array([-1.5, np.finfo(dtype).max], dtype))
    assert types["scalar"][()] == 42 and types["scalar"].shape == ()
    assert types["empty"].shape == (0,) and len(types["empty"][:]) == 0
    assert types["text"].asstr()[()] == "one λ"
    assert list(types["texts"].asstr()[:]) == ["", "a", "Ünï", "long " * 30_000]
    info = h5py.check_string_dtype(types["texts"].dtype)
    assert info.length is None and info.encoding == "utf-8", info
    # libsonata compares with this very type.
    native = h5py.h5t.C_S1.copy()
    native.set_size(h5py.h5t.VARIABLE)
    native.set_cset(h5py.h5t.CSET_UTF8)
    assert types["texts"].id.get_type().equal(native)
    assert list(types["fixed"].asstr()[:]) == ["abc", "λ"] and types["fixed"].dtype.itemsize == 5
    assert h5py.check_enum_dtype(types["enumeration"].dtype) == {"none": 0, "by_id": 1, "by_time": 2}
    same(types["enumeration"][:], [2, 0, 1])
    assert types["boolean"].dtype == bool
    same(types["boolean"][:], [True, False])
    rows = types["compound"][:]
    assert rows.dtype.names == ("gid", "weight", "name", "point"), rows.dtype
    same(rows["gid"], [1, 2])
    same(rows["weight"], [0.25, 0.5])
    assert [bytes(n) for n in rows["name"]] == [b"ab", b"ab"]
    same(rows["point"]["y"], [-1, -1])


def check_layouts(layouts):
    values = ((np.arange(300_000) % 1000) / 8).astype("f4").reshape(1000, 100, 3)
    wanted = {
        "contiguous": (None, None, (1000, 100, 3)),
        "chunked": ((109, 100, 3), None, (None, 100, 3)),
        "deflated": ((7, 100, 3), 6, (None, 100, 3)),
        "fixed": ((109, 100, 3), 1, (1000, 100, 3)),
        "unlimited": ((1, 100, 3), None, (None, None, None)),
    }
    for name, (chunks, level, maxshape) in wanted.items():
        dataset = layouts[name]
        assert (dataset.chunks, dataset.maxshape) == (chunks, maxshape), (name, dataset.chunks, dataset.maxshape)
        assert dataset.compression_opts == level and dataset.shuffle == (level is not None), name
        same(dataset[:], values)
        same(dataset[501:503, ::7, 1], values[501:503, ::7, 1])
    same(layouts["long"][:], np.arange(200_000))
    assert layouts["none"].shape == (0, 4) and layouts["none"].maxshape == (None, 4)
    repeated = layouts["repeated"]
    assert repeated.shape == (1_000_000, 3) and repeated.id.get_storage_size() == 0
    same(repeated[500_000:500_002], np.full((2, 3), -1))
    assert list(layouts["texts"].asstr()[:]) == ["x", "yy"]


def check_attributes(file):
    attrs = file["attributes"].attrs
    assert len(attrs) == 51, len(attrs)
    assert attrs["magic"] == 0x0A7A and attrs["magic"].dtype == np.uint32
    same(attrs["version"], [0, 1])
    same(attrs["matrix"], [[1, 2, 3], [4, 5, 6]])
    assert attrs["text"] == "µm" and list(attrs["texts"]) == ["a", "", "ccc"]
    assert attrs["fixed"] in (b"ms", "ms") and attrs["größe"] == 1
    assert h5py.check_enum_dtype(attrs.get_id("sorting").dtype)["by_time"] == 2 and attrs["sorting"] == 2
    assert attrs["boolean"] == True  # noqa: E712
    assert file[attrs["reference"]].name == "/layouts/long"
    assert [file[r].name for r in attrs["references"]] == ["/types", "/layouts/long"]
    assert [attrs[f"n{i}"] for i in range(40)] == list(range(40))
    assert file["layouts/long"].attrs["unit"] == "ms"
    assert [file[r].name for r in file["references"][:]] == ["/attributes", "/layouts/long", "/"]
    assert file["soft"] == file["layouts/long"]
    assert file["types"].get("dangling", getlink=True).path == "/no/where"
    assert len(file["attributes/empty"]) == 0


def check_many(many):
    assert len(many) == 20_000 and set(many) == {f"a{i}" for i in range(20_000)}
    for i in range(0, 20_000, 997):
        assert many[f"a{i}"][()] == i


def check_sonata(path):
    import libsonata

    nodes = libsonata.NodeStorage(path).open_population("default")
    everything = nodes.select_all()
    assert nodes.size == 3 and list(nodes.get_attribute("x", everything)) == [0.5, 1.5, 2.5]
    assert list(nodes.get_attribute("model_template", everything)) == ["hoc:a", "", "hoc:c"]
    assert nodes.enumeration_names == {"mtype"}
    assert list(nodes.get_attribute("mtype", everything)) == ["L5_MC", "L1_DAC", "L5_MC"]
    same(nodes.get_dynamics_attribute("threshold_current", everything), [0.1, 0.2, 0.3])
    edges = libsonata.EdgeStorage(path).open_population("default")
    assert edges.source == edges.target == "default" and edges.size == 4
    same(edges.get_attribute("delay", edges.select_all()), np.array([0.25, 0.5, 0.75, 1], "f4"))
    assert edges.afferent_edges([1]).flatten().tolist() == [0, 3]
    assert edges.efferent_edges([1]).flatten().tolist() == [1, 2]
    spikes = libsonata.SpikeReader(path)["default"]
    assert spikes.sorting == "by_time" and spikes.get() == [(2, 0.1), (0, 0.2), (2, 0.3)]
    report = libsonata.SomaReportReader(path)["default"]
    assert report.data_units == "mV" and report.time_units == "ms" and report.sorted
    frames = report.get(node_ids=[2])
    same(frames.data[:, 0], [0, -1, -2, -3])
    print("libsonata: nodes, edges, spikes and report")


def check_nwb(path):
    import pynwb

    with pynwb.NWBHDF5IO(path, "r", load_namespaces=False) as io:
        units = io.read().units
        assert list(units.id[:]) == [7, 8]
        assert [list(units["spike_times"][i]) for i in range(2)] == [[0.1, 0.2], [0.5]]
    print(f"pynwb {pynwb.__version__}: units")


def change(path):
    """libhdf5 goes on with the file: adds, grows and deletes."""
    with h5py.File(path, "r+") as file:
        file["layouts/deflated"].resize(1010, 0)
        file["layouts/deflated"][1000:] = 7
        file["layouts/none"].resize(3, 0)
        file["layouts/none"][:] = 2
        file["layouts/texts"].resize(3, 0)
        file["layouts/texts"][2] = "zzz"
        file["attributes/empty"].attrs["new"] = "x" * 1000
        file["attributes"].attrs["magic"] = np.uint32(1)
        file["attributes/empty/g/d"] = np.arange(5)
        for i in range(300):
            file[f"many/new{i}"] = i
        for i in range(0, 20_000, 100):
            del file[f"many/a{i}"]
        del file["soft"]
    with h5py.File(path, "r") as file:
        assert file["layouts/deflated"].shape[0] == 1010 and (file["layouts/deflated"][1000:] == 7).all()
        assert file["layouts/deflated"][999, 99, 2] == np.float32((299_999 % 1000) / 8)
        assert file["layouts/none"][:].sum() == 24
        assert list(file["layouts/texts"].asstr()[:]) == ["x", "yy", "zzz"]
        assert len(file["many"]) == 20_000 + 300 - 200
        assert file["many/new299"][()] == 299 and file["many/a19999"][()] == 19_999
        assert file["attributes/empty"].attrs["new"] == "x" * 1000
        same(file["attributes/empty/g/d"][:], np.arange(5))


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sample.h5"
        write_sample(path)
        with h5py.File(path, "r") as file:
            assert set(file) >= {"types", "layouts", "attributes", "references", "soft", "many"}
            check_types(file["types"])
            check_layouts(file["layouts"])
            check_attributes(file)
            check_many(file["many"])
        for check in (check_sonata, check_nwb):
            try:
                check(str(path))
            except ImportError as error:
                print(f"skipped {check.__name__}: {error}")
        copy = path.with_name("copy.h5")
        shutil.copy(path, copy)
        change(copy)
    print(f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}: everything was read and changed as it should")


if __name__ == "__main__":
    sys.exit(main())
